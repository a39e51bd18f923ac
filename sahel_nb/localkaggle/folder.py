"""The data folder: where everything that the service keeps lies.

DIR/service.db            accounts, kernels, versions, datasets: SQLite, WAL
DIR/service.lock          held by the running service; names its process and its URL
DIR/secret                signs the URLs of files
DIR/key                   the API key of the person whose folder this is: good for every account (see `api.call.who`)
DIR/admin-token           what /admin/… of the background service asks for
DIR/runs/<id>/            one version: working/ (its outputs), log.jsonl, result.json
DIR/uploads/<token>       bytes of an upload, as far as they have come
DIR/datasets/<id>/        the unpacked files of one dataset version, never changed again
DIR/archives/             downloads of whole datasets and outputs; may be deleted at any time
DIR/competitions/<slug>/  yours to fill: competition sources that kernels may name
DIR/models/<owner>/<model>/<framework>/<variation>/<version>/   likewise
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
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
        """Make what is missing, readable by this user only: private kernels, keys and outputs lie in it.

        A folder of an earlier version, or an empty one, that others may enter is closed to them. Raises `UsageError`
        where the folder cannot be made, belongs to somebody else, or holds other things that others may read.
        """
        try:
            root = root.resolve()
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            _close_to_others(root)
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

    def key(self) -> str:
        """The API key of this folder's owner, made at first use. Whoever can read it is the owner."""
        return _private_text(self.root / "key")

    def admin_token(self) -> str:
        """What /admin/… of the owner's background service asks for, made at first use."""
        return _private_text(self.root / "admin-token")

    def secret(self) -> bytes:
        """Made once; so that URLs handed out before a restart are good after it. A damaged one is made anew."""
        path = self.root / "secret"
        with contextlib.suppress(FileNotFoundError):
            found = path.read_bytes()
            if len(found) == _SECRET_BYTES:
                return found
        write_atomically(path, secrets.token_bytes(_SECRET_BYTES))
        return path.read_bytes()


def _close_to_others(root: Path) -> None:
    """Raises `UsageError` where that is not ours to do."""
    found = root.stat()
    elsewhere = ("sahel-nb local serve --data ANOTHER-FOLDER",)
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        raise UsageError(f"{root} cannot be the data folder: it belongs to another user.", hints=elsewhere)
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 == 0:
        return
    names = {path.name for path in root.iterdir()}
    if names and not names & {"service.lock", "service.db"}:
        raise UsageError(
            f"{root} cannot be the data folder: others on this machine may read it, and it holds other things.",
            hints=elsewhere,
        )
    root.chmod(mode & 0o700)


def _private_text(path: Path) -> str:
    """A random secret in a file with mode 0600. Of two that make it at once, both get the same one."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        write_atomically(fresh, secrets.token_hex(16).encode("ascii"))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()
