"""`install` and `uninstall`: what one clone needs so that git calls us. Both can be repeated, one undoes the other.

git config filter.sahel-nb.{process,clean,smudge,required}, sahel-nb.hook, merge.sahel-nb-* (drivers.py)
<hooks folder>/{pre-commit,prepare-commit-msg,pre-push,post-checkout,post-merge}
a hook that was there becomes <hook>.before-sahel-nb
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from compileall import compile_dir
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import sahel_nb
from sahel_nb.errors import Refused
from sahel_nb.install import drivers, shipped, vault
from sahel_nb.repo.cmd import git
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Reporter

OURS = b"# sahel-nb "
"""What the second line of our hooks begins with."""
BEFORE = ".before-sahel-nb"
_SECTION = "filter.sahel-nb"
RUNNER_KEY = "sahel-nb.hook"


class HookState(Enum):
    OURS = "ours"
    OUTDATED = "outdated"
    FOREIGN = "foreign"
    MISSING = "missing"


@dataclass(frozen=True)
class Settings:
    """git configuration of the filter, as this interpreter and this installation want it."""

    runner: str

    @classmethod
    def mine(cls) -> Settings:
        launch = Path(sahel_nb.__file__).resolve().parent / "hooks" / "launch.py"
        # -I -S: nothing but the standard library, until something needs more; see hooks/launch.py.
        return cls(f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(launch))}")

    def entries(self) -> dict[str, str]:
        return {
            "filter.sahel-nb.process": f"{self.runner} filter",
            "filter.sahel-nb.clean": f"{self.runner} clean %f",
            "filter.sahel-nb.smudge": f"{self.runner} smudge %f",
            "filter.sahel-nb.required": "true",
            RUNNER_KEY: self.runner,
        }


def install(worktree: Worktree, reporter: Reporter, mirrors: Iterable[bytes] | None = None) -> None:
    """Set up the clone. What is there already is left; a foreign hook is kept and chained. Raise `Refused`.

    `mirrors` are to be merged as such; if left out, those that lie beside their notebooks.
    """
    hooks = hooks_folder(worktree)
    _refuse_shared(worktree, hooks)
    # What git starts writes no compiled modules (hooks/launch.py), and a checkout of our own has none.
    compile_dir(str(Path(sahel_nb.__file__).parent), quiet=2)
    current = configured(worktree)
    mine = Settings.mine()
    for key, value in (mine.entries() | drivers.entries(mine.runner)).items():
        if current.get(key) != value:
            git("config", "--local", "--replace-all", key, value, cwd=worktree.root)
    reporter.say("git filter `sahel-nb` is set for this clone (required: a notebook it cannot strip is not staged)")
    if mirrors is None:
        mirrors = drivers.mirrors_beside(worktree, worktree.config(os.environ).pair.format)
    drivers.register_mirrors(worktree, mirrors)
    reporter.say("merge drivers are set: notebooks by cell, mirrors with them, kernel-metadata.json by key")
    vault.set_up(worktree, worktree.config(os.environ).vault)
    hooks.mkdir(parents=True, exist_ok=True)
    for name in shipped.HOOKS:
        _put(hooks / name, reporter)


def uninstall(worktree: Worktree, reporter: Reporter) -> None:
    """Take out what `install` put in, and nothing else. Notebooks stay as they are."""
    hooks = hooks_folder(worktree)
    for name in shipped.HOOKS:
        path, before = hooks / name, hooks / (name + BEFORE)
        if state(path) in (HookState.OURS, HookState.OUTDATED):
            if before.exists():
                before.replace(path)
                reporter.say(f"{name}: the hook that was there before is back")
            else:
                path.unlink()
    current = configured(worktree)
    for section in (_SECTION, *drivers.SECTIONS):
        if any(key.startswith(section + ".") for key in current):
            git("config", "--local", "--remove-section", section, cwd=worktree.root)
    drivers.forget_mirrors(worktree)
    if RUNNER_KEY in current:
        git("config", "--local", "--unset-all", RUNNER_KEY, cwd=worktree.root)
    if vault.take_out(worktree):
        reporter.say(f"outputs that were kept are still in {vault.folder(worktree)}")
    reporter.say("the filter, the merge drivers and the hooks of sahel-nb are out of this clone")


def configured(worktree: Worktree) -> dict[str, str]:
    """Our own settings as this clone has them."""
    pattern = r"^(filter\.sahel-nb\.|merge\.sahel-nb-|sahel-nb\.hook$)"
    answer = git("config", "--local", "-z", "--get-regexp", pattern, cwd=worktree.root, check=False)
    found = {}
    for item in answer.stdout.split(b"\0"):
        if item:
            key, _, value = item.decode("utf-8", "surrogateescape").partition("\n")
            found[key] = value
    return found


def hooks_folder(worktree: Worktree) -> Path:
    """Where git looks for hooks: core.hooksPath, linked worktrees and submodules included."""
    answer = git("rev-parse", "--git-path", "hooks", cwd=worktree.root)
    return (worktree.root / os.fsdecode(answer.stdout.rstrip(b"\n"))).resolve()


def state(path: Path) -> HookState:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return HookState.MISSING
    if content == shipped.hook(path.name):
        return HookState.OURS
    second = content.split(b"\n", 2)[1:2]
    return HookState.OUTDATED if second and second[0].startswith(OURS) else HookState.FOREIGN


def _put(path: Path, reporter: Reporter) -> None:
    found = state(path)
    before = path.with_name(path.name + BEFORE)
    if found is HookState.FOREIGN:
        if before.exists():
            raise Refused(
                f"{path.name}: two foreign hooks, {path} and {before}",
                hints=(f"mv {shlex.quote(str(before))} {shlex.quote(str(before))}.old && sahel-nb install",),
            )
        path.replace(before)
        reporter.say(f"{path.name}: the hook that was there runs first, as {before.name}")
    if found is not HookState.OURS:
        temporary = path.with_name(f".{path.name}.sahel-nb")
        temporary.write_bytes(shipped.hook(path.name))
        temporary.chmod(0o755)
        temporary.replace(path)
        reporter.say(f"{path.name}: installed")
    elif not os.access(path, os.X_OK):
        path.chmod(0o755)


def _refuse_shared(worktree: Worktree, hooks: Path) -> None:
    """core.hooksPath may point at a folder that serves every repository of this person: it is not ours to change."""
    inside = (worktree.root.resolve(), worktree.common_dir.resolve(), worktree.git_dir.resolve())
    if any(hooks.is_relative_to(folder) for folder in inside):
        return
    raise Refused(
        f"core.hooksPath points at {hooks}, outside this repository; hooks there would run in all of yours",
        hints=(
            f"git config --local core.hooksPath {shlex.quote(str(worktree.common_dir / 'hooks'))}",
            "sahel-nb install",
        ),
        details=("with a core.hooksPath of its own, this clone no longer runs the hooks of that folder",),
    )
