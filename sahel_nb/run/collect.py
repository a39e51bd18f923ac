"""What a run leaves on this machine: `runs/<slug>/<date>-<short sha>-v<N>/`.

log.jsonl     every log record, one JSON object a line, as the live stream brought them
log.txt       the same for people
outputs/      what the kernel left in /kaggle/working
run.json      what the run was (see `run.record`); written last, so a folder with it is complete
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sahel_nb.durable import write_atomically
from sahel_nb.errors import SahelError
from sahel_nb.kernels.model import KernelRef, LogRecord
from sahel_nb.kernels.outputs import Fetched, Missed, fetch_all
from sahel_nb.kernels.service import KernelService
from sahel_nb.report.events import Level, Reporter

LIVE_LOG = "log.jsonl"


def run_folder(base: Path, ref: KernelRef, date: str, commit: str, version: int) -> Path:
    """Make and return the folder of a run below `base`. `date` is YYYY-MM-DD, in UTC, of its push."""
    folder = base / ref.slug / f"{date}-{commit[:8]}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    # Ignored by git wherever it is, also where .gitignore was never set up: an output must not end in a commit.
    marker = base / ".gitignore"
    if not marker.exists():
        write_atomically(marker, b"*\n")
    return folder


class LiveLog:
    """The live records on disk, line by line. After a crash, whole lines remain, and are written anew by the next."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, record: LogRecord) -> None:
        self._file.write(_line(record))
        self._file.flush()


@contextmanager
def live_log(folder: Path) -> Iterator[LiveLog]:
    """A stream replays from its beginning, so a new follower begins a new file; the old one stays until then."""
    part = folder / (LIVE_LOG + ".part")
    with part.open("w", encoding="utf-8") as file:
        try:
            yield LiveLog(file)
        finally:
            file.flush()
            os.fsync(file.fileno())
    part.replace(folder / LIVE_LOG)


def collect_log(
    service: KernelService, ref: KernelRef, version: int, folder: Path, live: int, reporter: Reporter
) -> tuple[tuple[LogRecord, ...], str]:
    """The persisted log in place of the live one, unless it has less. Returns the records and the file's digest."""
    path = folder / LIVE_LOG
    try:
        records = service.log(ref, version)
    except SahelError as exc:
        reporter.say(f"the persisted log could not be read ({exc.message}); the live one is kept", Level.WARN)
        records = ()
    if len(records) >= live or not path.exists():
        write_atomically(path, "".join(_line(record) for record in records).encode("utf-8"))
    else:
        records = tuple(_read(path))
    text = "".join(record.data if record.data.endswith("\n") else record.data + "\n" for record in records)
    write_atomically(folder / "log.txt", text.encode("utf-8", errors="surrogatepass"))
    return records, hashlib.sha256(path.read_bytes()).hexdigest()


def collect_outputs(
    service: KernelService, ref: KernelRef, version: int, folder: Path, reporter: Reporter
) -> tuple[tuple[Fetched, ...], tuple[Missed, ...]]:
    """Every output file. A listing that fails is one missed entry, so that nothing looks complete that is not."""
    target = folder / "outputs"
    target.mkdir(exist_ok=True)
    try:
        listed = tuple(service.outputs(ref, version))
    except SahelError as exc:
        return (), (Missed("*", exc.message),)
    count = 0

    def progress(name: str) -> None:
        nonlocal count
        count += 1
        reporter.status("fetching outputs", f"{count}/{len(listed)}: {name}")

    try:
        return fetch_all(listed, target, progress=progress)
    finally:
        reporter.status("")


def _line(record: LogRecord) -> str:
    item = {"stream_name": record.stream, "time": record.time, "data": record.data}
    return json.dumps(item, ensure_ascii=False) + "\n"


def _read(path: Path) -> Iterator[LogRecord]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            item = json.loads(line)
            yield LogRecord(item["stream_name"], item["time"], item["data"])
