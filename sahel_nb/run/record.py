"""`run.json`: what a run was, complete enough to repeat it and to check every file that it left.

Schema `sahel-nb.run/1`. Times are UTC, ISO 8601; digests are sha256 in hex. Keys are only ever added.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

from sahel_nb.durable import write_atomically
from sahel_nb.kernels.outputs import Fetched, Missed
from sahel_nb.kernels.proof import Copy

SCHEMA = "sahel-nb.run/1"
FILE_NAME = "run.json"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class RunRecord:
    """One finished run, as it is kept beside its outputs and, in short, in the lock's chain."""

    run_id: str
    kernel: str
    shared_kernel: str
    dev: bool
    commit: str
    subject: str
    version: int
    url: str
    actor: str
    account: str
    host: str
    began: str
    ended: str
    """`began`, and what the run is known to have taken (`took`): nothing that Kaggle answers names its end."""
    status: str
    failure: str
    source_sha256: str
    log_records: int
    log_sha256: str
    files: tuple[Fetched, ...]
    missed: tuple[Missed, ...]
    ended_by: str = "sahel-nb"
    """Who found out about `ended`."""
    log_seconds: float = 0.0
    """By Kaggle's clock: from the session's beginning to the last record of its log."""
    took: float = 0.0
    """Seconds that it ran, at the least: as long as it was seen to run, or its log was written. No clock that somebody
    can set has a part in it."""
    kaggle_copy: str = Copy.UNREAD.value
    """Whether Kaggle's copy of the source is what was pushed; see `kernels.proof`."""
    kaggle_copy_why: str = ""
    service: str = ""
    """Which service it ran on: `kaggle`, `embedded` (a rehearsal), or the address of another one. Each numbers its
    versions by itself. Of records that are older than this: the address in their `url`."""

    def outputs_digest(self) -> str:
        """One digest for all outputs: sha256 over `<sha256>  <name>\\n`, sorted by name, as `sha256sum` prints."""
        lines = sorted(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode("utf-8")).hexdigest()

    def to_json(self) -> bytes:
        value = {"schema": SCHEMA, **asdict(self), "outputs_sha256": self.outputs_digest()}
        # A name of the service's that is no Unicode text keeps its escape, which is JSON's own.
        return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")

    @classmethod
    def from_json(cls, data: bytes) -> RunRecord | None:
        """None for what is not a whole record of this schema."""
        try:
            value = json.loads(data)
            if value.pop("schema") != SCHEMA:
                return None
            digest = value.pop("outputs_sha256")
            files = tuple(Fetched(**item) for item in value.pop("files"))
            missed = tuple(Missed(**item) for item in value.pop("missed"))
            known = {each.name for each in fields(cls)}  # a later version may have added to it
            record = cls(**{name: item for name, item in value.items() if name in known}, files=files, missed=missed)
            record = record if record.service else replace(record, service=service_of(record.url))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return record if record.outputs_digest() == digest else None


def service_of(url: str) -> str:
    """`https://www.kaggle.com/code/awa/fula-lid` → `kaggle`; of another service its address."""
    parts = urlsplit(url)
    if (parts.hostname or "").endswith("kaggle.com"):
        return "kaggle"
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def ended_at(began: str, took: float) -> str:
    """The moment `took` seconds after `began`, whole ones; `began` itself where it names no moment."""
    try:
        moment = datetime.strptime(began, _TIME) + timedelta(seconds=ceil(took))  # noqa: DTZ007  all of it is UTC
    except (ValueError, OverflowError):
        return began
    return moment.strftime(_TIME)


def read(folder: Path) -> RunRecord | None:
    """The record of a run's folder; None where there is none yet, or none that can be believed."""
    try:
        return RunRecord.from_json((folder / FILE_NAME).read_bytes())
    except OSError:
        return None


def write(record: RunRecord, folder: Path) -> Path:
    path = folder / FILE_NAME
    write_atomically(path, record.to_json())
    return path
