"""Executes one notebook, from inside the sandbox. Imports nothing of sahel_nb: the sandbox does not show it.

    python -I runner.py NOTEBOOK EXCHANGE_FOLDER STARTED [PATH…]

Semantics are papermill's: a kernelspec is required, the first raising cell ends the run, and an output flood fails at
the IOPub limit. What the kernel says goes to file descriptor 3 as it comes, one JSON value a line:

    ["stdout", 1.25, "text"]                                       a record of the log, at 1.25 s
    {"outcome": "ERROR", "message": "…", "signal": 9}              the end; nothing follows

The kernel is started before nbclient is imported: each takes 0.3 s, and they take it side by side.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# How long Kaggle's papermill waits for the end of a cell's output after the cell has answered.
IOPUB_TIMEOUT = 4
# Messages that may wait here for nbclient. ZeroMQ's own 1000 loses lines of a log that is merely lively; a flood is
# one that nbclient cannot work off within the timeout.
_BACKLOG = 100_000
_STARTUP_TIMEOUT = 120
_SHUTDOWN_PATIENCE = 5.0
_SAVE_EVERY = 20.0
_MOST_AT_ONCE = 1 << 16
"""Characters of one record: the supervisor holds a whole line in memory."""
# A cell whose request nobody answers. The kernel is `busy` by its own word while a cell works, sleeps or waits: what
# follows is only for requests of which it never said so, or said that they are done.
KNOCK_EVERY = 10.0
KNOCKS = 3
REPLY_LOST_AFTER = 120.0
ASLEEP_AFTER = 600.0
LOST = (
    "The kernel and its client waited for each other: {what}. This is no fault of the notebook; run it again."
    " ipykernel 7.0 to 7.3 are known to lose a request: 7.4 does not."
)
_COLOR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Failed(Exception):
    """The run is over and failed; the message is for people. `told`: the log has it already."""

    def __init__(self, message: str, told: bool = False, signal: int = 0) -> None:
        super().__init__(message)
        self.told = told
        self.signal = signal


class Voice:
    """Says things to the supervisor."""

    def __init__(self, fd: int, started: float) -> None:
        self._fd = fd
        self._started = started
        os.set_inheritable(fd, False)  # the kernel's own words go through Jupyter

    def log(self, stream: str, text: str) -> None:
        for start in range(0, len(text), _MOST_AT_ONCE):
            self._say([stream, time.monotonic() - self._started, text[start : start + _MOST_AT_ONCE]])

    def end(self, outcome: str, message: str, signal: int = 0) -> None:
        self._say({"outcome": outcome, "message": message, "signal": signal})

    def _say(self, value: Any) -> None:
        data = memoryview(json.dumps(value).encode("ascii") + b"\n")
        while data:
            data = data[os.write(self._fd, data) :]


def main(arguments: list[str]) -> None:
    path, folder, started, *extra = arguments
    sys.path.extend(extra)
    voice = Voice(3, float(started))
    try:
        document = read(path)
        kernel = Kernel(document["metadata"]["kernelspec"]["name"], folder)
        execute(as_notebook(document), kernel, folder, voice)
    except Failed as exc:
        if not exc.told:
            voice.log("stderr", f"{exc}\n")
        voice.end("ERROR", str(exc), exc.signal)
    else:
        voice.end("COMPLETE", "")


def read(path: str) -> dict[str, Any]:
    """The notebook as JSON; raises Failed where it is none, or names no kernel."""
    try:
        document = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except ValueError as exc:
        raise Failed(f"Notebook does not appear to be JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise Failed("Notebook does not appear to be a notebook: it is not a JSON object.")
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str) or not spec["name"]:
        raise Failed("No kernel name found in notebook and no override provided.")
    return document


def as_notebook(document: dict[str, Any]) -> Any:
    """The document as nbformat's newest form. Raises Failed where nbformat cannot make sense of it."""
    import nbformat

    v4: Any = nbformat.v4  # nbformat is typed in part
    try:
        if document.get("nbformat") == nbformat.current_nbformat:
            # Not nbformat.reads: it validates, which Kaggle does not insist on, and that takes a tenth of a second.
            notebook = v4.reads(json.dumps(document))
        else:
            older: Any = nbformat.reads
            notebook = older(json.dumps(document), as_version=nbformat.current_nbformat)
        for cell in notebook.cells:
            cell.setdefault("metadata", v4.new_code_cell().metadata)
            cell.source.strip()  # a cell without text fails here, and not halfway through the run
    except Exception as exc:
        raise Failed(f"Notebook cannot be read: {type(exc).__name__}: {exc}") from exc
    return notebook


def save(notebook: Any, folder: str) -> None:
    import nbformat

    v4: Any = nbformat.v4
    fd, name = tempfile.mkstemp(prefix=".saving-", dir=folder)
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(v4.writes(notebook) + "\n")
    Path(name).replace(Path(folder, "__notebook__.ipynb"))


class Kernel:
    """The kernel's process, already on its way where its kernelspec lies beside this interpreter."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.connection_file = ""
        spec = self._spec()
        argv = spec.get("argv")
        if not isinstance(argv, list) or not argv or "kernel_provisioner" in spec.get("metadata", {}):
            return  # jupyter_client knows more places, and says best what is missing
        self._write_connection_file(folder)
        argv = [word.replace("{connection_file}", self.connection_file) for word in argv]
        if argv[0] in ("python", "python3"):
            argv[0] = sys.executable
        if "ipykernel_launcher" in argv:
            argv.append("--HistoryManager.hist_file=:memory:")
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            # JPY_PARENT_PID: an ipykernel that ends itself when this process is gone.
            env={**os.environ, **spec.get("env", {}), "JPY_PARENT_PID": str(os.getpid())},
            start_new_session=True,
        )

    def _spec(self) -> dict[str, Any]:
        if not re.fullmatch(r"[\w.-]+", self.name):
            return {}
        try:
            path = Path(sys.prefix, "share", "jupyter", "kernels", self.name.lower(), "kernel.json")
            spec = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return spec if isinstance(spec, dict) else {}

    def _write_connection_file(self, folder: str) -> None:
        # Sockets, and no TCP ports: those can be taken between choosing and binding, and anybody on this machine can
        # knock at them.
        self.connection_file = f"{folder}/c.json"
        ports = {f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
        key = {"key": secrets.token_hex(32), "signature_scheme": "hmac-sha256"}
        connection = {"transport": "ipc", "ip": f"{folder}/s", **ports, **key, "kernel_name": self.name}
        Path(self.connection_file).write_text(json.dumps(connection), encoding="utf-8")


def execute(notebook: Any, kernel: Kernel, folder: str, voice: Voice) -> None:
    """Run every cell. Raises Failed."""
    import asyncio

    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = make_client(notebook, kernel, folder, voice)
    try:
        asyncio.run(whole(client))
    except NoSuchKernel as exc:
        language = notebook.metadata.kernelspec.get("language") or "unknown"
        raise Failed(f"No such kernel named {exc.name} (language: {language}); it is not installed here.") from exc
    except CellExecutionError as exc:
        if not clean_exit({"ename": exc.ename, "evalue": exc.evalue}):
            first = _COLOR.sub("", exc.evalue).strip().split("\n")[0][:300]
            raise Failed(f'Exception encountered at "In [{client.count}]": {exc.ename}: {first}', told=True) from exc
    except CellTimeoutError as exc:
        voice.log("stderr", f"{exc}\n")
        raise Failed(" ".join(str(exc).split("\nHere is a preview")[0].split()), told=True) from exc
    except (DeadKernelError, RuntimeError) as exc:
        if client.request.lost:
            raise Failed(LOST.format(what=client.request.lost)) from exc
        raise _death(client.process, exc) from exc
    finally:
        save(notebook, folder)


async def whole(client: Any) -> None:
    """Execute, then let the kernel go in peace: what it had not flushed yet belongs to the outputs.

    nbclient would do that too, for a kernel of its own, and look every 0.1 s whether it has gone.
    """
    import asyncio

    watch = asyncio.ensure_future(client.request.watch(client))
    try:
        await client.async_execute()
    finally:
        watch.cancel()
        process = client.process
        deadline = time.monotonic() + _SHUTDOWN_PATIENCE
        if process is not None and process.poll() is None:
            await client.km.request_shutdown()
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.01)


class Request:
    """The cell that was sent to the kernel last, and what the kernel said of it."""

    def __init__(self) -> None:
        self._count = 0
        self._open = False
        self._begun = False
        self._ended = False
        self._since = 0.0
        self.lost = ""
        """Why it was given up; empty where it was not."""

    def sent(self, **_: Any) -> None:
        self._count += 1
        self._open, self._begun, self._ended = True, False, False
        self._since = time.monotonic()

    def heard(self, *, ended: bool) -> None:
        """The kernel spoke of it: it was read, and nothing but its own end can be missing."""
        if ended and not self._ended:
            self._since = time.monotonic()
        self._begun, self._ended = True, self._ended or ended

    def answered(self) -> None:
        self._open = False

    async def watch(self, client: Any) -> None:
        """Cancel the wait for an answer that cannot come any more.

        ipykernel 7.0 to 7.3 can leave a request unread (ipython/ipykernel#1554) until somebody else connects: so we do.
        """
        import asyncio

        knocks, count, asleep = 0, 0, Asleep(client.process)
        while not self.lost:
            await asyncio.sleep(min(1.0, KNOCK_EVERY))
            age = time.monotonic() - self._since
            if not self._open or (self._begun and not self._ended) or age < KNOCK_EVERY:
                knocks, asleep = 0, Asleep(client.process)
            elif self._ended:
                if age > REPLY_LOST_AFTER:
                    self.lost = "it had run the cell, and its answer was lost"
            else:
                knocks, count = (knocks if count == self._count else 0), self._count
                answered = await knock(client.kc)
                if answered:
                    knocks, asleep = knocks + 1, Asleep(client.process)
                if self._begun or count != self._count:
                    continue
                if knocks >= KNOCKS:
                    self.lost = "it answers, and the request to run the cell was lost"
                elif asleep.seconds() > ASLEEP_AFTER:
                    self.lost = "it sleeps, and never began with the cell"
                elif answered:
                    await asyncio.sleep(KNOCK_EVERY)
        if client.task_poll_for_reply is not None:
            client.task_poll_for_reply.cancel()


async def knock(client: Any, patience: float = 2.0) -> bool:
    """Whether the kernel answers a question on a connection of its own; the connection alone wakes some."""
    socket = client.connect_shell()
    try:
        client.session.send(socket, "kernel_info_request", {})
        return bool(await socket.poll(int(patience * 1000)))
    finally:
        socket.close(linger=0)


class Asleep:
    """How long a process has waited for events and done nothing else."""

    def __init__(self, process: Any) -> None:
        self._pid = process.pid if process is not None else 0
        self._since, self._used = time.monotonic(), self._cpu()

    def seconds(self) -> float:
        seconds = time.monotonic() - self._since
        if self._waits_for_events() and self._cpu() - self._used <= 0.05 * seconds:
            return seconds
        self._since, self._used = time.monotonic(), self._cpu()
        return 0.0

    def _cpu(self) -> float:
        import psutil

        try:
            times = psutil.Process(self._pid).cpu_times()
            return float(times.user + times.system)
        except psutil.Error:
            return 0.0

    def _waits_for_events(self) -> bool:
        """Where the system tells: not in a sleep, a read or a lock that some code of the notebook is in."""
        try:
            return Path(f"/proc/{self._pid}/wchan").read_text(encoding="ascii") in ("ep_poll", "do_epoll_wait", "0", "")
        except OSError:
            return True


def make_manager(kernel: Kernel) -> Any:
    """A KernelManager that takes over the kernel that was started, or will start one where none was."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class Started(LocalProvisioner):
        async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
            owner: Any = self.parent
            self.connection_info = owner.get_connection_info()
            return {"cmd": []}

        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            self.process = kernel.process
            self.pid = self.pgid = kernel.process.pid if kernel.process else None
            return self.connection_info

    class Manager(AsyncKernelManager):
        ipykernel = False  # asked by nbclient before it adds arguments; looking it up would take 60 ms

    if kernel.process is None:
        manager = AsyncKernelManager(kernel_name=kernel.name)
    else:
        manager = Manager(kernel_name=kernel.name, connection_file=kernel.connection_file)
        manager.load_connection_file()
        manager.provisioner = Started(kernel_id="1", kernel_spec=KernelSpec(argv=["started"]), parent=manager)
    return manager


def make_client(notebook: Any, kernel: Kernel, folder: str, voice: Voice) -> Any:
    """A NotebookClient that tells everything as it comes."""
    import zmq
    from nbclient import NotebookClient

    class Client(NotebookClient):
        saved = time.monotonic()
        process: Any = None
        count: Any = None
        request = Request()

        async def async_start_new_kernel_client(self) -> Any:
            manager: Any = self.km
            self.process = getattr(manager.provisioner, "process", None)
            self.kc = manager.client()
            self.kc.context.setsockopt(zmq.RCVHWM, _BACKLOG)
            self.kc.start_channels()
            self.kc.allow_stdin = False
            await ready(self.kc, _STARTUP_TIMEOUT)
            return self.kc

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            kind, content = msg["msg_type"], msg["content"]
            self.request.heard(ended=kind == "status" and content["execution_state"] == "idle")
            if kind == "stream":
                voice.log(content["name"], content["text"])
            elif kind in ("execute_result", "display_data") and "text/plain" in content["data"]:
                voice.log("stdout", content["data"]["text/plain"] + "\n")
            elif kind == "execute_input":
                self.count = content["execution_count"]  # of a group of exceptions IPython tells no more than its text
            elif kind == "error":
                voice.log("stderr", report(content, cell))
            return super().process_message(msg, cell, cell_index)

        def keep(self, **_: Any) -> None:
            self.request.answered()
            if time.monotonic() - self.saved > _SAVE_EVERY:
                save(self.nb, folder)
                self.saved = time.monotonic()

    client = Client(
        notebook,
        km=make_manager(kernel),
        timeout=None,
        iopub_timeout=IOPUB_TIMEOUT,
        raise_on_iopub_timeout=True,
        startup_timeout=_STARTUP_TIMEOUT,
    )
    client.on_cell_execute = client.request.sent
    client.on_cell_executed = client.keep
    return client


async def ready(client: Any, patience: float) -> None:
    """Wait until the kernel answers and its output arrives. jupyter_client's own waits 0.2 s for silence after that.

    Asked again and again: what a kernel publishes before the subscription has reached it is lost. Every question's
    answer is awaited: a request that reaches ipykernel 7.0 to 7.3 while it still answers another may stay unread.
    """
    from queue import Empty

    deadline = time.monotonic() + patience
    asked: set[str] = set()
    while time.monotonic() < deadline:
        asked.add(client.kernel_info())
        until = time.monotonic() + 0.25
        while time.monotonic() < until:
            try:
                message = await client.get_iopub_msg(timeout=until - time.monotonic())
            except Empty:
                break
            idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            if idle and message["parent_header"].get("msg_id") in asked:
                await _answers(client, asked)
                return
        if not await client.is_alive():
            raise RuntimeError("it died before it answered")
    raise RuntimeError(f"it did not answer within {patience:.0f} seconds")


async def _answers(client: Any, asked: set[str], patience: float = 2.0) -> None:
    """Take the answers to `asked` off the shell channel; what does not come in time, a later reader passes over."""
    from queue import Empty

    deadline = time.monotonic() + patience
    missing = set(asked)
    while missing and time.monotonic() < deadline:
        try:
            message = await client.get_shell_msg(timeout=deadline - time.monotonic())
        except Empty:
            return
        missing.discard(message["parent_header"].get("msg_id"))


def report(content: Any, cell: Any) -> str:
    """An error as the log shows it: papermill's heading where it ends the run."""
    text = _COLOR.sub("", "\n".join(content["traceback"])) + "\n"
    if "raises-exception" in cell.metadata.get("tags", []) or clean_exit(content):
        return text
    rule = "-" * 75
    return f'\n{rule}\nException encountered at "In [{cell.execution_count}]":\n{text}'


def clean_exit(content: Any) -> bool:
    """`sys.exit(0)` ends a notebook without failing it: papermill's rule."""
    return content["ename"] == "SystemExit" and content["evalue"] in ("", "0", "None")


def _death(process: Any, exc: Exception) -> Failed:
    code = process.poll() if process is not None else None
    if code is None:
        return Failed(f"The kernel cannot be used: {exc}")
    if code < 0:
        return Failed(f"Kernel died: its process was killed by signal {-code}.", signal=-code)
    return Failed(f"Kernel died: its process ended with exit code {code}.")


if __name__ == "__main__":
    main(sys.argv[1:])
