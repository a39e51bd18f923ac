"""Executes one notebook, from inside the sandbox. Imports nothing of sahel_nb: the sandbox does not show it.

    python -I runner.py NOTEBOOK EXECUTED_FOLDER STARTED [PATH…]

Semantics are papermill's: a kernelspec is required, the first raising cell ends the run, and an output flood fails at
the IOPub limit. What the kernel says goes to file descriptor 3 as it comes, one JSON value a line:

    ["stdout", 1.25, "text"]                                       a record of the log, at 1.25 s
    {"outcome": "ERROR", "message": "…", "signal": 9}              the end; nothing follows
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from typing import Any

# How long Kaggle's papermill waits for the end of a cell's output after the cell has answered.
IOPUB_TIMEOUT = 4
_SAVE_EVERY = 20.0
_COLOR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Failed(Exception):
    """The run is over and failed; the message is for people. `told`: the log has it already."""

    def __init__(self, message: str, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


class Voice:
    """Says things to the supervisor."""

    def __init__(self, fd: int, started: float) -> None:
        self._fd = fd
        self._started = started

    def log(self, stream: str, text: str) -> None:
        if text:
            self._say([stream, time.monotonic() - self._started, text])

    def end(self, outcome: str, message: str, signal: int = 0) -> None:
        self._say({"outcome": outcome, "message": message, "signal": signal})

    def _say(self, value: Any) -> None:
        data = memoryview(json.dumps(value).encode("ascii") + b"\n")
        while data:
            data = data[os.write(self._fd, data) :]


def read_notebook(path: str) -> Any:
    """The notebook as nbformat 4; raises Failed where it is none, or names no kernel."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except ValueError as exc:
        raise Failed(f"Notebook does not appear to be JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise Failed("Notebook does not appear to be a notebook: it is not a JSON object.")
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    if not isinstance(spec, dict) or not spec.get("name"):
        raise Failed("No kernel name found in notebook and no override provided.")
    import nbformat

    try:
        if document.get("nbformat") == nbformat.current_nbformat:
            # Not nbformat.reads: it validates, which Kaggle does not insist on, and that takes a tenth of a second.
            notebook = nbformat.v4.reads(json.dumps(document))
        else:
            notebook = nbformat.reads(json.dumps(document), as_version=4)
        for cell in notebook.cells:
            cell.setdefault("metadata", nbformat.NotebookNode())
            cell.source  # noqa: B018 - a cell without a source raises here, and not halfway through the run
    except Exception as exc:
        raise Failed(f"Notebook cannot be read: {type(exc).__name__}: {exc}") from exc
    return notebook


def save(notebook: Any, folder: str) -> None:
    import nbformat

    fd, name = tempfile.mkstemp(prefix=".saving-", dir=folder)
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(nbformat.v4.writes(notebook) + "\n")
    os.replace(name, os.path.join(folder, "__notebook__.ipynb"))


def execute(notebook: Any, folder: str, voice: Voice) -> None:
    """Run every cell. Raises Failed."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    class Client(NotebookClient):  # type: ignore[misc]  # nbclient ships no types
        saved = time.monotonic()
        kernel: Any = None
        raised: tuple[str, str] | None = None

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            kind, content = msg["msg_type"], msg["content"]
            if kind == "stream":
                voice.log(content["name"], content["text"])
            elif kind in ("execute_result", "display_data") and "text/plain" in content["data"]:
                voice.log("stdout", content["data"]["text/plain"] + "\n")
            elif kind == "error":
                self.tell_error(content, cell)
            return super().process_message(msg, cell, cell_index)

        def tell_error(self, content: Any, cell: Any) -> None:
            text = _COLOR.sub("", "\n".join(content["traceback"])) + "\n"
            allowed = "raises-exception" in cell.metadata.get("tags", [])
            if not allowed and not clean_exit(content):
                rule = "-" * 75
                text = f'\n{rule}\nException encountered at "In [{cell.execution_count}]":\n{text}'
            voice.log("stderr", text)

        def keep_kernel(self, **_: Any) -> None:
            self.kernel = getattr(self.km.provisioner, "process", None)

        def keep_notebook(self, **_: Any) -> None:
            if time.monotonic() - self.saved > _SAVE_EVERY:
                save(self.nb, folder)
                self.saved = time.monotonic()

    # Short, and nobody else's: sockets have 107 bytes for their path, and TCP ports can be taken in between.
    sockets = tempfile.mkdtemp(prefix="k", dir=_short_folder())
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.connection_file = os.path.join(sockets, "c.json")
    client = Client(
        notebook,
        config=config,
        timeout=None,
        iopub_timeout=IOPUB_TIMEOUT,
        raise_on_iopub_timeout=True,
        startup_timeout=120,
    )
    client.on_notebook_start = client.keep_kernel
    client.on_cell_executed = client.keep_notebook
    name = notebook.metadata.kernelspec.name
    try:
        asyncio.run(client.async_execute())
    except NoSuchKernel as exc:
        language = notebook.metadata.kernelspec.get("language") or notebook.metadata.get("language_info", {}).get(
            "name"
        )
        said = f" (language {language})" if language else ""
        raise Failed(f"No such kernel named {name}{said}: this service has no such kernel installed.") from exc
    except CellExecutionError as exc:
        if not clean_exit({"ename": exc.ename, "evalue": exc.evalue}):
            count = next((c.execution_count for c in reversed(notebook.cells) if _raised(c)), None)
            first = _COLOR.sub("", exc.evalue).strip().split("\n")[0][:300]
            raise Failed(f'Exception encountered at "In [{count}]": {exc.ename}: {first}', told=True) from exc
    except CellTimeoutError as exc:
        voice.log("stderr", f"{exc}\n")
        brief = str(exc).split("\nHere is a preview")[0].replace("\n", " ").strip()
        raise Failed(brief, told=True) from exc
    except DeadKernelError as exc:
        raise DiedKernel(client.kernel) from exc
    finally:
        save(notebook, folder)


def clean_exit(content: Any) -> bool:
    """`sys.exit(0)` ends a notebook without failing it: papermill's rule."""
    return content["ename"] == "SystemExit" and content["evalue"] in ("", "0", "None")


def _raised(cell: Any) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", ()))


def _short_folder() -> str:
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) < 60 else "/tmp"  # noqa: S108 - mkdtemp makes it private


class DiedKernel(Exception):
    """The kernel's process is gone in the middle of a cell."""

    def __init__(self, process: Any) -> None:
        code = process.poll() if process is not None else None
        self.signal = -code if code is not None and code < 0 else 0
        how = f"was killed by signal {self.signal}" if self.signal else f"ended with exit code {code}"
        super().__init__(f"Kernel died: its process {how}.")


def main(arguments: list[str]) -> None:
    path, folder, started, *extra = arguments
    sys.path.extend(extra)
    voice = Voice(3, float(started))
    os.set_inheritable(3, False)
    try:
        execute(read_notebook(path), folder, voice)
    except Failed as exc:
        if not exc.told:
            voice.log("stderr", f"{exc}\n")
        voice.end("ERROR", str(exc))
    except DiedKernel as exc:
        voice.log("stderr", f"{exc}\n")
        voice.end("ERROR", str(exc), exc.signal)
    else:
        voice.end("COMPLETE", "")


if __name__ == "__main__":
    main(sys.argv[1:])
