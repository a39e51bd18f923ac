"""What this clone remembers of signed chains: where records were signed once, unsigned ones count for nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder, write_atomically


@dataclass(frozen=True)
class SeenSigned:
    """Marks below `folder`, one for the lock at `ref` of the remote `remote_id`, and one for all that lie beside it."""

    folder: Path
    remote_id: str
    ref: str

    @property
    def here(self) -> bool:
        """A signed record of this lock was seen."""
        return self._mark(self.ref).exists()

    @property
    def beside(self) -> bool:
        """A signed record of a lock below the same prefix was seen."""
        return self.prefix_mark.exists()

    @property
    def prefix_mark(self) -> Path:
        return self._mark(self.ref.rsplit("/", 2)[0])

    def note(self) -> None:
        for mark in (self._mark(self.ref), self.prefix_mark):
            if not mark.exists():
                make_folder(mark.parent)
                write_atomically(mark, b"")

    def place(self, what: str, suffix: str) -> Path:
        name = hashlib.sha256(f"{self.remote_id} {what}".encode()).hexdigest()[:16]
        return self.folder / f"{name}.{suffix}"

    def _mark(self, what: str) -> Path:
        return self.place(what, "signed")
