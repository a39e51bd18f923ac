"""The rules of a chain where `lock.signing` is off: whoever may push may write, but nobody takes a signed lock back.

A clone of an old commit, a changed file or a personal setting would otherwise write a record that nobody else believes,
or believe one that anybody could have written.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from shlex import quote

from sahel_nb.config import FILE_NAME, SigningKind, as_committed
from sahel_nb.errors import UsageError
from sahel_nb.links import typed
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.rules import Untrusted, is_signed, plain_commit
from sahel_nb.lock.seen_signed import SeenSigned
from sahel_nb.repo.cmd import git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit


@dataclass(frozen=True)
class Unsigned:
    """Of one kernel's chain. `seen` is what this clone remembers of signed ones."""

    refs: RemoteRefs
    kernel: str
    seen: SeenSigned

    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        """Raises `Untrusted` where the committed settings want a signature."""
        self._stays_off()
        if self._committed is not SigningKind.OFF:
            raise self._refusal(
                f"the committed {FILE_NAME} has lock.signing on", f"git diff HEAD -- {typed(FILE_NAME)}"
            )
        return plain_commit(self.refs, message, parent, when)

    def believe(self, tip: Tip) -> None:
        if is_signed(tip.raw):
            self.seen.note()
        self._stays_off()

    @property
    def looks_back(self) -> bool:
        return False

    def judge(self, before: Tip | None, tip: Tip) -> None:
        self.believe(tip)

    def won(self, tip: Tip) -> None:
        """There is nothing to remember of a record that anybody could have written."""

    def _stays_off(self) -> None:
        if self.seen.beside:
            raise self._refusal("this clone has seen signed records of it, or of one beside it", "git pull")

    @cached_property
    def _committed(self) -> SigningKind:
        toml = git("cat-file", "blob", f"HEAD:{FILE_NAME}", cwd=self.refs.worktree.root, check=False)
        with contextlib.suppress(UsageError):  # an older file, or one for a later version: says nothing here
            return as_committed(toml.stdout if toml.returncode == 0 else None).lock.signing
        return SigningKind.OFF

    def _refusal(self, why: str, hint: str) -> Untrusted:
        mark = quote(str(self.seen.prefix_mark))
        return Untrusted(
            f"{self.kernel}: lock.signing is off here, and {why}: a signed lock does not go back to unsigned",
            details=(f"given up on purpose? use a new lock.prefix; or, if you are sure: rm {mark}",),
            hints=(hint, "git config --get-regexp sahel-nb.lock", "sahel-nb lock doctor"),
        )
