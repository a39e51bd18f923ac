"""The two files that a run leaves for the service.

`log.jsonl`, appended by whole lines as the text comes, UTF-8 unescaped, time in seconds since the start:

    {"stream_name":"stdout","time":1.204,"data":"ɓiɗɗo\\n"}

`result.json`, written once, atomically, as the very last act:

    {"outcome":"ERROR","failure_message":"…","started":1764288000.1,"ended":1764288003.9}
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from sahel_nb.localkaggle.executor.job import Outcome, Result

LOG = "log.jsonl"
RESULT = "result.json"
# Nobody holds a log in memory; an endless loop that prints must not fill the disk.
LOG_LIMIT = 1024 * 1024 * 1024
_PIECE = 32 * 1024


class LogWriter:
    """Appends records. Only whole lines ever reach the file, and a full disk leaves it ending in a whole line."""

    def __init__(self, folder: Path, limit: int = LOG_LIMIT) -> None:
        self._fd = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._fd).st_size
        self._limit = limit
        self._full = False

    def append(self, stream: str, seconds: float, text: str) -> None:
        """Write `text` as one record, or as several where it is long. Raises OSError where the disk is full."""
        for start in range(0, len(text), _PIECE):
            if self._full:
                return
            self._line(stream, seconds, text[start : start + _PIECE])
            if self._size > self._limit:
                self._full = True
                self._line(
                    "stderr",
                    seconds,
                    f"\nsahel-nb: the log is longer than {self._limit} bytes; the rest is not kept.\n",
                )

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._fd)
        os.close(self._fd)

    def _line(self, stream: str, seconds: float, text: str) -> None:
        record = {"stream_name": stream, "time": round(seconds, 6), "data": text}
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        # A lone surrogate has no UTF-8; as \udc80 it is an escape that JSON knows.
        data = line.encode("utf-8", "backslashreplace")
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)


def mend_log(folder: Path) -> None:
    """Cut a last line that its writer could not finish. For a log whose writer was killed."""
    with contextlib.suppress(OSError), open(folder / LOG, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        while size:
            start = max(0, size - _PIECE)
            file.seek(start)
            newline = file.read(size - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            size = start
        file.truncate(0)


def write_result(folder: Path, result: Result) -> None:
    """Write result.json so that it is there whole or not at all."""
    document = {
        "outcome": result.outcome.value,
        "failure_message": result.failure_message,
        "started": result.started,
        "ended": result.ended,
    }
    data = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    fd, name = tempfile.mkstemp(prefix=".result-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / RESULT)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_result(folder: Path) -> Result | None:
    """The result of the run in `folder`; None while there is none."""
    try:
        document: Any = json.loads((folder / RESULT).read_bytes())
        return Result(
            outcome=Outcome(document["outcome"]),
            failure_message=str(document["failure_message"]),
            started=float(document["started"]),
            ended=float(document["ended"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as exc:
        # Ours alone to write, and written whole: somebody changed it.
        return Result(Outcome.ERROR, f"{RESULT} cannot be read: {exc}", 0.0, 0.0)
