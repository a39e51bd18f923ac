"""Ends whole families of processes where there is no pid namespace to do it.

On Linux the supervisor is the subreaper: whoever loses its parent becomes the supervisor's child, so nobody leaves the
family, however often it forks or calls setsid. Elsewhere (macOS) the family is remembered while it runs: a process
escapes if it is started, leaves its parent and clears its environment between two looks. And anywhere, when supervisor
and service are both killed with -9 at the same moment, a daemon that has left its parent is nobody's to kill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sahel_nb.localkaggle.executor.environment import MARK
from sahel_nb.localkaggle.executor.resources import Process

_LINUX = sys.platform.startswith("linux")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def adopt_orphans() -> None:
    """Make this process the one that orphans below it fall to, where the system has such a thing."""
    if _LINUX:
        from sahel_nb.localkaggle.executor import namespaces

        namespaces.prctl(namespaces.PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent's main thread ends, where the system has such a thing."""
    if _LINUX:
        from sahel_nb.localkaggle.executor import namespaces

        namespaces.prctl(namespaces.PR_SET_PDEATHSIG, signal.SIGKILL)


Table = dict[int, Process]
"""By pid. Zombies are left out."""


class Family:
    """The processes that descend from `ancestor`, itself left out."""

    def __init__(self, ancestor: int, table: Callable[[], Table] | None = None) -> None:
        self._ancestor = ancestor
        self._table = table or (proc_table if _LINUX else ps_table)
        self._known: dict[int, str] = {}

    def look(self) -> Table:
        """Who is there now. They are remembered: where orphans get lost, who was seen is still known."""
        table = self._table()
        return {pid: table[pid] for pid in self._members(table)}

    def kill(self, patience: float = 5.0) -> bool:
        """Kill all of them, again and again until none is left. False where some survived `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            members = self._members(self._table())
            if not members:
                return True
            for pid in members:  # stopped first, so that none forks while its siblings are killed
                _signal(pid, signal.SIGSTOP)
            for pid in members:
                _signal(pid, signal.SIGKILL)
            _reap()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)

    def _members(self, table: Table) -> list[int]:
        children: dict[int, list[int]] = {}
        for pid, process in table.items():
            children.setdefault(process.parent, []).append(pid)
        family, waiting = set(), [self._ancestor]
        while waiting:
            for pid in children.get(waiting.pop(), ()):
                if pid not in family:
                    family.add(pid)
                    waiting.append(pid)
        family.discard(self._ancestor)
        for pid in family:
            self._known[pid] = table[pid].start
        # A number that was given to another process since has another start.
        self._known = {pid: start for pid, start in self._known.items() if pid in table and table[pid].start == start}
        return list(self._known)


def kill_marked(mark: str) -> None:
    """Kill whatever still carries the run's mark in its environment: for a run whose supervisor was killed."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(100):
        found = [pid for pid in _marked(wanted) if pid != os.getpid()]
        if not found:
            return
        for pid in found:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(wanted: bytes) -> list[int]:
    if not _LINUX:
        listing = subprocess.run(["ps", "-A", "-E", "-ww", "-o", "pid=,command="], capture_output=True, check=False)
        return [int(line.split(None, 1)[0]) for line in listing.stdout.splitlines() if wanted in line.split()]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def proc_table() -> Table:
    """From Linux's /proc."""
    table: Table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # `pid (name) state ppid …`: the name may hold blanks and parentheses. Field 20 is the number of threads,
            # 22 the start, 24 the resident pages.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X"):
                table[int(folder.name)] = Process(
                    int(fields[1]), fields[19].decode(), int(fields[17]), int(fields[21]) * _PAGE
                )
    return table


def ps_table() -> Table:
    """From POSIX's ps, itself left out."""
    table: Table = {}
    with subprocess.Popen(("ps", "-A", "-o", "pid=,ppid=,stat=,rss=,lstart="), stdout=subprocess.PIPE) as ps:
        listing = ps.communicate()[0].decode("utf-8", "replace")
    for line in listing.splitlines():
        pid, parent, state, resident, start = line.split(None, 4)
        if not state.startswith("Z") and int(pid) != ps.pid:
            table[int(pid)] = Process(int(parent), start, resident=int(resident) * 1024)
    return table


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
