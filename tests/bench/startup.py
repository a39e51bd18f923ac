"""Start-up: what it costs to say anything at all, beside the interpreters and imports underneath."""

from __future__ import annotations

import shlex
import sys
from functools import partial

from . import imports
from .measure import Case, child, interleave
from .notebooks import conversation, notebook
from .table import Pair, Section, markdown, ratios, timings
from .world import BIN, World

BARE, NO_SITE, PLAIN = "`python -I -c pass`", "`python -I -S -c pass`", '`python -c "import click"`'
HELP, RUN_HELP = "`sahel-nb --help`", "`sahel-nb run --help`"
SCRIPT = "`sahel-nb-hook filter`, git hangs up at once"
IDLE, ONE, DIRTY = (
    "git's filter process, git hangs up at once",
    "git's filter process, one stripped notebook",
    "git's filter process, one notebook with outputs",
)
PEER = "`nbstripout`, one notebook with outputs"

TEXT = """Whole processes with a warm file cache and compiled bytecode, in an empty HOME without credentials.
"git's filter process" is the command that `sahel-nb install` writes to `filter.sahel-nb.process`, started by `sh \
-c` as git does it; the notebooks have 20 KB."""


def measure(world: World) -> Section:
    folder = world.place("startup")
    inputs = {"idle": b"", "dirty": notebook(1)}
    stripped = _stripped(inputs["dirty"])
    inputs |= {"one": conversation(stripped), "one-dirty": conversation(inputs["dirty"])}
    for name, content in inputs.items():
        (folder / name).write_bytes(content)
    process = shlex.join(imports.hook("process"))

    def case(name: str, *command: str, stdin: str = "idle") -> Case:
        return Case(name, partial(child, command, cwd=folder, stdin=folder / stdin))

    def python(*arguments: str) -> Case:
        shown = " ".join(f'"{word}"' if " " in word else word for word in arguments)
        return case(f"`python {shown}`", sys.executable, *arguments)

    cases = (
        python("-I", "-S", "-c", "pass"),
        python("-I", "-c", "pass"),
        case(IDLE, "sh", "-c", process),
        case(ONE, "sh", "-c", process, stdin="one"),
        case(DIRTY, "sh", "-c", process, stdin="one-dirty"),
        case(PEER, sys.executable, "-m", "nbstripout", stdin="dirty"),
        case(SCRIPT, str(BIN / "sahel-nb-hook"), "filter"),
        python("-c", "import click"),
        case("`sahel-nb --version`", str(BIN / "sahel-nb"), "--version"),
        case(HELP, str(BIN / "sahel-nb"), "--help"),
        case(RUN_HELP, str(BIN / "sahel-nb"), "run", "--help"),
        python("-c", "import nbformat"),
        python("-c", "import jupytext"),
        python("-c", "import kaggle"),
        *(case(f"`{peer} --version`", str(BIN / peer), "--version") for peer in ("nbstripout", "jupytext", "kaggle")),
    )
    samples = interleave(cases, world.rounds(11))
    pairs = (
        Pair(IDLE, NO_SITE),
        Pair(ONE, NO_SITE),
        Pair(PEER, DIRTY),
        Pair(SCRIPT, BARE),
        Pair(HELP, PLAIN),
        Pair(RUN_HELP, PLAIN),
        Pair("`nbstripout --version`", IDLE),
        Pair("`jupytext --version`", HELP),
        Pair("`kaggle --version`", HELP),
    )
    tables = (timings(samples, "command"), ratios(samples, pairs), _modules(world, stripped, inputs["dirty"]))
    return Section("Start-up", TEXT, tables)


def _stripped(content: bytes) -> bytes:
    from sahel_nb.notebook.strip import strip

    return strip(content)


def _modules(world: World, stripped: bytes, dirty: bytes) -> str:
    """Which heavy modules are imported on the way; the last column shows that the probe sees them."""
    probes = {
        HELP: (imports.script("sahel-nb", "--help"), b""),
        RUN_HELP: (imports.script("sahel-nb", "run", "--help"), b""),
        "`filter`, stripped": (imports.hook("process"), conversation(stripped)),
        "`filter`, outputs": (imports.hook("process"), conversation(dirty)),
        "`clean`, stripped": (imports.hook("clean"), stripped),
        "`kaggle --version`": (imports.script("kaggle", "--version"), b""),
    }
    cwd = world.place("modules")
    found = {name: imports.imported(command, cwd=cwd, stdin=stdin) for name, (command, stdin) in probes.items()}
    rows = [
        [f"`{module}`", *("imported" if module in modules else "–" for modules in found.values())]
        for module in imports.HEAVY
    ]
    rows.append(["modules in all", *(str(len(modules)) for modules in found.values())])
    return markdown(("module", *found), rows)
