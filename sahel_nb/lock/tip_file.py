"""A `TipMemory` that outlives the process: the newest tip that this clone saw of one kernel's lock."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder
from sahel_nb.errors import SahelError
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.git_refs import to_tip
from sahel_nb.lock.names import check_kernel
from sahel_nb.permissions import opener
from sahel_nb.repo.scratch import RawCommit, object_id


@dataclass(frozen=True)
class TipFile:
    """One file a kernel below `folder`: the remote's name, the commit's id, and the commit itself as git stores it.

    Of a remote with another name nothing is recalled.
    """

    folder: Path
    remote_id: str
    kernel: str

    def recall(self) -> Tip | None:
        try:
            remote, oid, body = self._path.read_bytes().split(b"\n", 2)
            commit = RawCommit(oid.decode("ascii"), body)
            algorithm = "sha256" if len(oid) == 64 else "sha1"
            if remote != self.remote_id.encode("utf-8") or object_id("commit", body, algorithm) != commit.oid:
                return None
            return to_tip(commit)
        except (OSError, ValueError, SahelError):
            return None

    def keep(self, tip: Tip) -> None:
        data = b"\n".join((self.remote_id.encode("utf-8"), tip.oid.encode("ascii"), tip.raw))
        try:
            make_folder(self._path.parent)
            draft = self._path.with_name(f".tip-{os.getpid()}-{os.urandom(4).hex()}")
            with open(str(draft), "xb", opener=opener) as file:
                file.write(data)  # not durable on purpose: the id tells a torn file, and losing it costs one read
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self.folder / f"{check_kernel(self.kernel)}.tip"
