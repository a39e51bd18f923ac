"""Whose signatures count, and who leads: a protected branch of the lock remote, with all that it has said before.

    allowed_signers    ADDRESS[,ADDRESS…] [options] KEY, as ssh-keygen(1) has it under ALLOWED SIGNERS
    leads              an address on each line; without the file everybody who counts leads

What counted when a record was written is what the newest commit says that is not younger than the record, among the
first parents of the branch.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.errors import Refused
from sahel_nb.repo.refs import RemoteRefs

FILE = "allowed_signers"
LEADS = "leads"
_FRESH = 60.0


@dataclass(frozen=True)
class Signers:
    """What one commit of the branch says. `when` is its committer's date, in seconds."""

    oid: str
    when: int
    keys: str
    leads: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many lines name a key."""
        return sum(bool(line.strip()) and not line.startswith("#") for line in self.keys.splitlines())


def at(history: Sequence[Signers], when: int) -> Signers | None:
    """What counted at that time; None before the branch began."""
    return next((signers for signers in history if signers.when <= when), None)


@dataclass(frozen=True)
class SignersBranch:
    """`branch` of the lock remote, asked once a minute. `folder` keeps what it said, by the id of its commit."""

    refs: RemoteRefs
    branch: str
    folder: Path
    _asked: list[tuple[float, dict[str, str], tuple[Signers, ...]]] = field(
        default_factory=list, repr=False, compare=False
    )

    def history(self) -> tuple[Signers, ...]:
        """Newest first. Raises `Refused` where nobody's signature counts, `NetworkError`."""
        return self._fresh()[2]

    def newest(self) -> Signers:
        return self.history()[0]

    def head(self) -> str:
        """What the default branch of the remote pointed to in the same answer; empty where it has none."""
        return self._fresh()[1].get("HEAD", "")

    def _fresh(self) -> tuple[float, dict[str, str], tuple[Signers, ...]]:
        if not self._asked or time.monotonic() - self._asked[0][0] > _FRESH:
            shown = self.refs.places(self.branch, "HEAD")
            self._asked[:] = [(time.monotonic(), shown, self._of(shown.get(self.branch, "")))]
        return self._asked[0]

    def _of(self, oid: str) -> tuple[Signers, ...]:
        kept = self.folder / f"signers-{oid}.json"
        with contextlib.suppress(OSError, ValueError, TypeError):
            return tuple(
                Signers(**{**one, "leads": tuple(one["leads"])}) for one in json.loads(kept.read_text("utf-8"))
            )
        said = self.refs.files_over_time(self.branch, (FILE, LEADS)) if oid else ()
        found = tuple(Signers(commit, when, _text(keys), _addresses(leads)) for commit, when, (keys, leads) in said)
        if not found or not found[0].count:
            raise Refused(
                f"{self.branch} of {self.refs.remote} has no file {FILE} with a key: nobody's signature counts",
                hints=("sahel-nb lock doctor",),
            )
        make_folder(self.folder)
        write_atomically(kept, json.dumps([asdict(one) for one in found]).encode("utf-8"))
        return found


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _addresses(data: bytes | None) -> tuple[str, ...]:
    lines = (line.strip().lower() for line in _text(data).splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
