"""Every command that a message suggests does what it is suggested for, typed in the situation that suggests it.

A desk is a clone with a colleague's remote; its user is in a subfolder. The command is read from the message, typed in
a shell, and the message is gone. Their editor is a `vi` of ours, which writes what a person would.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from sahel_nb.cli.main import COMMANDS, cli
from support.desk import FOLDER, METADATA, NOTEBOOK, RUN, SCRIPT, SETTINGS, SLUG, VI, Desk, types
from support.git import Git, run_git
from support.suggestions import ROOT, suggestions


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


@types("git ls-files '*.ipynb'", "sahel-nb pair", "sahel-nb pair --from notebook {}   # or --from mirror",
       "sahel-nb pair --from mirror {}")  # fmt: skip
def test_pairs(desk: Desk) -> None:
    assert "fula-lid.ipynb" in desk.type(desk.suggested("sahel-nb lint nope.ipynb", "git ls-files '*.ipynb'")).out
    script = (desk.root / SCRIPT).read_text(encoding="utf-8")
    desk.write(SCRIPT, script.replace("'ɓ'", "'ƴ'"))
    desk.mends("sahel-nb pair --check", "sahel-nb pair")
    desk.commit("Both")
    desk.write(SCRIPT, script.replace("'ɓ'", "'z'"))
    desk.commit("The script alone")
    desk.mends("sahel-nb pair --check", "sahel-nb pair --from notebook {}   # or --from mirror")
    (desk.root / NOTEBOOK).unlink()
    desk.write(SCRIPT, script)
    desk.mends("sahel-nb pair", "sahel-nb pair --from mirror {}")


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
        "export KAGGLE_CONFIG_DIR=FOLDER",
        "git config user.signingkey KEY",
        "git push {} BRANCH:{}  # with the file {}",
        "sahel-nb lock install-hook FOLDER --identity VARIABLE  # on the server",
        "jupyter nbconvert --to notebook --inplace FILE",
    ),
    "Kaggle itself, a browser or another machine": (
        "kaggle auth login",
        "kaggle datasets status {}",
        "python3 -m webbrowser {}",
        "timedatectl set-ntp true",
        "python3 -m webbrowser https://www.kaggle.com/competitions/{}/rules",
        "git config --get-all uploadpack.hideRefs  # on the server",
        "git config --get-regexp sahel  # on the server",
        "git config --get-regexp sahel  # on the server: a forced command, or http",
        "git fsck",
    ),
    "another user, the whole account, or a disk that is full": (
        "df -h .",
        "df -h . ~ /tmp",
        "df -h {}",
        "ls -ld {}",
        "kill -9 {}",
        "git config {}",
        "git config --global --add safe.directory {}",
        "git config --global {} true   # for all that you run here",
        "git config core.sharedRepository group && sahel-nb install  # its owner",
        "mv {} {}",
        "mv {} {}.aside && sahel-nb install",
        "tail -n 30 {}",
        "git stash --include-untracked",
    ),
    "a look at what it shows": ("git config user.email", "git config user.signingkey", "git status", "ls -l {}"),
}
"""Not typed: what a person, or another machine, has to bring → templates."""
ELSEWHERE = {
    "contract/localkaggle/test_localkaggle_daemon.py::test_a_damaged_store_is_put_aside_by_the_command_that_is_named": (
        "mv {} {}",
    ),
    "e2e/test_rehearse_unsandboxed.py::test_it_is_said_each_time_and_refused_until_somebody_says_that_it_is_meant": (
        "git config --global {} true   # for all that you run here",
    ),
    "integration/commit/test_interpreter_gone.py::test_each_command_of_git_says_what_to_type": (
        "sahel-nb install   # in this clone, with the environment active that has sahel-nb",
    ),
    "integration/commit/test_phantoms.py::test_executed_again_they_are_mended_by_one_command_from_any_folder": (
        "sahel-nb doctor --fix",
    ),
    "integration/commit/test_pre_commit.py::test_a_conflict_in_the_json_is_resolved_in_the_mirror": (
        "sahel-nb pair --from mirror {} && git add {}",
    ),
    "integration/commit/test_vault_command.py::test_a_sweep_does_not_wait_for_another": ("sahel-nb vault gc",),
    "integration/test_around_the_lock.py::test_a_remote_that_went_back": (
        "sahel-nb lock ack {} --reason TEXT  # go on with what is there",
    ),
    "integration/test_drift.py::test_a_run_is_compared_with_its_commit_though_its_branch_was_squashed_and_deleted": (
        "sahel-nb drift --base HEAD {}",
    ),
    "integration/test_drift.py::test_an_edit_comes_home_beside_what_git_has_changed_since": (
        "sahel-nb rescue --yes {}",
    ),
    "integration/test_drift.py::test_where_both_changed_the_same_git_wins": ("sahel-nb rescue --markers {}",),
    "integration/test_quota_gate.py::test_a_run_that_cannot_finish_is_refused_unless_told": (
        "sahel-nb run {} --over-quota", "sahel-nb quota",
    ),
}  # fmt: skip
"""Typed by other tests, in the same situation: the test → templates."""
PARSED = frozenset(
    (
        "sahel-nb attach",
        "sahel-nb demo",
        "sahel-nb local serve --host {} --allow-remote",
        "sahel-nb local stop   # the next run starts it in this one",
        "sahel-nb lock install-hook --help",
        "sahel-nb lock install-hook --identity REMOTE_USER",
        "sahel-nb lock install-hook --identity SAHEL_USER",
        "sahel-nb lock log {}",
        "sahel-nb lock log {} --verify",
        "sahel-nb output {}@v{} -o {}",
        "sahel-nb rescue --base HEAD {}",
        "sahel-nb run",
        "sahel-nb uninstall && npm rebuild husky && sahel-nb install",
    )
)
"""Of ours, and only parsed by the test below: no test types them where they are suggested."""


def test_every_suggestion_is_typed_or_says_what_it_waits_for() -> None:
    """By one of these files, or by the test that is named; or it waits for a person, or is only parsed."""
    waits = {template for templates in PERSON.values() for template in templates}
    elsewhere = {template for templates in ELSEWHERE.values() for template in templates}
    here = typed_here()
    found = {shown(text): where for text, where in suggestions().items() if is_a_line(text)}
    new = {text: where for text, where in found.items() if text not in here | waits | elsewhere | PARSED}
    assert new == {}, "a suggestion is typed by a test of these files or another one, or waits for a person"
    assert sorted((waits | elsewhere | PARSED) - found.keys()) == [], "they are suggested no more"
    assert sorted(here & (waits | PARSED)) == [], "they are typed"


def test_the_tests_that_type_suggestions_elsewhere_are_there() -> None:
    for where in ELSEWHERE:
        name, _, test = where.partition("::")
        tree = ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, where


def typed_here() -> set[str]:
    """What the tests of test_suggested_*.py say that they type."""
    found = set()
    for path in sorted((ROOT / "tests/integration").glob("test_suggested_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
                said = [one for one in calls if ast.unparse(one.func) == "types"]
                found |= {ast.literal_eval(word) for one in said for word in one.args}
    return found


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
    return begins is not None and re.search(r" (?:ended|has|could|cannot|is|does|would|knows|can|says|shows|pushes) |^sahel-nb [a-z ]+[,;:] |\b(?:cd \{\} && $|config $)", text.partition("#")[0]) is None  # fmt: skip  # noqa: E501
