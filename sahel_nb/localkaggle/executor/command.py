"""Starts the first process of a run, inside a sandbox or without one."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from sahel_nb.localkaggle.executor import processes, resources, sandbox
from sahel_nb.localkaggle.executor.environment import MARK, kernel_environment
from sahel_nb.localkaggle.executor.spec import SANDBOX, Layout, Spec

if TYPE_CHECKING:
    from sahel_nb.localkaggle.executor.network import Helper

_FRAMES = 3
NOTEBOOK, SCRIPT = "notebook.ipynb", "script.py"


@dataclass(frozen=True)
class Child:
    """The main process, and the read ends of what it says. `frames` carries the runner's JSON lines, and `exit`."""

    pid: int
    frames: int
    stdout: int
    stderr: int
    helper: Helper | None = None
    """What connects it to the internet."""


def start(spec: Spec, layout: Layout, clock: float) -> Child:
    """Fork and go. With namespaces this process enters a user namespace; raises OSError where it may not."""
    pipes = [os.pipe() for _ in range(3)]
    helper: Helper | None = None
    ready_read, ready_write = os.pipe()
    if spec.namespaces:
        from sahel_nb.localkaggle.executor import namespaces
        from sahel_nb.localkaggle.executor.network import Helper

        if spec.internet and spec.network_tool:  # forked here, it stays out of the namespaces
            helper = Helper(spec.network_tool, {MARK: spec.mark})
        namespaces.become_root_of_new_user_namespace(namespaces.CLONE_NEWPID)
    pid = os.fork()
    if pid == 0:
        frames, stdout, stderr = (write for _, write in pipes)
        try:
            processes.die_with_parent()
            resources.restrict(spec.resources, namespaces=spec.namespaces)
            if spec.namespaces:
                _be_init(spec, layout, clock, frames, stdout, stderr, ready_write)
            _execute(spec, layout, clock, frames, stdout, stderr)
        except BaseException:  # noqa: BLE001 - a forked child must never run on into its parent's code
            os.write(stderr, traceback.format_exc().encode("utf-8", "replace"))
        finally:
            os._exit(70)
    for write in (*(write for _, write in pipes), ready_write):
        os.close(write)
    if helper is not None:
        if os.read(ready_read, 1):
            helper.connect(pid)
        else:
            helper.stop()  # the sandbox could not be built, and says so
    os.close(ready_read)
    frames, stdout, stderr = (read for read, _ in pipes)
    return Child(pid, frames, stdout, stderr, helper)


def probe(spec: Spec) -> str:
    """Build a sandbox and start the interpreter in it. Empty, or the reason why it does not work."""
    sandbox.prepare(spec.path)
    try:
        child = start(spec, SANDBOX, 0.0)
    except OSError as exc:
        return str(exc)
    said = {}
    for name, fd in (("frames", child.frames), ("stderr", child.stderr)):
        with open(fd, "rb") as pipe:
            said[name] = pipe.read().decode("utf-8", "replace")
    os.waitpid(child.pid, 0)
    if child.helper is not None:
        child.helper.stop()
    for line in said["frames"].splitlines():
        value = json.loads(line)
        if isinstance(value, dict) and "message" in value:
            return str(value["message"])
        if isinstance(value, dict) and value.get("exit") == 0:
            return ""
    return (said["stderr"].strip().splitlines() or ["it ended without a word"])[-1]


def _be_init(spec: Spec, layout: Layout, clock: float, frames: int, stdout: int, stderr: int, ready: int) -> NoReturn:
    """Pid 1 of the sandbox: builds it, starts the run, collects orphans, says how the run ended."""
    try:
        missing = sandbox.enter(spec, lambda: os.write(ready, b"1"))
        os.close(ready)
        if spec.api_channel >= 0:
            os.close(spec.api_channel)
        if missing:
            _frame(frames, ["stderr", 0.0, f"sahel-nb: internet is on, and there is none: {missing}\n"])
    except OSError as exc:
        _frame(frames, {"outcome": "ERROR", "message": f"The sandbox could not be built: {exc}"})
        os._exit(71)
    processes.die_with_parent()  # giving up privileges has cleared the wish
    main = os.fork()
    if main == 0:
        _execute(spec, layout, clock, frames, stdout, stderr)
    while True:
        pid, status = os.wait()
        if pid == main:
            _frame(frames, {"exit": os.waitstatus_to_exitcode(status)})
            os._exit(0)


def _execute(spec: Spec, layout: Layout, clock: float, frames: int, stdout: int, stderr: int) -> NoReturn:
    python = spec.interpreter.executable
    if spec.kind == "notebook":
        extra = [spec.interpreter.user_site] if spec.interpreter.user_site else []
        argv = [python, "-I", layout.runner, f"{layout.source}/{NOTEBOOK}", layout.exchange, repr(clock), *extra]
    elif spec.kind == "script":
        argv = [python, "-u", f"{layout.source}/{SCRIPT}"]
    else:
        argv = [python, "-I", "-c", "import ssl, zmq"]
    try:
        os.umask(0o022)
        os.chdir(layout.working)
        # Copied out of the way first: a source may itself lie on a number that is about to be overwritten.
        sources = (os.open(os.devnull, os.O_RDONLY), stdout, stderr, frames)
        copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in sources]
        for number, fd in enumerate(copies):
            os.dup2(fd, number, inheritable=True)
        # The supervisor has a dozen descriptors, and only the runner may speak in frames.
        os.closerange(_FRAMES + (spec.kind == "notebook"), 1024)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execve(python, argv, kernel_environment(spec, layout))  # noqa: S606 - no shell is meant
    except BaseException:  # noqa: BLE001 - nothing but exec leads out of here
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    os._exit(127)


def _frame(fd: int, value: Any) -> None:
    os.write(fd, json.dumps(value).encode("ascii") + b"\n")
