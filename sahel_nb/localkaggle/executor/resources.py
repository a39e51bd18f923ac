"""What one run may use of this machine, and what it does use. No imports that cost anything.

Measured by the supervisor a few times a second, from /proc and by walking what the run may write to: control groups
would need a delegation that a user's session, a container and CI rarely give. So a run that grows goes beyond its
limit for a moment before it is ended; what the kernel itself can hold it to (the size of one file, the number of
processes) is a hard limit beside it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3
_RESERVED_PIDS = 300  # of each pid namespace, linux/pid_namespace.h
_KAGGLE_MEMORY = 30 * GIB
_KAGGLE_OUTPUT = 20 * GIB
_SHARED = "/dev/shm"  # noqa: S108 - only looked at
_SLICE = 0.02  # seconds that the walk may take of each look


@dataclass(frozen=True)
class Resources:
    """Limits of one run; bytes."""

    memory: int
    processes: int = 4096
    """Processes and threads."""
    disk: int = _KAGGLE_OUTPUT
    """What /kaggle/working may hold. With the home and the temporary folders it may be three times as much."""
    files: int = 500_000

    @classmethod
    def of_this_machine(cls) -> Resources:
        """Kaggle's where the machine has that much: four fifths of its memory, at most 30 GB."""
        return cls(memory=min(_KAGGLE_MEMORY, _memory() * 4 // 5))

    @property
    def everywhere(self) -> int:
        return 3 * self.disk


@dataclass(frozen=True)
class Process:
    """One row of the system's table. `start` tells two processes with one number apart."""

    parent: int
    start: str
    threads: int = 1
    resident: int = 0


def used_memory(processes: dict[int, Process], limit: int) -> int:
    """Bytes that a family keeps from others: anonymous and shared memory, each page once.

    The sum of what is resident counts shared pages many times, and is enough while it stays below the limit.
    """
    shared = _shared_memory(processes)
    resident = sum(process.resident for process in processes.values()) + shared
    if resident <= limit:
        return resident
    anonymous = mapped = 0
    for pid, process in processes.items():
        sizes = _proportional(pid)
        anonymous += sizes.get("Pss_Anon", process.resident)
        mapped += sizes.get("Pss_Shmem", 0)
    return anonymous + max(shared, mapped)


def _proportional(pid: int) -> dict[str, int]:
    """From proc(5)'s smaps_rollup: `Pss_Anon:       1234 kB`. Empty where it may not be read."""
    sizes = {}
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        for line in lines:
            name, colon, rest = line.partition(":")
            if colon and name.startswith("Pss_"):
                sizes[name] = int(rest.split()[0]) * 1024
    return sizes


def _shared_memory(processes: dict[int, Process]) -> int:
    """What lies in the sandbox's own /dev/shm; the host's is not this run's alone."""
    for pid in processes:
        with contextlib.suppress(OSError):
            inside = f"/proc/{pid}/root{_SHARED}"
            if Path(inside).stat().st_dev == Path(_SHARED).stat().st_dev:
                return 0
            space = os.statvfs(inside)
            return (space.f_blocks - space.f_bfree) * space.f_frsize
    return 0


class Disk:
    """What the folders of a run hold, walked a slice at a time while the run writes to them."""

    def __init__(self, working: Path, others: tuple[Path, ...], resources: Resources) -> None:
        self._working = working
        self._others = others
        self._resources = resources
        self._walk = self._look()
        self._rest = 0.0
        free, total = _free(working)
        # Never the last of a disk that others use as well; where there is little, half of that.
        self._reserve = min(GIB, total // 50, free // 2)

    def exceeded(self) -> str:
        """What is beyond its limit, as `X of Y`; empty while nothing is. Call it often."""
        if _free(self._working)[0] < self._reserve:
            return "all but the last of the space on this disk"
        if time.monotonic() < self._rest:
            return ""
        until = time.monotonic() + _SLICE
        for found in self._walk:
            if found or time.monotonic() > until:
                return found
        self._walk = self._look()
        return ""

    def _look(self) -> Iterator[str]:
        begun = time.monotonic()
        limits = self._resources
        size = files = 0
        for top in (self._working, *self._others):
            for entry_size in _sizes(str(top)):
                size, files = size + entry_size, files + 1
                if top == self._working and size > limits.disk:
                    yield f"the {_gb(limits.disk)} that /kaggle/working may hold"
                if size > limits.everywhere:
                    yield f"the {_gb(limits.everywhere)} that a run may write"
                if files > limits.files:
                    yield f"the {limits.files} files that a run may make"
                if files % 64 == 0:
                    yield ""
        self._rest = time.monotonic() + min(10.0, max(0.5, time.monotonic() - begun))


def _sizes(top: str) -> Iterator[int]:
    """Bytes on disk of each entry below a folder that is being written to: nothing is followed, nothing changed."""
    stack = [top]
    while stack:
        folder = stack.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    yield entry.stat(follow_symlinks=False).st_blocks * 512


def _free(folder: Path) -> tuple[int, int]:
    try:
        space = os.statvfs(folder)
    except OSError:
        return GIB, 0
    return space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize


def _memory() -> int:
    """Bytes that this machine, or the container that we are in, has."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            found = min(found, int(Path(path).read_text(encoding="ascii")))
    return found


def _gb(size: int) -> str:
    return f"{size / GIB:.3g} GB"


def too_much(processes: dict[int, Process], resources: Resources) -> tuple[str, bool]:
    """What a family uses too much of, as `X of Y`, and whether that is memory; empty while it does not."""
    tasks = sum(process.threads for process in processes.values())
    if tasks > resources.processes:
        return f"the {resources.processes} processes and threads that a run may have", False
    if used_memory(processes, resources.memory) > resources.memory:
        return f"the {_gb(resources.memory)} of memory that a run may have", True
    return "", False


def restrict(resources: Resources, *, namespaces: bool) -> None:
    """Hold this process and its children to what the system can count by itself. For the first process of a run."""
    import resource

    with contextlib.suppress(OSError):  # where memory runs out all the same, this run goes first
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _lower(resource.RLIMIT_FSIZE, resources.everywhere)
    _lower(resource.RLIMIT_CORE, 0)
    most = resources.processes * 5 // 4
    # RLIMIT_NPROC counts by user namespace since Linux 5.14; else it counts all that the user has.
    alone = namespaces and _linux() >= (5, 14)
    _lower(resource.RLIMIT_NPROC, most if alone else most + all_tasks())
    if namespaces and _linux() >= (6, 14):  # the pid namespace's own, and good for root; before, it was the machine's
        with contextlib.suppress(OSError):
            Path("/proc/sys/kernel/pid_max").write_text(str(_RESERVED_PIDS + most), encoding="ascii")
    # A session of its own: the scheduler shares a processor among sessions, so thousands of processes in this one
    # do not keep the supervisor from running.
    os.setsid()
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:  # the supervisor's, where it may have that
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def _lower(which: int, limit: int) -> None:
    import resource

    _, hard = resource.getrlimit(which)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (limit, limit))


def all_tasks() -> int:
    """Processes and threads of the whole machine, in one short read: the fourth field of /proc/loadavg, `2/345`."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[1])
    return 0


def _linux() -> tuple[int, int]:
    """The kernel's version; (0, 0) where it cannot be told."""
    match = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(match[1]), int(match[2])) if match else (0, 0)
