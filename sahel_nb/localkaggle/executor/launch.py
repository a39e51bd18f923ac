"""Starts a job and holds on to it. All that the service calls is here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

from sahel_nb.localkaggle.executor import isolation, processes, record
from sahel_nb.localkaggle.executor.command import NOTEBOOK, SCRIPT
from sahel_nb.localkaggle.executor.job import Job, Mount, Outcome, Result
from sahel_nb.localkaggle.executor.record import read_result
from sahel_nb.localkaggle.executor.spec import Interpreter, Spec

__all__ = ["Execution", "launch", "read_result", "supervisor_command", "supervisor_environment"]

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])
_SUPERVISE = (
    f"import sys; sys.path[:] = sys.argv.pop().split({os.pathsep!r}); "
    "from sahel_nb.localkaggle.executor.supervisor import main; main()"
)
_CANCEL_PATIENCE = 15.0
# What a supervisor needs of the service's environment. The rest may hold secrets, and a run is beside it.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL")


def launch(job: Job) -> Execution:
    """Start `job` and return at once; the run goes on in its own session.

    A job that cannot be run here (a language, a mount that leads out of /kaggle) is an Execution that has already
    ended in ERROR. Raises OSError only where not even its folder can be written.
    """
    started = time.time()
    refusal = _refusal(job)
    if refusal:
        record.LogWriter(job.folder).close()
        (job.folder / "working").mkdir(exist_ok=True)
        record.write_result(job.folder, Result(Outcome.ERROR, refusal, started, time.time()))
        return Execution(job.folder, None, "", started)
    mark = uuid.uuid4().hex
    isolated = isolation.probe()
    spec = Spec(
        folder=str(job.folder),
        kind=job.kernel_type,
        interpreter=job.interpreter or Interpreter.current(),
        mounts=_without_clashes(job.mounts),
        environment=dict(job.environment),
        time_limit=job.time_limit,
        resources=job.resources,
        internet=job.internet,
        namespaces=isolated.namespaces,
        network_tool=isolated.network_tool,
        mark=mark,
    )
    channel: socket.socket | None = None
    if job.api is not None:
        spec = replace(spec, api_token=job.api.token, api_url=job.api.url)
        if spec.own_network and spec.internet:
            ours, channel = socket.socketpair()
            spec = replace(spec, api_channel=channel.fileno())
            job.api.serve(ours)
    (job.folder / "src").mkdir(exist_ok=True)
    (job.folder / "src" / (NOTEBOOK if job.kernel_type == "notebook" else SCRIPT)).write_bytes(job.source)
    with open(job.folder / "supervisor.log", "wb") as trouble:
        process = subprocess.Popen(
            supervisor_command(),
            stdin=subprocess.PIPE,
            stdout=trouble,
            stderr=trouble,
            cwd="/",
            env=supervisor_environment(),
            start_new_session=True,
            pass_fds=(channel.fileno(),) if channel is not None else (),
        )
    if channel is not None:
        channel.close()  # the supervisor's is the only one left: it ends with the run
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once: `wait` says so
        process.stdin.write(spec.to_line())
        process.stdin.flush()
    return Execution(job.folder, process, mark, started)


def supervisor_command() -> tuple[str, ...]:
    """Isolated and without site, which would cost start-up time: it imports from where this process does."""
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in (*sys.path, _PACKAGE_ROOT) if folder)
    return (sys.executable, "-I", "-S", "-c", _SUPERVISE, path)


def supervisor_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


class Execution:
    """A run. Safe to share between threads; drop it, or die, and the run ends too."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None, mark: str, started: float) -> None:
        self._folder = folder
        self._process = process
        self._mark = mark
        self._started = started
        self._lock = threading.Lock()
        self.pid = process.pid if process is not None else 0
        """The supervisor, leader of the run's session; 0 for a job that was refused."""

    def wait(self, timeout: float | None = None) -> Result | None:
        """The result, as soon as everything of the run has ended; None where it has not within `timeout` seconds."""
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                return None
            self._settle()
        return read_result(self._folder)

    def cancel(self) -> None:
        """Kill the whole tree and wait for the end. result.json says CANCEL_ACKNOWLEDGED, if the run had not ended."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(b"cancel\n")
            self._process.stdin.flush()
        if self.wait(_CANCEL_PATIENCE) is None:
            self._process.kill()
            self._process.wait()
            self._settle(Outcome.CANCELLED, "")

    def _settle(self, outcome: Outcome = Outcome.ERROR, message: str | None = None) -> None:
        """After the supervisor's end: if it could not write the result, do it in its place, and sweep."""
        with self._lock:
            process = self._process
            assert process is not None
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            trouble = self._folder / "supervisor.log"
            if read_result(self._folder) is None:
                processes.kill_marked(self._mark)
                record.mend_log(self._folder)
                (self._folder / "working").mkdir(exist_ok=True)
                said = message if message is not None else _epitaph(process.returncode, trouble)
                record.write_result(self._folder, Result(outcome, said, self._started, time.time()))
            trouble.unlink(missing_ok=True)


def _epitaph(code: int, trouble: Path) -> str:
    if code < 0:
        return f"The run's supervisor was killed by signal {-code} ({signal.Signals(-code).name})."
    with contextlib.suppress(OSError):
        lines = trouble.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if lines:
            return f"The executor broke: {lines[-1]}"
    return f"The executor broke: its supervisor ended with exit code {code} and no result."


def _refusal(job: Job) -> str:
    """Why this job is not even started; empty where nothing speaks against it."""
    if job.kernel_type not in ("notebook", "script"):
        return f"Kernels of type {job.kernel_type!r} cannot be run here; notebook and script can."
    if job.language != "python":
        return f"A {job.kernel_type} in {job.language} cannot be run here: this service runs Python only."
    if not Path(sys.executable).exists():
        return f"The Python that the embedded service runs in is gone: {sys.executable}. Type: sahel-nb local stop"
    if job.interpreter is not None and not Path(job.interpreter.executable).exists():
        return f"The Python that this version was pushed from is gone: {job.interpreter.executable}. Push it again."
    for mount in job.mounts:
        for target in mount.targets:
            parts = target.split("/")
            if parts[0] not in ("input", "usr") or len(parts) < 2 or {"", ".", ".."} & set(parts) or "\0" in target:
                return f"A source cannot be mounted at /kaggle/{target}."
        if not mount.source.is_dir():
            return f"A source is gone: nothing to mount at /kaggle/{mount.targets[0] if mount.targets else ''}."
    return ""


def _without_clashes(mounts: tuple[Mount, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each target once, and none above another: a dataset called `datasets` cannot take its classic place."""
    every = [target for mount in mounts for target in mount.targets]
    taken: set[str] = set()
    kept: list[tuple[str, tuple[str, ...]]] = []
    for mount in mounts:
        targets = []
        for target in mount.targets:
            if target not in taken and not any(other.startswith(target + "/") for other in every):
                taken.add(target)
                targets.append(target)
        kept.append((os.path.realpath(mount.source), tuple(targets)))
    return tuple(kept)
