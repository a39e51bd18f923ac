"""One file over a bad line: resumed where it was cut, by this process or by the next, whole or not there.

What has arrived lies in `.<tag>.sahel-nb-part` beside the target. The tag stands for the file's name and the server's
word for one state of it (ETag or Last-Modified): what is there is never continued with bytes of another state.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sahel_nb.durable import make_folder
from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.kernels import backoff
from sahel_nb.kernels.arrivals import Arrival
from sahel_nb.kernels.arriving import arriving
from sahel_nb.kernels.door import translated
from sahel_nb.kernels.target import SLOWEST
from sahel_nb.links import plain

CHUNK = 1 << 14
"""What a cut may cost of what had arrived in HTTP chunks: less than this is not handed on by the libraries below us."""
ATTEMPTS = 5
"""In a row that bring nothing, or hardly anything in their time; else a line may be cut as often as it likes."""
LARGEST = 20 << 30
"""Bytes: what Kaggle keeps of all outputs of a session (kaggle.com/docs/notebooks, Technical Specifications)."""
PART = ".sahel-nb-part"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Incomplete(SahelError):
    """A file that did not arrive whole. Its message says why, and what of it is kept for the next attempt."""

    exit_code = 10

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full
        """The disk has no room: no other file will find any either."""


def fetch(
    session: Any,
    url: str,
    target: Path,
    *,
    arrived: Callable[[int], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Arrival:
    """Fetch into `target`, and return its size and sha256, both of what is on the disk.

    Raises `Incomplete` where the line or the disk refuses or `stop` was set, another `SahelError` where the service
    refuses. What had arrived stays for the next attempt, where the server can go on from there. `arrived` is told of
    bytes as they come.
    """
    stop = stop or threading.Event()
    download = _Download(session, url, target, arrived, stop)
    try:
        _persist(download, stop)
        return download.keep()
    except NetworkError as exc:
        raise Incomplete(exc.message + download.kept()) from exc
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise Incomplete(why + download.kept(), full=exc.errno in _FULL) from exc


def still_there(session: Any, url: str, target: Path, arrival: Arrival, stop: threading.Event) -> bool:
    """Whether a file is on the disk as it arrived, and is what the server has to this day.

    The server is asked for its last byte, if the file is still in the same state (RFC 9110, 13.1.5). Raises
    `NetworkError` where it does not answer, another `SahelError` where it refuses.
    """
    try:
        with open(target, "rb", buffering=0, opener=plain) as file:
            if _digest(file, stop) != (arrival.size, arrival.sha256):
                return False
    except OSError:
        return False
    last = arrival.size - 1
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={last}-", "If-Range": arrival.validator}

    def once() -> bool:
        with (
            translated(f"asking for {target.name}"),
            session.get(url, headers=headers, stream=True, timeout=(10, 60)) as response,
        ):
            if response.status_code == 416:
                return False
            response.raise_for_status()
            return (
                response.status_code == 206
                and response.headers.get("Content-Range") == f"bytes {last}-{last}/{arrival.size}"
                and _validator(response.headers) == arrival.validator
            )

    return backoff.again(once)


def _persist(download: _Download, stop: threading.Event) -> None:
    """Ask until it is all there."""
    failures = 0
    while True:
        before, began = download.have, time.monotonic()
        cause: NetworkError | None = None
        try:
            if download.go_on():
                return
        except NetworkError as exc:
            cause = exc
        recognised = cause is None and not download.begun
        brought = download.have - before
        failures = 0 if brought > SLOWEST * (time.monotonic() - began) else failures + (not recognised)
        if stop.is_set():
            raise NetworkError("stopped")
        if failures == ATTEMPTS or backoff.wish(cause) > backoff.MOST_ASKED:
            raise cause or NetworkError(f"cut off {ATTEMPTS} times in a row")
        if not recognised:
            stop.wait(backoff.pause(max(failures, 1), backoff.wish(cause)))


def _acknowledge(response: Any) -> None:
    """Acknowledge the headers at once, where the system can.

    A server that writes them and the body apart, on a connection with Nagle's algorithm on, waits for that before it
    sends the body, and this side waits 40 ms in case it has something to say (tcp(7), TCP_QUICKACK): more than a small
    file takes.
    """
    connection = getattr(getattr(response.raw, "connection", None), "sock", None)
    if connection is not None and hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _validator(headers: Mapping[str, str]) -> str:
    return headers.get("ETag") or headers.get("Last-Modified") or ""


def _digest(file: BinaryIO, stop: threading.Event) -> tuple[int, str]:
    """Size and sha256. Raises `NetworkError` where it is told to stop."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(1 << 18):
        digest.update(chunk)
        size += len(chunk)
        if stop.is_set():
            raise NetworkError("stopped")
    return size, digest.hexdigest()


def _says_its_end(headers: Mapping[str, str]) -> bool:
    """http.client takes a head that was cut for a short one, and what follows, nothing, for the whole of the body."""
    return "Content-Length" in headers or headers.get("Transfer-Encoding", "").lower() == "chunked"


class _Download:
    def __init__(
        self,
        session: Any,
        url: str,
        target: Path,
        arrived: Callable[[int], None] = lambda _: None,
        stop: threading.Event | None = None,
    ) -> None:
        self._session, self._url, self._target = session, url, target
        self._arrived, self._stop = arrived, stop or threading.Event()
        self._validator = ""
        self._part = self._named("")
        self.begun = False
        """The last request brought bytes, or tried to; else it only told us what is here already."""

    @property
    def have(self) -> int:
        try:
            return self._part.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def go_on(self) -> bool:
        """One request, from where the part ends if the file is still the same one. True: it is all there."""
        have = self.have if self._validator else 0
        self.begun = False
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._validator}
        with (
            translated(f"fetching {self._target.name}"),
            self._session.get(self._url, headers=headers, stream=True, timeout=(10, 60)) as response,
        ):
            if response.status_code == 416:
                self._part.unlink(missing_ok=True)
                raise NetworkError("the file changed while it was fetched")
            response.raise_for_status()
            if not _says_its_end(response.headers):
                raise NetworkError("an answer that does not say where it ends")
            _acknowledge(response)
            resumed = response.status_code == 206 and have > 0
            if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise NetworkError("the service sent another part of the file than was asked for")
            if not resumed and self._recognise(response):
                return False  # an earlier process has begun on this very file: ask again, for the rest
            length = response.headers.get("Content-Length")
            expected = int(length) + (have if resumed else 0) if length is not None else None
            if expected is not None:
                self._check_room(expected, int(length or 0))
            self._write(response, "ab" if resumed else "wb")
        return not self._stop.is_set() and (expected is None or self.have == expected)

    def _check_room(self, size: int, more: int) -> None:
        """Whether a file of `size` bytes is taken, and has room; `more` bytes of it are still to come."""
        if size > LARGEST:
            raise Incomplete(f"it has {size:,} bytes, more than Kaggle keeps of a whole run ({LARGEST:,})")
        folder = next((one for one in self._target.parents if one.is_dir()), Path("/"))
        free = shutil.disk_usage(folder).free
        if more > free:
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {more:,} bytes are to come, {free:,} are free")

    def _write(self, response: Any, mode: str) -> None:
        self.begun = True
        size = self.have if mode == "ab" else 0
        try:
            file = open(self._part, mode, buffering=CHUNK, opener=plain)  # noqa: SIM115  closed below
        except FileNotFoundError:
            make_folder(self._part.parent)
            file = open(self._part, mode, buffering=CHUNK, opener=plain)  # noqa: SIM115  as above
        with file:
            for piece in arriving(response, CHUNK):
                file.write(piece)
                size += len(piece)
                if size > LARGEST:
                    self._part.unlink(missing_ok=True)
                    raise Incomplete(f"it has more bytes than Kaggle keeps of a whole run ({LARGEST:,})")
                self._arrived(len(piece))
                if self._stop.is_set():
                    return

    def _recognise(self, response: Any) -> bool:
        """Learn which state of the file the server has; whether a part of it is here that was not known of."""
        before, part = self._validator, self._part
        self._validator = _validator(response.headers)
        self._part = self._named(self._validator)
        if self._part != part and part.exists():
            part.unlink(missing_ok=True)  # of a state that is over, or that had no name: nothing ever goes on with it
        return self._validator != before and response.headers.get("Accept-Ranges") == "bytes" and self.have > 0

    def keep(self) -> Arrival:
        with self._part.open("rb", buffering=0) as file:
            size, sha256 = _digest(file, self._stop)
            os.fsync(file.fileno())
        self._part.replace(self._target)
        return Arrival(size, sha256, self._validator)

    def kept(self) -> str:
        """What to say of the part that stays; nothing where there is none that the next attempt can use."""
        have = self.have
        return f"; {have:,} bytes of it stay in {self._part.name} for the next attempt" if have else ""

    def _named(self, validator: str) -> Path:
        """A name that is short enough whatever the target's is, and that no kernel gives its outputs."""
        tag = hashlib.sha256(f"{self._target.name}\n{validator}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._target.with_name(f".{tag}{PART}")
