"""The process between the service and one run: starts it, listens to it, ends it, and writes down how it ended.

Standard input is the service: one line with the `Spec`, then `cancel` or, whatever the service died of, end of file.
Runs in a session of its own, with one thread, and without site-packages.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import stat
import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahel_nb.localkaggle.executor import api_access, command, outputs, plain, processes, record, resources, sandbox
from sahel_nb.localkaggle.executor.job import Outcome, Result
from sahel_nb.localkaggle.executor.pipes import Frames, Pipe, Text
from sahel_nb.localkaggle.executor.spec import SANDBOX, Spec
from sahel_nb.localkaggle.executor.trees import discard

if TYPE_CHECKING:
    from sahel_nb.localkaggle.executor.network import Helper

TIMED_OUT = "Your {kind} was stopped because it exceeded the max allowed execution duration."
OUT_OF_MEMORY = "Your {kind} tried to allocate more memory than is available."
SERVICE_GONE = "The service stopped while this version was running."
TOO_MUCH = "It used more than {what}, and was ended."
LAST_WORDS = 15.0
"""Seconds that the runner may take to end after its verdict: a library that hangs at its exit holds nobody up."""
_LOOK_EVERY = 0.2
_GLANCE_EVERY = 0.1
_LOOK_SHARE = 10  # a look that takes long, on a machine with many processes, is taken less often


class Ended(Enum):
    BY_ITSELF = 1
    BY_TIME = 2
    BY_CANCEL = 3
    BY_SERVICE = 4
    BY_LIMIT = 5


class Run:
    """One run, from the first process to the last."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._layout = SANDBOX if spec.namespaces else plain.layout(spec.path)
        self._exchange = spec.path / "scratch" / "exchange" if spec.namespaces else Path(self._layout.exchange)
        self._started = time.time()
        self._clock = time.monotonic()
        self._deadline = self._clock + spec.time_limit
        self._log = record.LogWriter(spec.path)
        self._log_error = ""
        self._verdict: dict[str, Any] | None = None
        self._verdict_at = 0.0
        self._exit: int | None = None
        self._main = 0
        self._helper: Helper | None = None
        self._ooms = _oom_kills()
        self._family = processes.Family(os.getpid())
        self._disk: resources.Disk | None = None
        self._too_much = ""
        self._memory = False
        self._selector = selectors.DefaultSelector()

    def go(self) -> None:
        """Run it to its end, whatever that is. result.json is the last thing written."""
        try:
            self._prepare()
            ended = self._watch(self._start())
        except OSError as exc:
            self._stop()
            result = self._result(Outcome.ERROR, f"The run could not be started: {exc}")
        else:
            self._stop()
            result = self._judge(ended, self._tidy())
        self._clean()
        self._log.close()
        record.write_result(self._spec.path, result)

    def _prepare(self) -> None:
        if self._spec.namespaces:
            sandbox.prepare(self._spec.path)
        else:
            processes.adopt_orphans()
            plain.prepare(self._spec)
        api_access.prepare(self._spec)

    def _start(self) -> list[Pipe]:
        # SIGCHLD wakes the selector: the end of the main process is an event like the others.
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._selector.register(wake_read, selectors.EVENT_READ, "wake")
        self._selector.register(0, selectors.EVENT_READ, "service")
        child = command.start(self._spec, self._layout, self._clock)
        self._main = child.pid
        self._helper = child.helper
        pipes: list[Pipe] = [
            Frames(child.frames, self._frame),
            Text(child.stdout, lambda text: self._say("stdout", text)),
            Text(child.stderr, lambda text: self._say("stderr", text)),
        ]
        for pipe in pipes:
            self._selector.register(pipe.fd, selectors.EVENT_READ, pipe)
        return pipes

    def _watch(self, pipes: list[Pipe]) -> Ended:
        ended: Ended | None = None
        look, tasks = 0.0, resources.all_tasks() + self._spec.resources.processes
        while ended is None:
            now = time.monotonic()
            if resources.all_tasks() > tasks:  # more than usual on this machine: see at once whether it is this run
                look = min(look, now + _GLANCE_EVERY)
            if now >= look:
                if self._exceeds():
                    ended = Ended.BY_LIMIT
                now, begun = time.monotonic(), now
                look = now + max(_LOOK_EVERY, _LOOK_SHARE * (now - begun))
            waits = [min(look - now, _GLANCE_EVERY), self._deadline - now, *(pipe.due - now for pipe in pipes)]
            for key, _ in self._selector.select(max(0.0, min(waits))):
                if isinstance(key.data, Pipe):
                    if not key.data.read():
                        self._selector.unregister(key.fd)
                elif key.data == "service":
                    said = os.read(0, 4096)
                    ended = ended or (Ended.BY_CANCEL if said else Ended.BY_SERVICE)
                else:
                    with contextlib.suppress(BlockingIOError):
                        os.read(key.fd, 4096)
            now = time.monotonic()
            for pipe in pipes:
                if now >= pipe.due:
                    pipe.flush()
            if self._reap() and ended is not Ended.BY_LIMIT:
                ended = Ended.BY_ITSELF  # it had ended already when whatever else came in
            elif self._verdict is not None and now - self._verdict_at > LAST_WORDS:
                ended = ended or Ended.BY_ITSELF
            elif now >= self._deadline:
                ended = ended or Ended.BY_TIME
        self._stop()
        for pipe in pipes:
            pipe.drain(patience=2.0)
        if ended is Ended.BY_LIMIT:
            self._say("stderr", f"\nsahel-nb: {TOO_MUCH.format(what=self._too_much)}\n")
        return ended

    def _exceeds(self) -> bool:
        """Look at what the run uses; True where that is too much."""
        self._too_much, self._memory = resources.too_much(self._family.look(), self._spec.resources)
        if not self._too_much:
            if self._disk is None:
                others = ("scratch", "usr") if self._spec.namespaces else ("scratch",)
                folders = tuple(self._spec.path / name for name in others)
                self._disk = resources.Disk(self._spec.path / "working", folders, self._spec.resources)
            self._too_much = self._disk.exceeded()
        return bool(self._too_much)

    def _reap(self) -> bool:
        """Collect the dead; True once the main process is among them."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self._main:
                    self._main = 0
                    if self._exit is None:
                        self._exit = os.waitstatus_to_exitcode(status)
        return self._main == 0

    def _stop(self) -> None:
        """Nothing of the run lives after this. Pid 1 of a namespace takes everybody with it."""
        if self._spec.namespaces:
            if self._main:
                os.kill(self._main, signal.SIGKILL)
                os.waitpid(self._main, 0)
                self._main = 0
            if self._helper is not None:
                self._helper.stop()
                self._helper = None
        elif not self._family.kill():
            self._say("stderr", "Some processes of this run could not be killed.\n")

    def _frame(self, value: Any) -> None:
        """What the runner says. Checked: the kernel beside it could speak in its name."""
        if isinstance(value, list) and len(value) == 3:
            stream, seconds, text = value
            timed = isinstance(seconds, float) and 0 <= seconds < 1e9
            if stream in ("stdout", "stderr") and timed and isinstance(text, str):
                self._say(stream, text, seconds)
        elif isinstance(value, dict) and isinstance(value.get("exit"), int):
            self._exit = value["exit"]
        elif isinstance(value, dict) and isinstance(value.get("outcome"), str):
            self._verdict, self._verdict_at = value, time.monotonic()

    def _say(self, stream: str, text: str, seconds: float | None = None) -> None:
        if self._log_error:
            return
        try:
            seconds = time.monotonic() - self._clock if seconds is None else seconds
            self._log.append(stream, seconds, api_access.hide_token(self._spec, text))
        except OSError as exc:
            self._log_error = f"The log could not be written: {exc}"

    def _tidy(self) -> str:
        """Make the outputs safe to serve. Answers what is wrong with them, if that fails the run."""
        working = self._spec.path / "working"
        for removed in outputs.settle(working, self._layout.working):
            self._say("stderr", f"Not among the outputs: {removed}\n")
        self._keep_notebook()
        limit = self._spec.resources.disk
        if outputs.size(working) > limit:
            return f"The output is larger than the {limit / resources.GIB:.3g} GB that /kaggle/working may hold."
        return ""

    def _keep_notebook(self) -> None:
        """Take the executed notebook from where the runner, or whoever, put it: a file, and nothing else."""
        executed = self._exchange / "__notebook__.ipynb"
        kept = self._spec.path / "__notebook__.ipynb"
        with contextlib.suppress(OSError):
            if stat.S_ISREG(executed.lstat().st_mode):
                shutil.move(executed, kept)
                api_access.hide_token_in(self._spec, kept)

    def _judge(self, ended: Ended, wrong_outputs: str) -> Result:
        kind = self._spec.kind
        if ended is Ended.BY_SERVICE:
            return self._result(Outcome.ERROR, SERVICE_GONE)
        if ended is Ended.BY_CANCEL:
            return self._result(Outcome.CANCELLED, "")
        if ended is Ended.BY_TIME:
            return self._result(Outcome.CANCELLED, TIMED_OUT.format(kind=kind))
        if ended is Ended.BY_LIMIT:
            kaggles = OUT_OF_MEMORY.format(kind=kind) + " " if self._memory else ""
            return self._result(Outcome.ERROR, kaggles + TOO_MUCH.format(what=self._too_much))
        message, killed_by = self._failure()
        if killed_by == signal.SIGKILL and _oom_kills() > self._ooms:
            message = OUT_OF_MEMORY.format(kind=kind)
        message = message or self._log_error or wrong_outputs
        return self._result(Outcome.ERROR if message else Outcome.COMPLETE, message)

    def _failure(self) -> tuple[str, int]:
        """Why the run that ended by itself failed (empty: it did not), and the signal that killed it, if one did."""
        if self._verdict is not None:
            number = self._verdict.get("signal")
            message = str(self._verdict.get("message", ""))
            if self._verdict["outcome"] != Outcome.COMPLETE.value:
                return message or "The notebook failed.", number if isinstance(number, int) else 0
            return "", 0
        code = self._exit
        if code is not None and code < 0:
            return f"The {self._spec.kind} was killed by signal {-code}.", -code
        if self._spec.kind == "script" and code == 0:
            return "", 0
        if self._spec.kind == "script":
            return f"The script ended with exit code {code}.", 0
        return f"The notebook's runner ended with exit code {code} and no verdict; the log says more.", 0

    def _result(self, outcome: Outcome, message: str) -> Result:
        return Result(outcome, api_access.hide_token(self._spec, message), self._started, time.time())

    def _clean(self) -> None:
        for part in ("scratch", "src", "input", "usr"):
            discard(self._spec.path / part)
        discard(self._exchange)


def _oom_kills() -> int:
    """How often this machine's kernel killed for want of memory: evidence, when a run dies of signal 9."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def main() -> None:
    """Read the spec and do what it says. A probe answers on standard output; see `isolation`."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    spec = Spec.from_line(bytes(line))
    with contextlib.suppress(OSError):
        os.nice(-10)  # where this is root: its runs are root's as well, and RLIMIT_NPROC does not hold them
    if spec.kind == "probe":
        sys.stdout.write(json.dumps(command.probe(spec)))
        return
    Run(spec).go()
