"""`python -m tests.hook_managers [NAME…]`: install each manager of hooks before us and after us, and see who runs.

Needs npm and pip; takes the newest versions from their registries. Prints a line for each manager and order:
`as found` is what holds without anything typed, `mended` what holds after `sahel-nb doctor --fix`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.config import Config
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.install.repository import initialize
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple

NPM = {
    "husky9": "husky@9",
    "husky8": "husky@8",
    "husky4": "husky@4",
    "lefthook2": "lefthook@2",
    "lefthook1": "lefthook@1",
}
PIP = ("pre-commit", "prek")
ORDERS = ("theirs ours", "ours theirs", "theirs ours theirs", "ours theirs ours theirs")


@dataclass(frozen=True)
class Manager:
    """`configure` writes what a team commits, `set_up` is what its people type."""

    configure: Callable[[Git, Path], None]
    set_up: Callable[[Git], None]


def _run(command: list[str], cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    without_ci = {key: value for key, value in os.environ.items() if key not in ("CI", "GITHUB_ACTIONS")}
    return subprocess.run(command, cwd=cwd, env={**without_ci, **env}, capture_output=True, timeout=120)


def _must(command: list[str], cwd: Path, **env: str) -> None:
    done = _run(command, cwd, **env)
    if done.returncode:
        raise SystemExit(f"{command}: {done.returncode}\n{(done.stdout + done.stderr).decode()}")


def _scripts(log: Path) -> dict[str, str]:
    return {
        "pre-commit": f"echo pre-commit >> '{log}'; test ! -e stop",
        "commit-msg": f"echo commit-msg >> '{log}'",
        "pre-push": f"cut -d' ' -f3 >> '{log}'",
    }


def _husky9(git: Git, log: Path) -> None:
    for name, script in _scripts(log).items():
        git.write(f".husky/{name}", script + "\n")


def _husky8(git: Git, log: Path) -> None:
    for name, script in _scripts(log).items():
        path = git.write(f".husky/{name}", f'#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n\n{script}\n')
        path.chmod(0o755)


def _husky4(git: Git, log: Path) -> None:
    scripts = _scripts(log)
    scripts["pre-push"] = f"echo \"$HUSKY_GIT_STDIN\" | cut -d' ' -f3 >> '{log}'"
    git.write("package.json", json.dumps({"name": "x", "version": "1.0.0", "husky": {"hooks": scripts}}))


def _lefthook(git: Git, log: Path) -> None:
    hooks = {name: {"commands": {"x": {"run": script, "use_stdin": True}}} for name, script in _scripts(log).items()}
    git.write("lefthook.yml", json.dumps(hooks))


def _framework(git: Git, log: Path) -> None:
    scripts = _scripts(log)
    scripts["pre-push"] = f"echo refs/heads/main >> '{log}'"
    said = {"language": "system", "always_run": True, "pass_filenames": False}
    every = [
        {"id": name, "name": name, "entry": f'sh -c "{script}"', "stages": [name], **said}
        for name, script in scripts.items()
    ]
    git.write(".pre-commit-config.yaml", json.dumps({"repos": [{"repo": "local", "hooks": every}]}))


def managers(tools: Path) -> dict[str, Manager]:
    def node(name: str, *command: str, **env: str) -> Callable[[Git], None]:
        def set_up(git: Git) -> None:
            modules = git.root / "node_modules"
            if not modules.exists():
                modules.symlink_to(tools / name / "node_modules")
            _must([str(modules / command[0]), *command[1:]], git.root, **env)

        return set_up

    def python(name: str) -> Callable[[Git], None]:
        types = [word for kind in ("pre-commit", "commit-msg", "pre-push") for word in ("-t", kind)]
        return lambda git: _must([str(tools / "venv/bin" / name), "install", *types], git.root)

    def husky4(git: Git) -> None:
        modules = git.root / "node_modules"
        if not modules.exists():
            modules.symlink_to(tools / "husky4" / "node_modules")
        inside, agent = str(tools / "husky4" / "node_modules" / "husky"), "npm/10 node/v20"
        command = ["node", f"{inside}/husky.js", "install"]
        _must(command, git.root, INIT_CWD=str(git.root), npm_config_user_agent=agent, HUSKY_SKIP_INSTALL="0")

    return {
        "husky9": Manager(_husky9, node("husky9", ".bin/husky")),
        "husky8": Manager(_husky8, node("husky8", ".bin/husky", "install")),
        "husky4": Manager(_husky4, husky4),
        "lefthook2": Manager(_lefthook, node("lefthook2", ".bin/lefthook", "install")),
        "lefthook1": Manager(_lefthook, node("lefthook1", ".bin/lefthook", "install")),
        "pre-commit": Manager(_framework, python("pre-commit")),
        "prek": Manager(_framework, python("prek")),
    }


def fetch(tools: Path) -> None:
    for name, package in NPM.items():
        folder = tools / name
        folder.mkdir()
        (folder / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
        ignore = [] if name.startswith("lefthook") else ["--ignore-scripts"]
        _must(["npm", "install", "--no-audit", "--no-fund", *ignore, package], folder, CI="1")
    _must([sys.executable, "-m", "venv", str(tools / "venv")], tools)
    _must([str(tools / "venv/bin/pip"), "install", "-q", *PIP], tools)


def tried(git: Git, log: Path, origin: Path) -> dict[str, bool]:
    """Who runs, by a commit that is refused, one that is not, and a push of a notebook that ours refuses."""

    def ran(*args: str, **env: str) -> int:
        return _run(["git", *args], git.root, **env).returncode

    log.write_text("")
    count = len(list(git.root.glob("n*.ipynb")))
    name = f"n{count}.ipynb"
    git.write(name, simple(f"x = {count}"))
    git.write("stop")
    ran("add", name)
    refused = ran("commit", "-qm", "Refused") != 0
    (git.root / "stop").unlink()
    went = ran("commit", "-qm", "One") == 0
    paired = ran("cat-file", "-e", f"HEAD:n{count}.py") == 0
    ran("push", "-q", str(origin), "HEAD:main")  # which ours refuses where a commit before was not looked at
    once = log.read_text().split() == ["pre-commit", "pre-commit", "commit-msg", "refs/heads/main"]
    return {"theirs refuses": refused, "a commit goes": went, "theirs run, once": once, "ours run": paired}


def row(git: Git) -> tuple[Verdict, str]:
    worktree = Worktree.discover(git.root)
    return next(
        (one.verdict, one.found) for one in examine(worktree, Config(), {}, offline=True) if one.name == "hooks"
    )


def _look(git: Git, log: Path, origin: Path, when: str) -> tuple[Verdict, dict[str, bool]]:
    verdict, said = row(git)
    found = tried(git, log, origin)
    wrong = ", ".join(name for name, right in found.items() if not right)
    print(f"{when}: {'NOT ' + wrong if wrong else 'all run'}; doctor: {verdict.value}, {said}")
    return verdict, found


def story(folder: Path, manager: Manager, order: str) -> bool:
    git, log = Git.init(folder / "o ŋ"), folder / "log"
    origin = Origin.create(folder / "origin.git").path
    initialize(git.root, Config(), pre_commit=False)
    (git.root / ".git/info/exclude").write_text("node_modules\nstop\n")
    worktree = Worktree.discover(git.root)
    manager.configure(git, log)
    for step in order.split():
        try:
            if step == "ours":
                install(worktree, Silent())
            else:
                manager.set_up(git)
        except SystemExit as exc:
            print(f"    {step} says: {str(exc).splitlines()[-2:]}")
    verdict, found = _look(git, log, origin, f"  {order:26} as found")
    good = (verdict is Verdict.OK) == all(found.values())
    if verdict is not Verdict.OK:
        if manager.configure is _husky4:  # it leaves hooks alone that were there, and says so
            uninstall(worktree, Silent())
            manager.set_up(git)
        install(worktree, Silent())
        verdict, found = _look(git, log, origin, f"  {'':26} mended")
        good &= verdict is Verdict.OK and all(found.values())
    uninstall(worktree, Silent())
    found = tried(git, log, origin)
    left = {"theirs refuses": True, "a commit goes": True, "theirs run, once": True, "ours run": False}
    if found != left:
        print(f"  without ours: {found}")
    return good and found == left


def main(names: list[str]) -> int:
    with tempfile.TemporaryDirectory() as name:
        tools = Path(os.environ.get("HOOK_MANAGERS", "") or Path(name, "tools"))
        if not tools.exists():
            tools.mkdir()
            fetch(tools)
        bad = 0
        os.environ.update({"HOME": name, "PRE_COMMIT_HOME": f"{name}/pre-commit", "PREK_HOME": f"{name}/prek"})
        for manager_name, manager in managers(tools).items():
            if names and manager_name not in names:
                continue
            print(manager_name)
            for number, order in enumerate(ORDERS):
                folder = Path(name, f"{manager_name}-{number}")
                folder.mkdir()
                bad += not story(folder, manager, order)
        print(f"{bad} wrong" if bad else "every hook ran, or doctor said that it did not")
        return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
