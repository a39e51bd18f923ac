"""`install` and `uninstall`: what one clone needs so that git calls us. Both can be repeated, one undoes the other.

git config filter.sahel-nb.{process,clean,smudge,required}, sahel-nb.hook, merge.sahel-nb-* (drivers.py)
the hooks, beside those of others: hooks.py
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path

import sahel_nb
from sahel_nb.install import drivers, hooks, vault
from sahel_nb.install.hooks import RUNNER_KEY
from sahel_nb.repo.cmd import git
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Reporter

_SECTION = "filter.sahel-nb"


_GONE = 125
"""How the runner ends where Python or we are gone: no answer of ours, and none of the shell's for "not found"."""
# A server that can do nothing, as gitprotocol-common(5) and gitattributes(5) write it. To one that only ends, git says
# "the remote end hung up unexpectedly"; with this, which file it could not clean or smudge.
_NO_FILTER = r"printf '0016git-filter-server\n000eversion=2\n00000000' && cat >/dev/null"


def _guarded(python: str, launch: str) -> str:
    """A shell's command that starts `launch` with `python`, unless one of them was moved or removed.

    The tests are built into the shell: they start no process.
    """
    python, launch = shlex.quote(python), shlex.quote(launch)
    mend = shlex.quote("  $ sahel-nb install   # in this clone, with the environment active that has sahel-nb")
    said = f'echo "sahel-nb: $gone is gone, with which this clone was set up" >&2; echo {mend} >&2'
    look = f"gone=; [ -f {launch} ] || gone={launch}; [ -x {python} ] || gone={python}"
    # -I -S: nothing but the standard library, until something needs more; see hooks/launch.py.
    return f'{look}; {{ [ -z "$gone" ] || {{ {said}; (exit {_GONE}); }}; }} && {python} -I -S {launch}'


@dataclass(frozen=True)
class Settings:
    """git configuration of the filter, as this interpreter and this installation want it."""

    runner: str
    """Starts `sahel-nb-hook`, the verb behind it, in a shell. Ends with 125 where it cannot, and says what to type."""

    @classmethod
    def mine(cls) -> Settings:
        launch = Path(sahel_nb.__file__).resolve().parent / "hooks" / "launch.py"
        return cls(_guarded(sys.executable, str(launch)))

    def entries(self) -> dict[str, str]:
        return {
            "filter.sahel-nb.process": f"{self.runner} filter || {{ [ $? = {_GONE} ] && {_NO_FILTER}; }}",
            "filter.sahel-nb.clean": f"{self.runner} clean %f",
            "filter.sahel-nb.smudge": f"{self.runner} smudge %f",
            "filter.sahel-nb.required": "true",
            RUNNER_KEY: self.runner,
        }


def install(worktree: Worktree, reporter: Reporter, mirrors: Iterable[bytes] | None = None) -> None:
    """Set up the clone. What is there already is left, hooks of other programs included. Raise `Refused`.

    `mirrors` are to be merged as such; if left out, those that lie beside their notebooks.
    """
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
    hooks.put(worktree, reporter)


def uninstall(worktree: Worktree, reporter: Reporter) -> None:
    """Take out what `install` put in, and nothing else. Notebooks stay as they are."""
    hooks.take_out(worktree, reporter)
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
