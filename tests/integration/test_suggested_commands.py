"""Every command that a message suggests does what it is suggested for, typed in the situation that suggests it.

A desk is a clone with a colleague's remote; its user is in a subfolder. The command is read from the message, typed in
a shell, and the message is gone. Their editor is a `vi` of ours, which writes what a person would.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from sahel_nb.cli.main import COMMANDS, cli
from support.git import Git, run_git
from support.lab import Done, notebook
from support.service import BIN, Service
from support.suggestions import ROOT, suggestions

TESTS = ROOT / "tests"
FOLDER, SLUG = "notebooks/fula-lid", "fula-lid"
NOTEBOOK, SCRIPT, METADATA = f"{FOLDER}/{SLUG}.ipynb", f"{FOLDER}/{SLUG}.py", f"{FOLDER}/kernel-metadata.json"
SETTINGS = {
    "id": "awa/fula-lid", "title": "Fula Lid", "code_file": f"{SLUG}.ipynb", "language": "python",
    "kernel_type": "notebook", "is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": False,
}  # fmt: skip
VI = """#!/bin/sh
# A person at an editor: a message for a commit, and for any other file what $WRITES says, if it says something.
case $1 in
*_EDITMSG|*_MSG) echo "A word about it" > "$1" ;;
*) [ -z "$WRITES" ] || printf '%s' "$WRITES" > "$1" ;;
esac
"""
TYPED: set[str] = set()
"""The templates that the tests below type."""


def types(*templates: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    TYPED.update(templates)
    return lambda test: test


class Desk:
    """A clone, a home, and a shell in one of the clone's folders."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.git, self.origin, self.env = Git(folder / "clone"), Git(folder / "origin.git"), env
        self.root = self.git.root
        self.here = self.root / "notebooks"

    def type(self, command: str) -> Done:
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.here, env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", timeout=120,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def suggested(self, command: str, template: str) -> str:
        """The command that `command` suggests, of all that fit the template the first."""
        done = self.type(command)
        found = [line for line in commands_in(done.out + done.err) if fits(template, line)]
        assert found, f"no `{template}` in: {done}"
        return found[0]

    def mends(self, command: str, template: str) -> Done:
        """Type `command`, then what it suggests, then `command` again: it has no reason to suggest that any more."""
        mend = self.suggested(command, template)
        typed = self.type(mend)
        assert typed.code == 0, f"{mend}: {typed}"
        again = self.type(command)
        assert not [line for line in commands_in(again.out + again.err) if fits(template, line)], again
        return again

    def write(self, path: str, text: str) -> None:
        self.git.write(path, text)

    def commit(self, message: str, *paths: str) -> None:
        """As in a clone without our hooks and filter."""
        filters = (f"filter.sahel-nb.{setting}" for setting in ("process=", "clean=cat", "required=false"))
        off = [word for one in (*filters, "core.hooksPath=/dev/null") for word in ("-c", one)]
        self.git(*off, "add", "-A", "--", *(paths or (".",)))
        self.git(*off, "commit", "-q", "-m", message)


def commands_in(text: str) -> list[str]:
    """What a message says to type: after `$`, or after `->`."""
    return [found[1].strip() for line in text.splitlines() if (found := re.match(r"\s*(?:\$|->) (.+)", line))]


def fits(template: str, line: str) -> bool:
    return re.fullmatch(re.escape(template).replace(r"\{\}", ".*?"), line) is not None


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("kaggle"), users=("awa",)) as service:
        yield service


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up, with one kernel that is committed and pushed; copied for every test."""
    folder = tmp_path_factory.mktemp("ready")
    run_git("init", "-q", "--bare", "-b", "main", str(folder / "origin.git"), cwd=folder)
    desk = at_desk(folder)
    Git.init(desk.root)
    desk.git("remote", "add", "origin", str(folder / "origin.git"))
    desk.here = desk.root
    for command in ("sahel-nb init", "sahel-nb install"):
        assert desk.type(command).code == 0, command
    desk.write(METADATA, json.dumps(SETTINGS, indent=2) + "\n")
    desk.write(NOTEBOOK, notebook(["print('ŋ')", "print('ɓ')"]))
    for command in (f"sahel-nb pair {NOTEBOOK}", "git add -A && git commit -qm Kernel && git push -qu origin main"):
        done = desk.type(command)
        assert done.code == 0, done
    return folder


@pytest.fixture
def desk(ready: Path, tmp_path: Path) -> Desk:
    folder = tmp_path / "it's ŋ"
    shutil.copytree(ready, folder, symlinks=True)
    desk = at_desk(folder)
    desk.git("remote", "set-url", "origin", str(desk.origin.root))
    desk.git("update-index", "-q", "--refresh", check=False)
    return desk


def at_desk(folder: Path) -> Desk:
    home, tools = folder / "home", folder / "tools"
    for made in (home, tools):
        made.mkdir(exist_ok=True)
    for name in ("vi", "editor"):  # what git starts where none is set, as it was built
        (tools / name).write_text(VI, encoding="utf-8")
        (tools / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST"))}
    path = f"{tools}:{BIN}:{os.environ['PATH']}"
    return Desk(folder, {**env, "HOME": str(home), "PATH": path, "SAHEL_NB_UNSANDBOXED": "1"})


@pytest.fixture
def runner(desk: Desk, kaggle: Service) -> Desk:
    """With an account."""
    desk.env |= {"SAHEL_NB_KAGGLE": kaggle.url, "KAGGLE_USERNAME": "awa", "KAGGLE_KEY": kaggle.key("awa")}
    return desk


RUN = "sahel-nb run fula-lid --dry-run"


@types("git commit -a", "git push")
def test_a_run_of_what_is_not_committed_and_not_pushed(runner: Desk) -> None:
    runner.write(METADATA, json.dumps({**SETTINGS, "enable_internet": True}))
    runner.mends(RUN, "git commit -a")
    assert runner.mends(RUN, "git push").code == 0


@types("git add {} && git commit{}", "git pull --rebase && {}")
def test_a_run_with_new_files_beside_a_colleague_s_work(runner: Desk) -> None:
    away = Git(runner.root.parent / "away")
    run_git("clone", "-q", str(runner.origin.root), str(away.root), cwd=runner.root.parent)
    away.become("Binta")
    away.write("a.txt", "ŋ")
    away.commit("a.txt")
    away("push", "-q")
    runner.write(f"{FOLDER}/words.txt", "ŋ")
    runner.write(METADATA, json.dumps({**SETTINGS, "enable_internet": True}))
    runner.mends(RUN, "git add {} && git commit{}")
    assert runner.mends(RUN, "git pull --rebase && {}").code == 0


@types("git pull --ff-only", "git push -u origin {}", "git push origin HEAD:{}")
def test_a_run_of_a_branch_and_its_upstream(runner: Desk) -> None:
    runner.git("switch", "-q", "-c", "try", "--no-track")
    runner.mends(RUN, "git push -u origin {}")
    runner.git("switch", "-q", "-c", "mine", "--track", "origin/main")
    runner.write("b.txt", "ŋ")
    runner.commit("Another")
    assert runner.mends(RUN, "git push origin HEAD:{}").code == 0
    runner.git("reset", "-q", "--hard", "HEAD~1")
    assert runner.mends(RUN, "git pull --ff-only").code == 0


@types("git switch -c {} {} && {}")
def test_a_run_of_a_commit_that_was_squashed_away(runner: Desk) -> None:
    runner.git("switch", "-q", "-c", "work")
    runner.write("c.txt", "ŋ")
    runner.commit("Work")
    commit = runner.git("rev-parse", "HEAD")
    runner.git("switch", "-q", "main")
    runner.git("branch", "-q", "-D", "work")
    again = runner.mends(f"{RUN} --at {commit}", "git switch -c {} {} && {}")
    assert again.code == 0, again
    runner.git("switch", "-q", "--detach")
    runner.git("branch", "-q", "-D", f"run-{commit[:8]}")
    assert runner.mends(RUN, "git switch -c {} {} && {}").code == 0


@types("${EDITOR:-vi} {}")
@pytest.mark.parametrize("editor", ["", "nano --zero"])
def test_a_run_of_metadata_that_a_person_has_to_edit(runner: Desk, editor: str) -> None:
    runner.write(METADATA, json.dumps({**SETTINGS, "title": "Something else"}))
    runner.commit("A title")
    runner.git("push", "-q", "--no-verify")
    if editor:
        runner.env["EDITOR"] = editor
        (runner.root.parent / "tools/vi").rename(runner.root.parent / "tools/nano")
        (runner.root.parent / "tools/nano").write_text(VI.replace("$1", "$2"), encoding="utf-8")
    runner.env["WRITES"] = json.dumps(SETTINGS)
    typed = runner.suggested(RUN, "${EDITOR:-vi} {}")
    assert runner.type(typed).code == 0
    assert json.loads((runner.root / METADATA).read_text()) == SETTINGS


@types("sahel-nb lint --fix {} && git add {} && git commit", "sahel-nb lint --fix {}")
def test_metadata_that_can_be_fixed(runner: Desk) -> None:
    runner.write(METADATA, json.dumps({**SETTINGS, "dataset_sources": ["datasets/awa/words"]}))
    runner.mends("sahel-nb lint .", "sahel-nb lint --fix {}")
    runner.write(METADATA, json.dumps({**SETTINGS, "dataset_sources": ["datasets/awa/words"]}))
    runner.commit("A source")
    runner.git("push", "-q", "--no-verify")
    runner.mends(RUN, "sahel-nb lint --fix {} && git add {} && git commit")


@types("sahel-nb install && git add --renormalize {} && git commit", 'git add --renormalize ":/*.ipynb" && git commit -m "Strip notebooks"', "sahel-nb install && git add --renormalize {}")  # fmt: skip  # noqa: E501
def test_notebooks_that_were_committed_with_outputs(runner: Desk) -> None:
    outputs = [{"name": "stdout", "output_type": "stream", "text": ["ŋ\n"]}]
    dirty = json.loads((runner.root / NOTEBOOK).read_text(encoding="utf-8"))
    dirty["cells"][0]["outputs"] = outputs
    text = json.dumps(dirty, ensure_ascii=False, indent=1) + "\n"
    runner.write(NOTEBOOK, text)
    runner.commit("With outputs")
    runner.git("push", "-q", "--no-verify")
    runner.mends(RUN, "sahel-nb install && git add --renormalize {} && git commit")
    runner.write(NOTEBOOK, text.replace("ŋ", "ɓ"))
    runner.commit("With outputs again")
    runner.type("git stash list")
    runner.mends("sahel-nb doctor --offline", 'git add --renormalize ":/*.ipynb" && git commit -m "Strip notebooks"')


@types("sahel-nb pair {} && git add {} && git commit", "sahel-nb pair --from notebook {} && git commit -a   # or --from mirror")  # fmt: skip  # noqa: E501
def test_a_run_of_a_notebook_whose_script_is_missing_or_says_something_else(runner: Desk) -> None:
    (runner.root / SCRIPT).unlink()
    runner.commit("No script")
    runner.git("push", "-q", "--no-verify")
    runner.mends(RUN, "sahel-nb pair {} && git add {} && git commit")
    script = (runner.root / SCRIPT).read_text(encoding="utf-8")
    runner.write(SCRIPT, script.replace("'ɓ'", "'ƴ'"))
    runner.commit("Another script")
    runner.mends(RUN, "sahel-nb pair --from notebook {} && git commit -a   # or --from mirror")


@types("${EDITOR:-vi} {} && git add {} && git commit", "{}git bisect reset")
def test_a_run_amid_a_conflict_or_a_bisection(runner: Desk) -> None:
    runner.git("bisect", "start")
    runner.mends(RUN, "{}git bisect reset")
    runner.write("words.txt", "a")
    runner.commit("Words")
    runner.write("words.txt", "b")
    runner.git("stash", "-q")
    runner.write("words.txt", "c")
    runner.commit("Other words")
    runner.git("stash", "pop", check=False)
    runner.env["WRITES"] = "b and c"
    runner.mends(RUN, "${EDITOR:-vi} {} && git add {} && git commit")


@types("sahel-nb {} {}", "git log --oneline -5", "sahel-nb check")
def test_names_that_name_nothing(runner: Desk) -> None:
    runner.here = runner.root / FOLDER
    assert runner.type(runner.suggested("sahel-nb run fula-ldi --dry-run", "sahel-nb run {}") + " --dry-run").code == 0
    assert runner.type(runner.suggested("sahel-nb run --at nope", "git log --oneline -5")).code == 0
    for command in ("sahel-nb check --tree nope", "sahel-nb check --range nope..HEAD"):
        assert runner.type(runner.suggested(command, "git log --oneline -5")).code == 0
    assert runner.type(runner.suggested("sahel-nb check --range HEAD", "sahel-nb check")).code == 0


@types('git add -A && git commit --allow-empty -m "First commit"', "git init  # for a new one, here")
def test_a_folder_that_is_no_repository_and_one_without_a_commit(desk: Desk) -> None:
    desk.here = desk.root.parent / "new"
    desk.here.mkdir()
    desk.type("git config --global user.name Awa && git config --global user.email awa@example.org")
    desk.mends("sahel-nb status", "git init  # for a new one, here")
    assert desk.mends("sahel-nb status", 'git add -A && git commit --allow-empty -m "First commit"').code == 0


@types("git config --unset-all {} || git config --global --unset-all {}", "unset {}")
@pytest.mark.parametrize("where", ["--local", "--global"])
def test_settings_that_mean_nothing(desk: Desk, where: str) -> None:
    desk.type(f"git config {where} sahel-nb.lock.ttl soon")
    desk.mends("sahel-nb lint .", "git config --unset-all {} || git config --global --unset-all {}")
    desk.env["SAHEL_NB_LOCK_TTL"] = "soon"
    mend = desk.suggested("sahel-nb lint .", "unset {}")
    assert desk.type(f"{mend}; sahel-nb lint .").code == 0
    del desk.env["SAHEL_NB_LOCK_TTL"]
    desk.write("sahel-nb.toml", "[lock\n")
    desk.env["WRITES"] = "[lock]\n"
    desk.mends("sahel-nb lint .", "${EDITOR:-vi} {}")


@types('git config user.name "Your Name"', "git config user.email you@example.org")
def test_a_user_whom_git_does_not_know(runner: Desk) -> None:
    runner.type("git config --unset user.name; git config --unset user.email")
    runner.mends("sahel-nb lock acquire --reason moving", 'git config user.name "Your Name"')
    runner.mends("sahel-nb lock acquire --reason moving", "git config user.email you@example.org")


@types("sahel-nb lock acquire{} --reason \"what you are about to do\"", "sahel-nb lock show{}", "sahel-nb lock release {}")  # fmt: skip  # noqa: E501
def test_the_lock_by_hand(runner: Desk) -> None:
    asked = runner.suggested("sahel-nb lock acquire fula-lid --reason ''", "sahel-nb lock acquire{}")
    done = runner.type(asked)
    assert done.code == 0, done
    assert runner.type(runner.suggested("sahel-nb lock break fula-lid", "sahel-nb lock show{}")).code == 0
    release = re.search(r"give it back with: \$ (.+)", done.err)
    assert release is not None
    assert runner.type(release[1]).code == 0


@types("git ls-files '*.ipynb'", "sahel-nb pair", "sahel-nb pair --from notebook {}   # or --from mirror")
def test_pairs(desk: Desk) -> None:
    assert "fula-lid.ipynb" in desk.type(desk.suggested("sahel-nb lint nope.ipynb", "git ls-files '*.ipynb'")).out
    script = (desk.root / SCRIPT).read_text(encoding="utf-8")
    desk.write(SCRIPT, script.replace("'ɓ'", "'ƴ'"))
    desk.mends("sahel-nb pair --check", "sahel-nb pair")
    desk.commit("Both")
    desk.write(SCRIPT, script.replace("'ɓ'", "'z'"))
    desk.commit("The script alone")
    desk.mends("sahel-nb pair --check", "sahel-nb pair --from notebook {}   # or --from mirror")


@types("git add -A {} && git commit {}", "git add -A && git commit")
def test_what_the_git_hooks_refuse(desk: Desk) -> None:
    script = (desk.root / SCRIPT).read_text(encoding="utf-8")
    desk.write(SCRIPT, script.replace("'ɓ'", "'ƴ'"))
    mend = desk.suggested(f"git commit -m One -- {SLUG}/{SLUG}.py", "git add -A {} && git commit {}")
    assert desk.type(mend).code == 0
    assert desk.git("status", "--porcelain") == ""
    desk.write(f"{FOLDER}/words.txt", "ŋ")
    assert desk.mends("git push -q", "git add -A && git commit").code == 0


@types("mv {} {} && git restore {}", '  $ printf \'%s\\n\' {} >> "$(git rev-parse --show-toplevel)/.gitattributes"')  # fmt: skip  # noqa: E501
def test_a_notebook_that_was_cut(runner: Desk) -> None:
    runner.write(NOTEBOOK, '{"cells": [')
    runner.mends(RUN, "mv {} {} && git restore {}")
    runner.write("notebooks/cut.ipynb", '{"cells": [')
    line = "printf '%s\\n' {} >> \"$(git rev-parse --show-toplevel)/.gitattributes\""
    assert runner.mends("git add cut.ipynb", line).code == 0


@types("sahel-nb install", 'git add {} && git commit -m "Set up sahel-nb"', "sahel-nb init && git add :/.gitattributes",
       "sahel-nb init && git add :/.gitignore", "git config --remove-section filter.{}")  # fmt: skip
def test_what_doctor_finds(desk: Desk) -> None:
    doctor = "sahel-nb doctor --offline"
    (desk.root / ".git/hooks/pre-commit").unlink()
    desk.mends(doctor, "sahel-nb install")
    desk.write(".gitattributes", "")
    desk.mends(doctor, "sahel-nb init && git add :/.gitattributes")
    desk.write(".gitignore", "")
    desk.mends(doctor, "sahel-nb init && git add :/.gitignore")
    desk.git("config", "filter.nbstripout.clean", "cat")
    desk.mends(doctor, "git config --remove-section filter.{}")
    desk.git("rm", "-q", "--cached", ".gitattributes")
    desk.commit("Not ours", "sahel-nb.toml")
    desk.git("commit", "-q", "--allow-empty", "-m", "x", check=False)
    desk.git("reset", "-q")
    desk.git("rm", "-q", "--cached", "sahel-nb.toml")
    desk.mends(doctor, 'git add {} && git commit -m "Set up sahel-nb"')


@types("this clone has neither sahel-nb's filter nor its hooks: outputs would be committed; $ sahel-nb install")
def test_install_was_forgotten_in_this_clone(runner: Desk) -> None:
    notice = "outputs would be committed"
    for command in ("sahel-nb status --json", RUN, "sahel-nb status"):
        assert notice not in runner.type(command).err
    assert runner.type("sahel-nb uninstall").code == 0
    for command in ("sahel-nb status --json", RUN):
        done = runner.type(command)
        assert done.err.count(notice) == 1
        assert notice not in done.out
        assert notice not in runner.type(f"CI=true {command}").err
    mend = re.search(rf"{notice}; \$ (.+)", done.err)
    assert mend is not None
    runner.write(".pre-commit-config.yaml", "repos: [{repo: ., hooks: [{id: sahel-nb-strip}]}]\n")
    assert notice not in runner.type("sahel-nb status").err
    (runner.root / ".pre-commit-config.yaml").unlink()
    assert runner.type(mend[1]).code == 0
    assert notice not in runner.type("sahel-nb status").err


PERSON = {
    "a name, an address or a folder that only they know": (
        "cd YOUR-CLONE", "export KAGGLE_CONFIG_DIR=FOLDER", "git clone URL", "git config sahel-nb.owner ACCOUNT",
        "git config user.signingkey KEY", "git remote add origin URL", "git remote add {} URL",
        "git push {} BRANCH:{}  # with the file {}", "jupyter nbconvert --to notebook --inplace FILE",
    ),
    "Kaggle itself, a browser or another machine": (
        "kaggle auth login", "kaggle datasets status {}", "python3 -m webbrowser {}", "timedatectl set-ntp true",
        "python3 -m webbrowser https://www.kaggle.com/competitions/{}/rules", "git fetch --unshallow", "git fetch",
        "git fetch origin",
        "git config --get-all uploadpack.hideRefs  # on the server", "git fetch {} {}", "git pull", "git fsck",
        "rm {}  # on the server, if no git process is at work there", "git push --dry-run {}", "git push {} :{}",
        "git push {} --delete {}",
    ),
    "another user, the whole account, or a disk that is full": (
        "chmod 600 {}", "df -h .", "df -h . ~ /tmp", "df -h {}", "ls -ld {}", "kill -9 {}", "git config {}",
        "git config --global --add safe.directory {}", "git config --global {} true   # for all that you run here",
        "git config core.sharedRepository group && sahel-nb install  # its owner", "mv {} {}",
        "mkdir -p {}  # and put its files there",
        "mkdir -p {} && {}  # put its files there, git add and commit them",
        "mv {} {}.old && sahel-nb install", "mv {} {}.aside && sahel-nb install", "export SAHEL_NB_KAGGLE=local",
        "unset SAHEL_NB_KAGGLE_TIMEOUT", "unset SAHEL_NB_LOCK_TTL", "rm {}", "tail -n 30 {}",
        "git stash --include-untracked",
    ),
    "a look at what it shows": (
        "git check-attr -a -- a.ipynb", "git config --get-regexp sahel-nb.lock", "git diff HEAD -- {}",
        "git ls-remote {}",
        "git config --show-origin --get-regexp '^(url|sahel-nb.lock)'", "git log -p --branches --not --remotes",
        "git diff HEAD -- sahel-nb.toml; git config --get-regexp sahel-nb.lock", "git ls-remote {} {}", "git remote -v",
        "git status",
        "git config --show-origin --show-scope --get-all core.hooksPath", "git fetch --all",
        "git config user.email", "git config user.signingkey",
    ),
    "what they mean": (
        'git add {} && git commit -m "Keep the locks where the host takes them" -- {}', "git add {} && git commit",
        'git add {} && git commit -m "Name the remote with the locks" -- {}',
        'git add {} && git commit -m "Add {}" && git push',
        'git add {} && git commit -m "Set up sahel-nb" && sahel-nb install',
        "git rm {}, or bring the mirror back: sahel-nb pair {} && git add {}",
        "git rm -f {}, or bring the notebook back: git checkout HEAD -- {}",
    ),
}  # fmt: skip
"""Not typed here: what a person, or another machine, has to bring → templates. For `sahel-nb …` see below."""


def test_every_suggestion_is_typed_or_says_what_it_waits_for() -> None:
    waits = {template for templates in PERSON.values() for template in templates}
    found = {shown(text): where for text, where in suggestions().items() if is_a_line(text)}
    new = {
        text: where for text, where in found.items() if text not in TYPED | waits and not text.startswith("sahel-nb ")
    }
    assert new == {}, "a suggestion is typed by a test of this file, or waits for a person"
    assert sorted(waits - found.keys()) == [], "they are suggested no more"


def test_commands_of_ours_are_spelled_as_the_command_line_knows_them() -> None:
    looked_at = [(template, words) for template in suggestions() for words in ours(template)]
    assert len(looked_at) > 100
    for template, words in looked_at:
        command: click.Command = cli
        context = click.Context(cli)
        while isinstance(command, click.Group):
            name = words.pop(0)
            found = command.get_command(context, name)
            assert found is not None, f"{template}: no command {name}"
            command = found
        if "--help" not in words:
            command.make_context("sahel-nb", words)


def ours(template: str) -> Iterator[list[str]]:
    """The arguments of each `sahel-nb` in a template or sentence, with something put in."""
    text = re.sub(r"(?<=[a-z])\{\}", "", GIVEN.get(template, template))
    for part in re.findall(r"(?:^|[`$:;&] ?|, )sahel-nb ([a-z][^`;&#(,:]*)", text):
        words = shlex.split(part.replace("'s ", " ").replace("{}@v{}", "x/y@v7").replace("{}", "x/y"))
        verbs = [word for word in words if word in COMMANDS]
        if verbs and words[0] == verbs[0]:
            # A sentence goes on after the command.
            end = next((at for at, word in enumerate(words) if word in SENTENCE), len(words))
            yield words[:end]


GIVEN = {
    "sahel-nb check {} {}": "sahel-nb check --tree HEAD",
    "sahel-nb pair --from {} FILE.ipynb": "sahel-nb pair --from mirror FILE.ipynb",
    "sahel-nb lock break {} --fence {} --reason TEXT": "sahel-nb lock break x/y --fence 7 --reason TEXT",
    "sahel-nb lock break{} --fence N --reason TEXT": "sahel-nb lock break --fence 7 --reason TEXT",
}
"""Where not every word will do."""
SENTENCE = frozenset(("changes", "costs", "ends", "finds", "goes", "in", "is", "out", "pushes", "says", "shows"))


def shown(text: str) -> str:
    return text.strip().removeprefix("$ ")


def is_a_line(text: str) -> bool:
    """A whole line to type, and no part of a sentence."""
    begins = re.match(r"(?:sahel-nb|git|\$\{EDITOR|cd|chmod|df|export|jupyter|kaggle|kill|ls|mkdir|mv|python3|rm|tail|timedatectl|unset) ", shown(text))  # fmt: skip  # noqa: E501
    return begins is not None and re.search(r" (?:ended|has|could|cannot|is|does|would|knows|can) |\b(?:cd \{\} && $|config $)", text.partition("#")[0]) is None  # fmt: skip  # noqa: E501
