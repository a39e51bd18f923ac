"""A `TipMemory` that outlives the process: the newest tip that this clone saw of one kernel's lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder
from sahel_nb.errors import SahelError
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.git_refs import to_tip
from sahel_nb.lock.names import check_kernel
from sahel_nb.permissions import opener
from sahel_nb.repo.scratch import RawCommit, object_id

_LOST = b"lost"
"""In the place of the commit's id, where what follows is the alarm of a chain that is gone."""


@dataclass(frozen=True)
class TipFile:
    """One file a kernel below `folder`: the remote's name, the commit's id, and the commit itself as git stores it.

    Of a remote with another name nothing is recalled.
    """

    folder: Path
    remote_id: str
    kernel: str

    def kernels(self) -> tuple[str, ...]:
        """Every kernel of which something is remembered, of whatever remote."""
        return tuple(sorted(str(path.relative_to(self.folder).with_suffix("")) for path in self.folder.glob("*/*.tip")))

    def recall(self) -> Tip | None:
        try:
            oid, body = self._read()
            commit = RawCommit(oid.decode("ascii"), body)
            algorithm = "sha256" if len(oid) == 64 else "sha1"
            if object_id("commit", body, algorithm) != commit.oid:
                return None
            return to_tip(commit)
        except (OSError, ValueError, SahelError):
            return None

    def owed(self) -> str:
        try:
            oid, text = self._read()
            return text.decode("utf-8") if oid == _LOST else ""
        except (OSError, ValueError):
            return ""

    def keep(self, tip: Tip, instead: Tip | None) -> None:
        with contextlib.suppress(OSError), self._alone():
            now = self.recall()
            if (now.oid if now else None) == (instead.oid if instead else None):
                self._write(tip.oid.encode("ascii"), tip.raw)

    def forget(self, owed: str) -> None:
        with contextlib.suppress(OSError), self._alone():
            self._write(_LOST, owed.encode("utf-8"))

    def _read(self) -> tuple[bytes, bytes]:
        remote, oid, body = self._path.read_bytes().split(b"\n", 2)
        if remote != self.remote_id.encode("utf-8"):
            raise ValueError("it is of another remote")
        return oid, body

    def _write(self, oid: bytes, body: bytes) -> None:
        draft = self._path.with_name(f".tip-{os.getpid()}-{os.urandom(4).hex()}")
        with open(str(draft), "xb", opener=opener) as file:
            # Not durable on purpose: the id tells a torn file, and losing it costs one read.
            file.write(b"\n".join((self.remote_id.encode("utf-8"), oid, body)))
        draft.replace(self._path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of this clone looks and writes meanwhile."""
        make_folder(self._path.parent)
        with open(str(self._path.with_suffix(".tip-lock")), "ab", opener=opener) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def _path(self) -> Path:
        return self.folder / f"{check_kernel(self.kernel)}.tip"
