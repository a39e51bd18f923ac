"""nbstripout and `sahel-nb strip` as processes, many a second: a server that has imported both forks one for each run.

    with Programs() as programs:
        programs.run("nbstripout", ["-t", "a.ipynb"], cwd=folder)

The child has real file descriptors (stdin a file, stdout a pipe, stderr a file), a folder of its own to work in, and
ends as the interpreter ends: only the imports are already done.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Ended:
    code: int
    out: bytes
    err: str


class Programs:
    """`nbstripout` and `sahel-nb`, ready to be started."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.commit.side_by_side"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self,
        program: str,
        argv: Sequence[str],
        cwd: Path,
        stdin: bytes = b"",
        dies_at: int = 0,
        powerless: bool = False,
    ) -> Ended:
        """`dies_at` kills it with -9 before it enters so many C functions while it replaces a file.

        `powerless` leaves root what any owner of files may do.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as out:
            given.write(stdin)
            given.seek(0)
            names = {
                key: f"/proc/{os.getpid()}/fd/{file.fileno()}"
                for key, file in (("in", given), ("out", out), ("err", err))
            }
            asked = {
                "program": program,
                "argv": list(argv),
                "cwd": str(cwd),
                "env": dict(os.environ),
                "dies_at": dies_at,
                "powerless": powerless,
                **names,
            }
            self._server.stdin.write(json.dumps(asked).encode() + b"\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read(), err.read().decode("utf-8", "backslashreplace"))

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(60)


def serve() -> None:
    import nbformat  # what both import late, once for all
    from nbstripout._nbstripout import main as nbstripout

    import sahel_nb.cli.strip
    import sahel_nb.hooks.files
    import sahel_nb.hooks.inplace
    import sahel_nb.hooks.overwrite
    import sahel_nb.notebook.zeppelin  # noqa: F401
    from sahel_nb.cli.main import main as sahel_nb_main
    from sahel_nb.hooks.main import main as hook

    # The first notebook of each version compiles its schema.
    for minor in range(6):
        nbformat.reads(f'{{"cells": [], "metadata": {{}}, "nbformat": 4, "nbformat_minor": {minor}}}', 4)
    gc.freeze()
    mains = {"nbstripout": nbstripout, "sahel-nb": sahel_nb_main, "sahel-nb-hook": lambda: sys.exit(hook())}
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            _become(mains[asked["program"]], asked, write_end)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe, open(asked["out"], "wb") as out:
            out.write(pipe.read())
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(main: Any, asked: dict[str, Any], stdout: int) -> None:
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    os.dup2(os.open(asked["in"], os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(os.open(asked["err"], os.O_WRONLY), 2)
    os.close(stdout)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115  they last to the end
    sys.argv = [asked["program"], *asked["argv"]]
    code: Any = 0
    if asked["powerless"]:
        give_up_powers()
    if asked["dies_at"]:
        sys.setprofile(_Executioner(asked["dies_at"]))
    try:
        main()
    except SystemExit as exc:
        code = exc.code or 0
    except BaseException:  # noqa: BLE001  as the interpreter would end
        traceback.print_exc()
        code = 1
    gc.collect()  # nbstripout leaves it to the interpreter's end to write what it has printed
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def give_up_powers() -> None:
    """As capset(2) does it: root is then a user like others, who may not give files away and must ask for leave."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    if ctypes.CDLL(None, use_errno=True).capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


class _Executioner:
    """Ends this process before `replace_file` of hooks/replacing.py enters so many C functions, or when it returns.

    Counted from where it begins to write. Nothing changes on disk between two of them: these are all the states in
    which it can be caught.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._counts = False

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code.co_name in ("replace_file", "_written") and code.co_filename.endswith("replacing.py"):
            ends = code.co_name == "replace_file" and event == "return"
            self._patience -= ends
            self._counts = not ends and (self._counts or code.co_name == "_written")
        self._patience -= self._counts and event == "c_call"
        if self._patience <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve()
