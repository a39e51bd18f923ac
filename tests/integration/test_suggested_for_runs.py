"""What is suggested around runs, kernels and set-up is typed where it is suggested; see test_suggested_commands.py."""

from __future__ import annotations

import json
import shutil
import subprocess

import requests

from support.desk import FOLDER, METADATA, NOTEBOOK, RUN, SCRIPT, SETTINGS, Desk, commands_in, fits, types
from support.git import Git, run_git
from support.lab import notebook
from support.service import Service

DOCTOR = "sahel-nb doctor --offline"


@types("git add {} && git commit", "sahel-nb lint {}", "sahel-nb lint", "git remote add origin URL", "sahel-nb run {}")
def test_a_run_of_what_cannot_run(runner: Desk) -> None:
    runner.git("rm", "-q", "--cached", NOTEBOOK)
    runner.git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "Without it")
    runner.git("push", "-q", "--no-verify")
    mend = runner.suggested(RUN, "git add {} && git commit")
    assert runner.type(mend).code == 0
    assert runner.type("git push -q").code == 0
    assert runner.type(RUN).code == 0

    runner.write(NOTEBOOK, notebook(["def ŋ(:"]))
    runner.commit("No Python")
    runner.git("push", "-q", "--no-verify")
    assert "SNB201" in str(runner.type(runner.suggested(RUN, "sahel-nb lint {}")))
    runner.git("reset", "-q", "--hard", "HEAD~")
    runner.git("push", "-qf", "--no-verify")

    shutil.copytree(runner.root / FOLDER, runner.root / "notebooks/copy")
    runner.commit("The same id")
    runner.git("push", "-q", "--no-verify")
    assert "SNB305" in str(runner.type(runner.suggested(RUN, "sahel-nb lint")))
    runner.git("reset", "-q", "--hard", "HEAD~")
    runner.git("push", "-qf", "--no-verify")

    runner.git("remote", "remove", "origin")
    line = runner.suggested(RUN, "git remote add origin URL").replace("URL", f"'{runner.origin.root}'")
    assert runner.type(line.replace("'s ŋ", "'\\''s ŋ")).code == 0
    assert runner.type(f"git fetch -q && git branch -q -u origin/main && {RUN}").code == 0


@types("git fetch --all", "git fetch --unshallow",
       "sahel-nb check --tree HEAD   # what is there now, without its history",
       "sahel-nb check {} {}", "git log -p --branches --not --remotes", "git clone URL", "cd YOUR-CLONE")  # fmt: skip
def test_commits_and_clones_that_are_not_here(runner: Desk) -> None:
    away = Git(runner.root.parent / "away")
    run_git("clone", "-q", str(runner.origin.root), str(away.root), cwd=runner.root.parent)
    away.become("Binta")
    away("commit", "-q", "--allow-empty", "-m", "Theirs")
    away("push", "-q")
    there = away("rev-parse", "HEAD")
    for command in (f"{RUN} --at {there}", f"sahel-nb check --tree {there}"):
        runner.mends(command, "git fetch --all")
        runner.git("update-ref", "-d", "refs/remotes/origin/main")
        runner.git("update-ref", "refs/remotes/origin/main", "HEAD")
        runner.git("gc", "-q", "--prune=now")
    both = runner.type("sahel-nb check --range HEAD~..HEAD --tree HEAD")
    found = [line for line in commands_in(both.err) if fits("sahel-nb check {} {}", line)]
    assert [runner.type(line).code for line in found] == [2, 0], "the first commit has no parent"

    runner.write(NOTEBOOK, notebook(["def ŋ(:"]))
    runner.commit("No Python")
    assert "def ŋ(:" in runner.follow("git push -q", "git log -p --branches --not --remotes").out

    shallow = runner.root.parent / "shallow"
    run_git("clone", "-q", "--depth=1", f"file://{runner.origin.root}", str(shallow), cwd=runner.root.parent)
    runner.here = shallow / "notebooks"
    asked = "sahel-nb check --range HEAD~..HEAD"
    runner.follow(asked, "sahel-nb check --tree HEAD   # what is there now, without its history")
    assert runner.mends(asked, "git fetch --unshallow").code == 0

    runner.here = runner.origin.root
    clone = runner.suggested("sahel-nb status", "git clone URL").replace("URL", '"$PWD" ../mine')
    assert runner.type(f"{clone} && cd ../mine && sahel-nb status").code == 0
    runner.here = runner.root.parent
    cd = runner.suggested("sahel-nb status", "cd YOUR-CLONE").replace("YOUR-CLONE", "clone")
    assert runner.type(f"{cd} && sahel-nb status").code == 0


@types("sahel-nb rehearse", "unset SAHEL_NB_KAGGLE_TIMEOUT", "export SAHEL_NB_KAGGLE=local",
       "chmod 600 {}", "sahel-nb doctor --offline")  # fmt: skip
def test_nobody_is_signed_in_or_a_setting_means_nothing(runner: Desk) -> None:
    runner.env["SAHEL_NB_KAGGLE_TIMEOUT"] = "soon"
    mend = runner.suggested(RUN, "unset SAHEL_NB_KAGGLE_TIMEOUT")
    assert runner.type(f"{mend}; {RUN}").code == 0
    del runner.env["SAHEL_NB_KAGGLE_TIMEOUT"]
    runner.env["SAHEL_NB_KAGGLE"] = "here"
    local = runner.suggested(RUN, "export SAHEL_NB_KAGGLE=local")
    del runner.env["SAHEL_NB_KAGGLE"], runner.env["KAGGLE_USERNAME"], runner.env["KAGGLE_KEY"]
    assert runner.suggested(RUN, "kaggle auth login")
    rehearse = runner.suggested("sahel-nb debug fula-lid", "sahel-nb rehearse")
    try:
        for line in (f"{local}; {RUN}", rehearse):
            done = runner.type(line)
            assert done.code == 0, done
    finally:
        assert runner.type("sahel-nb local stop").code == 0
    key = runner.root.parent / "home/.kaggle/kaggle.json"
    key.parent.mkdir(exist_ok=True)
    key.write_text(json.dumps({"username": "awa", "key": "x"}))
    key.chmod(0o644)
    runner.mends(DOCTOR, "chmod 600 {}")


@types("mkdir -p {}  # and put its files there", "mkdir -p {} && {}  # put its files there, git add and commit them",
       "sahel-nb rehearse {}", "cd ITS-CLONE && {}", "sahel-nb local stop")  # fmt: skip
def test_a_rehearsal_without_its_sources(runner: Desk) -> None:
    names = {"competition_sources": ["titanic"], "dataset_sources": ["binta/wordlist"]}
    names |= {"kernel_sources": ["awa/other", "binta/nearby"]}
    runner.write(METADATA, json.dumps({**SETTINGS, **names}))
    kernel(runner.git, "awa/other")
    assert runner.type("sahel-nb pair && git add -A . && git commit -qm Sources").code == 0
    away = Git.init(runner.root.parent / "away")
    kernel(away, "binta/nearby")
    away("add", "-A")
    away("-c", "core.hooksPath=/dev/null", "commit", "-qm", "Theirs")
    again = "sahel-nb rehearse fula-lid"
    try:
        refused = runner.type(again)
        assert "outputs would be committed" not in refused.err
        lines = list(dict.fromkeys(commands_in(refused.err)))
        assert len(lines) == 4, lines
        for line in lines:
            done = runner.type(line.replace("ITS-CLONE", "../../away"))
            assert done.code == 0, f"{line}: {done}"
        runner.write("notebooks/data/wordlist/words.txt", "ŋ")
        assert runner.type("git add -A . && git commit -qm Data").code == 0
        assert runner.type("sahel-nb uninstall").code == 0
        done = runner.type(again)
        assert done.code == 0, done
        assert done.err.count("outputs would be committed; $ sahel-nb install") == 1
    finally:
        assert runner.type("sahel-nb local stop").code == 0


def kernel(git: Git, name: str) -> None:
    slug = name.partition("/")[2]
    git.write(f"notebooks/{slug}/{slug}.ipynb", notebook(["print('ŋ')"]))
    settings = {**SETTINGS, "id": name, "title": slug.title(), "code_file": f"{slug}.ipynb", "is_private": False}
    git.write(f"notebooks/{slug}/kernel-metadata.json", json.dumps(settings))


@types("sahel-nb new my-kernel --owner YOUR-KAGGLE-NAME", "sahel-nb new {} --owner ACCOUNT",
       "git config sahel-nb.owner ACCOUNT", "sahel-nb new --help",
       'git add {} && git commit -m "Set up sahel-nb" && sahel-nb install', "sahel-nb init",
       'git add {} && git commit -m "Add {}" && git push',
       "sahel-nb rehearse {}      # no account, no quota")  # fmt: skip
def test_the_first_kernel_of_a_repository(runner: Desk) -> None:
    folder = runner.root.parent / "new"
    run_git("init", "-q", "-b", "main", str(folder), cwd=runner.root.parent)
    git = Git(folder)
    git.become("Awa")
    origin = folder.with_name("new.git")
    run_git("init", "-q", "--bare", "-b", "main", str(origin), cwd=folder)
    git("remote", "add", "origin", str(origin))
    git("config", "push.autoSetupRemote", "true")
    (folder / "words").mkdir()
    runner.here = folder / "words"
    assert runner.suggested(DOCTOR, "sahel-nb init && git add :/.gitattributes")
    runner.follow("sahel-nb init", 'git add {} && git commit -m "Set up sahel-nb" && sahel-nb install')
    assert runner.type("git push -q").code == 0
    new = runner.suggested("sahel-nb run", "sahel-nb new my-kernel --owner YOUR-KAGGLE-NAME")
    made = runner.type(new.replace("YOUR-KAGGLE-NAME", "awa"))
    assert made.code == 0, made
    for line in [line for line in commands_in(made.err) if not line.startswith("sahel-nb rehearse")]:
        done = runner.type(line)
        assert done.code == 0, f"{line}: {done}"
    asked = "sahel-nb new other"
    assert runner.type(runner.suggested(asked, "sahel-nb new {} --owner ACCOUNT").replace("ACCOUNT", "awa")).code == 0
    setting = runner.suggested("sahel-nb new third", "git config sahel-nb.owner ACCOUNT").replace("ACCOUNT", "awa")
    assert runner.type(f"{setting} && sahel-nb new third").code == 0
    runner.follow("sahel-nb new x --owner awa --template nope", "sahel-nb new --help")


@types("git check-attr -a -- a.ipynb", "mv {} {}.old && sahel-nb install",
       "git config --show-origin --show-scope --get-all core.hooksPath",
       "git rm {}, or bring the mirror back: sahel-nb pair {} && git add {}",
       "git rm -f {}, or bring the notebook back: git checkout HEAD -- {}")  # fmt: skip
def test_a_clone_that_others_have_set_up_as_well(desk: Desk) -> None:
    attributes = (desk.root / ".gitattributes").read_text(encoding="utf-8")
    desk.write(".gitattributes", attributes + "*.ipynb filter=theirs\n")
    assert "filter: theirs" in desk.follow(DOCTOR, "git check-attr -a -- a.ipynb").out
    desk.write(".gitattributes", attributes)

    desk.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "/nowhere"}
    shows = "git config --show-origin --show-scope --get-all core.hooksPath"
    assert "command" in desk.follow("sahel-nb install", shows).out
    for name in [name for name in desk.env if name.startswith("GIT_CONFIG")]:
        del desk.env[name]

    desk.git("config", "core.hooksPath", ".husky")
    desk.write(".husky/pre-commit", "#!/bin/sh\n")
    desk.write(".husky/pre-commit.before-sahel-nb", "#!/bin/sh\n# another\n")
    assert desk.mends("sahel-nb install", "mv {} {}.old && sahel-nb install").code == 0


@types("git rm {}, or bring the mirror back: sahel-nb pair {} && git add {}",
       "git rm -f {}, or bring the notebook back: git checkout HEAD -- {}")  # fmt: skip
def test_half_of_a_pair_that_was_removed(desk: Desk) -> None:
    either = "git rm {}, or bring the mirror back: sahel-nb pair {} && git add {}"
    other = "git rm -f {}, or bring the notebook back: git checkout HEAD -- {}"
    for template in (either, other):
        for half in (0, 1):
            desk.git("reset", "-q", "--hard", "origin/main")
            if template == either:
                desk.git("rm", "-q", SCRIPT)
            else:
                desk.git("rm", "-q", NOTEBOOK)
                desk.write(SCRIPT, (desk.root / SCRIPT).read_text(encoding="utf-8") + "\n# another line\n")
                desk.git("add", SCRIPT)
            mend = desk.suggested("git commit -m One", template).split(", or bring the ")[half]
            mend = mend.partition(" back: ")[2] or mend
            assert desk.type(mend).code == 0, mend
            done = desk.type("git commit -m One")
            assert not [line for line in commands_in(done.err) if fits(template, line)], done


@types("sahel-nb status", "sahel-nb run{} {}", "sahel-nb status {}", "sahel-nb pair --from {} FILE.ipynb",
       "sahel-nb vault list",
       "sahel-nb drift {}")  # fmt: skip
def test_what_was_never_run_or_not_from_git(runner: Desk, kaggle: Service) -> None:
    runner.write(METADATA, json.dumps({**SETTINGS, "id": "awa/never-run", "title": "Never Run"}))
    runner.commit("Another id")
    runner.git("push", "-q", "--no-verify")
    for command in ("sahel-nb output awa/nothing", "sahel-nb logs awa/nothing"):
        runner.follow(command, "sahel-nb status")
    line = runner.suggested("sahel-nb output fula-lid", "sahel-nb run{} {}")
    assert runner.type(f"{line} --dry-run").code == 0

    held = "sahel-nb lock acquire awa/never-run --reason x && sahel-nb lock release awa/never-run"
    assert runner.type(held).code == 0
    body = {
        "slug": "awa/never-run", "newTitle": "Never Run", "text": notebook(["import time; time.sleep(600)"]),
        "language": "python", "kernelType": "notebook", "isPrivate": True,
    }  # fmt: skip
    assert kaggle.api("awa", "SaveKernel", body)[0] == 200
    for command in ("sahel-nb run awa/never-run", f"{line} --dry-run"):
        assert "not pushed by sahel-nb" in runner.follow(command, "sahel-nb status {}").out
    cancelled = {"owner": "awa", "slug": "never-run", "version": 1}
    requests.post(f"{kaggle.url}/admin/cancel", auth=kaggle.owner, json=cancelled, timeout=30).raise_for_status()
    kaggle.wait("awa", "awa/never-run")
    assert "time.sleep(600)" in runner.follow(f"{line} --dry-run", "sahel-nb drift {}").out

    choose = runner.suggested("sahel-nb pair --from notebook", "sahel-nb pair --from {} FILE.ipynb")
    assert runner.type(choose.replace("FILE", "fula-lid/fula-lid")).code == 0
    runner.follow("sahel-nb vault restore fula-lid/fula-lid.ipynb", "sahel-nb vault list")


@types("sahel-nb local stop --data {}", "sahel-nb local serve --data ANOTHER-FOLDER", "sahel-nb local serve --data {}")
def test_a_data_folder_that_is_in_use_or_damaged(desk: Desk) -> None:
    assert desk.type("sahel-nb local start --data ../data").code == 0
    try:
        other = desk.suggested("sahel-nb local serve --data ../data", "sahel-nb local serve --data ANOTHER-FOLDER")
        command = ["sh", "-c", "exec " + other.replace("ANOTHER-FOLDER", "../other")]
        with subprocess.Popen(command, cwd=desk.here, env=desk.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://")
            process.terminate()
        stop = desk.suggested("sahel-nb local serve --data ../data", "sahel-nb local stop --data {}")
    finally:
        assert desk.type("sahel-nb local stop --data ../data").code == 0
    assert desk.type("sahel-nb local start --data ../data").code == 0
    assert desk.type(stop).code == 0
    assert desk.type("sahel-nb local status --data ../data").out == "not running\n"
    (desk.root / "data/service.db").write_bytes(b"garbage")
    refused = desk.type("sahel-nb local start --data ../data")
    (by_hand,) = (line for line in commands_in(refused.err) if line.startswith("sahel-nb") and "ANOTHER" not in line)
    assert "service.db cannot be used" in desk.type(by_hand).err
