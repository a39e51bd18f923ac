"""A desk to type suggested commands at: a clone with a colleague's remote, a shell in one of its folders, and a `vi` of
ours, which writes what a person would.

    typed = desk.suggested("sahel-nb run fula-lid", "git push")
    assert desk.type(typed).code == 0
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support.git import Git
from support.lab import Done
from support.service import BIN

Test = TypeVar("Test", bound=Callable[..., None])
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
RUN = "sahel-nb run fula-lid --dry-run"


def types(*_templates: str) -> Callable[[Test], Test]:
    """Names the templates of the suggestions that a test types, for the guard that looks for those that none does."""
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

    def follow(self, command: str, template: str) -> Done:
        """Type what `command` suggests; it works."""
        typed = self.suggested(command, template)
        done = self.type(typed)
        assert done.code == 0, f"{typed}: {done}"
        return done

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
