"""Which files of a folder arrived whole, and which state of them, for the attempt after one that was cut short.

`.sahel-nb-arrived` in the folder, a line for each, gone when all that was asked for is there:

    {"name":"model.bin","validator":"\\"5f0c\\"","size":1048576,"sha256":"9f86d0…"}
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from sahel_nb.links import plain

ARRIVED = ".sahel-nb-arrived"
OWNER = ".sahel-nb-run"
"""In a folder that belongs to one run, or to one version: which one (see `run.collect`)."""


@dataclass(frozen=True)
class Arrival:
    """A file as it lies on the disk; `validator` is the server's word for this state of it, or empty."""

    size: int
    sha256: str
    validator: str


class Arrivals:
    """The record of one folder. A line that cannot be written, or was cut, costs fetching that file again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ARRIVED
        self._known = dict(_read(self._path))
        self._turn = threading.Lock()
        self._file: FileIO | None = None

    def of(self, name: str) -> Arrival | None:
        return self._known.get(name)

    def add(self, name: str, arrival: Arrival) -> None:
        """Only what the server can be asked about later."""
        if not arrival.validator or not arrival.size:
            return
        line = json.dumps({"name": name, **asdict(arrival)}, separators=(",", ":")) + "\n"
        with self._turn, contextlib.suppress(OSError):
            self._known[name] = arrival
            if self._file is None:
                self._file = open(self._path, "ab", buffering=0, opener=plain)  # noqa: SIM115  close() does
            self._file.write(line.encode("ascii"))

    def close(self) -> None:
        with self._turn:
            if self._file is not None:
                self._file.close()
            self._file = None

    def forget(self, names: Iterable[str]) -> None:
        """All of these are there: the record goes, unless it speaks of others."""
        if self._known.keys() <= set(names):
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def _read(path: Path) -> Iterator[tuple[str, Arrival]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            item = json.loads(line)
            yield str(item["name"]), Arrival(int(item["size"]), str(item["sha256"]), str(item["validator"]))
