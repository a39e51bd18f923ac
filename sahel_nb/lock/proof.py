"""Is a remote proved to be one that can hold a lock? Tried before the first grant of a clone, and remembered.

Not every server that speaks git's protocol looks at what a ref was to be moved from: one that does not answers two who
take a lock at once with yes, and both hold it. git itself, which is what serves a path, does look.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.errors import Refused
from sahel_nb.lock.probe import prove
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.report.events import Verdict


@dataclass(frozen=True)
class Proof:
    """Of the refs below `prefix` on one remote. `folder` is where this clone remembers it."""

    refs: RemoteRefs
    prefix: str
    folder: Path

    @property
    def known(self) -> bool:
        return self._mark.exists()

    def establish(self) -> None:
        """Try it on a ref of its own. Raises `Refused` where two could hold one lock, or nobody could read it; what
        could not be tried is left to the reading back."""
        if self.refs.folder is not None:
            return
        for row in prove(self.refs, self.prefix):
            if row.verdict is Verdict.FAILED:
                raise Refused(
                    f"{self.refs.remote} cannot hold a lock: {row.found}", hints=(row.mend, "sahel-nb lock doctor")
                )

    def note(self) -> None:
        """The first grant was read back as it was written."""
        make_folder(self.folder)
        write_atomically(self._mark, b"")

    @property
    def _mark(self) -> Path:
        name = hashlib.sha256(f"{self.refs.url} {self.prefix}".encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{name[:16]}.proved"
