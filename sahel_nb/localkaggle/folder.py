"""The data folder: where everything that the service keeps lies.

DIR/service.db            accounts, kernels, versions, datasets: SQLite, WAL
DIR/service.lock          held by the running service; names its process and its URL
DIR/secret                signs the URLs of files
DIR/runs/<id>/            one version: working/ (its outputs), log.jsonl, result.json
DIR/uploads/<token>       bytes of an upload, as far as they have come
DIR/datasets/<id>/        the unpacked files of one dataset version, never changed again
DIR/archives/             downloads of whole datasets and outputs; may be deleted at any time
DIR/competitions/<slug>/  yours to fill: competition sources that kernels may name
DIR/models/<owner>/<model>/<framework>/<variation>/<version>/   likewise
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import write_atomically
from sahel_nb.errors import UsageError

_SECRET_BYTES = 32


@dataclass(frozen=True)
class DataFolder:
    root: Path

    @classmethod
    def create(cls, root: Path) -> DataFolder:
        """Make what is missing, readable by this user only: private kernels and hashed keys lie in it.

        Raises `UsageError` where that cannot be.
        """
        try:
            root = root.resolve()
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in ("runs", "uploads", "datasets", "archives", "competitions", "models"):
                (root / part).mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            raise UsageError(
                f"{root} cannot be the data folder: {exc.strerror or exc}.",
                hints=("sahel-nb local serve --data ANOTHER-FOLDER",),
            ) from exc
        return cls(root)

    @property
    def database(self) -> Path:
        return self.root / "service.db"

    @property
    def lock(self) -> Path:
        return self.root / "service.lock"

    def run(self, version_id: int) -> Path:
        return self.root / "runs" / str(version_id)

    def working(self, version_id: int) -> Path:
        return self.run(version_id) / "working"

    def log(self, version_id: int) -> Path:
        return self.run(version_id) / "log.jsonl"

    def upload(self, token: str) -> Path:
        return self.root / "uploads" / token

    def dataset(self, version_id: int) -> Path:
        return self.root / "datasets" / str(version_id)

    def archive(self, name: str) -> Path:
        return self.root / "archives" / name

    def secret(self) -> bytes:
        """Made once; so that URLs handed out before a restart are good after it. A damaged one is made anew."""
        path = self.root / "secret"
        with contextlib.suppress(FileNotFoundError):
            found = path.read_bytes()
            if len(found) == _SECRET_BYTES:
                return found
        write_atomically(path, secrets.token_bytes(_SECRET_BYTES))
        return path.read_bytes()
