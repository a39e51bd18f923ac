"""What a run leaves on this machine: `runs/<slug>/<date>-<short sha>-v<N>/`, a rehearsal `…-v<N>-rehearsal/`.

.sahel-nb-run which attempt it belongs to: no other one ever writes there (see `claim`)
log.jsonl     every log record, one JSON object a line, as the live stream brought them
log.txt       the same for people
outputs/      what the kernel left in /kaggle/working
run.json      what the run was (see `run.record`); written last, so a folder with it is complete
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sahel_nb.durable import make_folder, sync_folder, write_atomically
from sahel_nb.errors import Refused, SahelError
from sahel_nb.kernels.arrivals import OWNER
from sahel_nb.kernels.crew import Progress
from sahel_nb.kernels.model import KernelRef, LogRecord
from sahel_nb.kernels.outputs import Fetched, Missed, fetch_all
from sahel_nb.kernels.service import KernelService
from sahel_nb.links import inside, plain, shown_from_here
from sahel_nb.report.events import Level, Reporter

LIVE_LOG = "log.jsonl"
OUTPUTS = "outputs"
_MOST_OF_A_NAME = 10_000
_IGNORE = ".gitignore"


def run_folder(base: Path, ref: KernelRef, name: str, run_id: str) -> Path:
    """Make, or find again, the folder of one attempt below `base`. `name` is `<date>-<short sha>-v<N>` or the like.

    Two services number their versions alike, and a service that was set up again starts from v1: the name is a wish,
    the run's id decides.
    """
    return claim_ignored(base, ref.slug, name, run_id)


def claim(parent: Path, name: str, owner: str) -> Path:
    """The folder `name` below `parent` that belongs to `owner`; `name-2`, `name-3`, … where others have it.

    A folder is made whole or not at all: under another name with the owner in it, and renamed, which rename(2) refuses
    where one with anything in it is there already. So of two who want one name at the same time one gets it, and who
    dies in between leaves nothing that looks like a folder of somebody's. Raise `LeadsOut` where a link takes it out
    of the repository.
    """
    parent = made(parent)
    for number in range(1, _MOST_OF_A_NAME):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            _make(folder, owner)
        if owner_of(folder) == owner:
            return made(folder)
    raise FileExistsError(errno.EEXIST, "too many runs of one name", str(parent / name))


def owner_of(folder: Path) -> str:
    """Whose a folder is; of one that an earlier sahel-nb made, by its run.json. Empty where nothing says so."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (folder / OWNER).read_text("utf-8").strip()
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        return str(json.loads((folder / "run.json").read_bytes()).get("run_id") or "")
    return ""


def _make(folder: Path, owner: str) -> None:
    draft = folder.parent / f"{OWNER}-{secrets.token_hex(6)}"
    make_folder(draft)
    try:
        write_atomically(draft / OWNER, f"{owner}\n".encode())
        draft.rename(folder)
        sync_folder(folder.parent)
    except OSError as exc:
        if exc.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):  # somebody was quicker: owner_of says who
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def made(folder: Path) -> Path:
    """Make the folder, and return it with its links followed. Raise `LeadsOut` where one leads out of the repository.

    A file in its place is told as such: `Refused`.
    """
    real = Path(inside(str(folder), shown_from_here(folder)))
    try:
        make_folder(real)
    except (FileExistsError, NotADirectoryError) as exc:
        raise _in_the_way(folder) from exc
    return real


def refuse_what_cannot_be_a_folder(folder: Path, root: Path) -> None:
    """Before anything starts: raise `Refused` where a file is in the place of `folder`, or of one above it."""
    for place in (folder, *folder.parents):
        if place == root:
            return
        if place.exists() and not place.is_dir():
            raise _in_the_way(place)


def _in_the_way(folder: Path) -> Refused:
    return Refused(f"{shown_from_here(folder)}: a file is in the way of this folder")


def claim_ignored(base: Path, slug: str, name: str, owner: str) -> Path:
    """`claim` below `base`, where git ignores it: also where .gitignore was never set up, no output is committed.

    A folder that we make ignores all that is in it. One that holds other things already (`notebooks`, by a setting or a
    link) must not: there each run's folder does.
    """
    base = made(base)
    if not any(base.iterdir()):
        write_atomically(base / _IGNORE, b"*\n")
    folder = claim(base / slug, name, owner)
    if not (base / _IGNORE).exists() and not (folder / _IGNORE).exists():
        write_atomically(folder / _IGNORE, b"*\n")
    return folder


@dataclass
class Turn:
    """A process's place at a run's folder. Only whoever has it writes there."""

    fd: int
    first: bool
    """It was ours from the beginning; else another process of this machine is at the same run."""

    def wait(self, reporter: Reporter) -> None:
        """Until the folder is ours. A KeyboardInterrupt gets through."""
        while not self.first and not _taken(self.fd):
            reporter.status("another process here fetches the outputs of this run")
            time.sleep(0.2)
        reporter.status("")


@contextmanager
def alone(folder: Path) -> Iterator[Turn]:
    """Inside: our turn at the folder, or `Turn.wait` for it. It ends with the process, whatever kills that."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield Turn(fd, _taken(fd))
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: there is one process at a folder, as good as always
    return True


class LiveLog:
    """The live records on disk, line by line. After a crash, whole lines remain, and are written anew by the next.

    A disk that refuses ends the writing, not the following: the persisted log may still find room.
    """

    def __init__(self, file: BinaryIO | None, reporter: Reporter) -> None:
        self._file = file
        self._reporter = reporter

    def __call__(self, record: LogRecord) -> None:
        if self._file is None:
            return
        line = _line(record)
        try:
            whole = self._file.write(line) == len(line)
            why = "the disk is full"
        except OSError as exc:
            whole, why = False, exc.strerror or str(exc)
        if not whole:
            self._file = None
            self._reporter.say(f"the live log cannot be written ({why}); the run goes on", Level.WARN)

    @property
    def whole(self) -> bool:
        return self._file is not None


@contextmanager
def live_log(folder: Path | None, reporter: Reporter) -> Iterator[LiveLog]:
    """A stream replays from its beginning, so a new follower begins a new file; the old one stays until then.

    Without a folder nothing is written.
    """
    if folder is None:
        yield LiveLog(None, reporter)
        return
    part = folder / (LIVE_LOG + ".part")
    with open(part, "wb", buffering=0, opener=plain) as file:
        log = LiveLog(file, reporter)
        yield log
        if log.whole:
            os.fsync(file.fileno())
    if log.whole and file_has_more(part, folder / LIVE_LOG):
        part.replace(folder / LIVE_LOG)
    else:
        part.unlink(missing_ok=True)


def file_has_more(new: Path, old: Path) -> bool:
    """A log only ever grows: the shorter one of two is the one with less in it."""
    return not old.exists() or new.stat().st_size >= old.stat().st_size


@dataclass(frozen=True)
class Log:
    """A run's log on disk: how many records, the digest of log.jsonl, and what is missing of it.

    `seconds`: when its last record was written, since the session began and by Kaggle's clock.
    """

    records: int
    seconds: float
    sha256: str
    missed: tuple[Missed, ...]


def collect_log(service: KernelService, ref: KernelRef, version: int, folder: Path, reporter: Reporter) -> Log:
    """The persisted log in place of the live one, unless it has less. Where it cannot be read whole, that is missed.

    It is never in memory: a record of it at a time.
    """
    path = folder / LIVE_LOG
    new = folder / (LIVE_LOG + ".new")
    missed: list[Missed] = []

    def arriving() -> Iterator[bytes]:
        try:
            yield from map(_line, service.log(ref, version))
        except SahelError as exc:
            missed.append(Missed(LIVE_LOG, exc.message))

    try:
        if _write_lines(new, arriving()) >= _count(path):
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    if missed:
        reporter.say(f"the persisted log could not be read ({missed[0].why}); what came of it is kept", Level.WARN)
    text = folder / "log.txt.new"
    count, seconds = 0, 0.0

    def shown() -> Iterator[bytes]:
        nonlocal count, seconds
        for record in read_log(folder):
            count, seconds = count + 1, max(seconds, record.time)
            yield _text(record)

    try:
        _write_lines(text, shown())
        text.replace(folder / "log.txt")
    finally:
        text.unlink(missing_ok=True)
    return Log(count, seconds, _digest(path), tuple(missed))


def read_log(folder: Path) -> Iterator[LogRecord]:
    """What log.jsonl has, one after the other; a last line that was cut is left out."""
    try:
        with (folder / LIVE_LOG).open("rb") as file:
            yield from _read(file)
    except FileNotFoundError:
        return


def is_whole(folder: Path, files: tuple[Fetched, ...], log_sha256: str) -> bool:
    """Whether the folder still has what its record says; sizes of outputs are believed, and not read through."""
    try:
        sizes = all((folder / OUTPUTS / file.name).stat().st_size == file.size for file in files)
        return sizes and _digest(folder / LIVE_LOG) == log_sha256
    except (OSError, ValueError):
        return False


def collect_outputs(
    service: KernelService, ref: KernelRef, version: int, folder: Path, reporter: Reporter
) -> tuple[tuple[Fetched, ...], tuple[Missed, ...]]:
    """Every output file. A listing that fails is one missed entry, so that nothing looks complete that is not."""
    target = made(folder / OUTPUTS)
    try:
        listed = tuple(service.outputs(ref, version))
    except SahelError as exc:
        return (), (Missed("*", exc.message),)

    def progress(so_far: Progress) -> None:
        reporter.status("fetching outputs", so_far_in_words(so_far))

    try:
        return fetch_all(listed, target, progress=progress)
    finally:
        reporter.status("")


def so_far_in_words(progress: Progress) -> str:
    """`12 of 200, 3.4 MB`."""
    return f"{progress.done} of {progress.total}, {progress.bytes / 1e6:,.1f} MB"


def _line(record: LogRecord) -> bytes:
    item = {"stream_name": record.stream, "time": record.time, "data": record.data}
    # Half of a surrogate pair is no UTF-8: it keeps its escape, which is JSON's own.
    return (json.dumps(item, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _text(record: LogRecord) -> bytes:
    text = record.data if record.data.endswith("\n") else record.data + "\n"
    return text.encode("utf-8", "backslashreplace")


def _read(lines: Iterable[bytes]) -> Iterator[LogRecord]:
    for line in lines:
        try:
            item = json.loads(line)
            yield LogRecord(item["stream_name"], item["time"], item["data"])
        except (ValueError, KeyError, TypeError):
            continue


def _count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0


def _write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write them one by one, to the disk; how many there were."""
    count = 0
    with open(path, "wb", opener=plain) as file:
        for line in lines:
            file.write(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
