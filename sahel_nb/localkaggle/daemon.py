"""The service behind the scenes: `sahel-nb --local` finds it running, or starts it, whoever asks first."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.localkaggle import instance
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.instance import Endpoint
from sahel_nb.localkaggle.signing import PagesKey

LOG = "service.log"
_START_LIMIT = 30.0
_STOP_LIMIT = 25.0


def find(folder: Path) -> Endpoint | None:
    """The running service of a data folder."""
    return instance.running(folder / "service.lock")


def current(folder: Path) -> Endpoint | None:
    """The running service, if it is one that answers its owner alone.

    Raises `Refused` for one that an earlier version of sahel-nb started: it takes any local user for an account.
    """
    found = find(folder)
    if found is not None and not found.knows_own_key:
        raise Refused(
            f"The embedded service at {found.url} is of an earlier version, and is open to every user of this machine.",
            hints=(f"sahel-nb local stop --data {quote(str(folder))}",),
        )
    return found


def pages(folder: Path, endpoint: Endpoint) -> str:
    """The address that opens the service's pages in a browser, private ones included. Not for others' eyes."""
    return f"{endpoint.url}/?key={PagesKey.of(DataFolder(folder).secret()).value}"


def ensure(folder: Path) -> Endpoint:
    """The running service of a data folder, started where there is none. Two callers at once get the same one.

    It outlives its starter and writes to `service.log` in the folder. Raises `NetworkError` where it does not come up.
    """
    data = DataFolder.create(folder)
    with _one_at_a_time(data.root):
        found = current(data.root)
        if found is None:
            said = _size(data.root / LOG)
            process = _start(data.root)
            found = _await(data, process, said)
    return found


def stop(folder: Path) -> bool:
    """End the service of a data folder and wait for its end; False where none runs."""
    if not folder.is_dir():
        return False
    with _one_at_a_time(folder):
        found = find(folder)
        if found is None:
            return False
        lock = folder / "service.lock"
        for number, patience in ((signal.SIGTERM, _STOP_LIMIT), (signal.SIGKILL, 5.0)):
            try:
                os.kill(found.pid, number)
            except ProcessLookupError:
                return True
            if _until(lambda: not instance.held(lock), patience):
                return True
    raise NetworkError(f"The service (process {found.pid}) does not end.", hints=(f"kill -9 {found.pid}",))


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "sahel_nb.cli.main",
        "local",
        "serve",
        "--data",
        str(folder),
        "--only-own-key",
        "--admin",
    ]
    with open(os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={
                **os.environ,
                "SAHEL_NB_LOCAL_ADMIN_TOKEN": DataFolder(folder).admin_token(),
            },  # a command line is for all to read
            start_new_session=True,  # a Ctrl-C in the starter's terminal is not meant for it
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _await(data: DataFolder, process: subprocess.Popen[bytes], said: int) -> Endpoint:
    """`said`: bytes of the log that services before this one have written."""
    found: Endpoint | None = None

    def ready() -> bool:
        nonlocal found
        found = instance.running(data.lock)
        # Ours may have found the folder taken by one that somebody starts by hand: that one will do.
        return found is not None or (process.poll() is not None and not instance.held(data.lock))

    if _until(ready, _START_LIMIT) and found is not None:
        return found
    if process.poll() is None:
        process.kill()
    tail = (data.root / LOG).read_bytes()[said:].decode("utf-8", "replace").splitlines()[-8:]
    by_hand = f"sahel-nb local serve --data {quote(str(data.root))}"
    raise NetworkError("The embedded service did not start.", details=tuple(tail), hints=(by_hand,))


def _until(done: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
