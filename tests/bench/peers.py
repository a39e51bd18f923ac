"""The tools that do a part of what sahel-nb does, in an environment of their own, as each one's own page sets it up.

`python -m tests.bench.peers` makes the environment from peers.txt. What has no wheel for this machine is left out, and
the tables say "not available"; nothing is ever compiled.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from .measure import say
from .world import BIN, ROOT

HERE = Path(__file__).resolve().parent
FOLDER = ROOT / ".venv" / "peers"
PINNED = HERE / "peers.txt"
_BIN = FOLDER / "bin"
_PIP = ("--disable-pip-version-check", "--only-binary", ":all:")
_STAMP = FOLDER / ".made-from"


@dataclass(frozen=True)
class Filter:
    """What stands between a file and its blob: git configuration and attributes. `command` is the clean filter."""

    name: str
    config: tuple[tuple[str, str], ...] = ()
    attributes: str = ""
    command: str = ""
    in_place: tuple[str, ...] = ()


def tool(name: str) -> str | None:
    """The path of an installed command: the peers' own environment, else the one that this runs in."""
    for folder in (_BIN, BIN):
        if (folder / name).exists():
            return str(folder / name)
    return None


def nbstripout() -> Filter:
    """As `nbstripout --install --attributes .gitattributes` writes it, the textconv of its diffs included."""
    python = str((_BIN if (_BIN / "nbstripout").exists() else BIN) / "python")
    command = f'"{python}" -m nbstripout'
    config = (
        ("filter.nbstripout.clean", command),
        ("filter.nbstripout.smudge", "cat"),
        ("filter.nbstripout.required", "true"),
        ("diff.ipynb.textconv", f"{command} -t"),
    )
    attributes = "*.ipynb filter=nbstripout\n*.zpln filter=nbstripout\n*.ipynb diff=ipynb\n"
    return Filter("nbstripout", config, attributes, command, (python, "-m", "nbstripout"))


def rust() -> tuple[Filter, ...]:
    """Those that are installed, as `nb-clean add-filter`, nbstripout-fast's page and `nbwipers install local` say."""
    found = []
    if path := tool("nb-clean"):
        # It asks for the name alone; the whole path saves git's shell the search.
        command = f"{path} clean"
        alone = (("filter.nb-clean.clean", command),)
        found.append(Filter("nb-clean", alone, "*.ipynb filter=nb-clean\n", command, (path, "clean")))
    if path := tool("nbstripout-fast"):
        two = (("filter.jupyter.clean", path), ("filter.jupyter.smudge", "cat"))
        found.append(Filter("nbstripout-fast", two, "*.ipynb filter=jupyter\n", path, (path,)))
    if path := tool("nbwipers"):
        quoted = f'"{path}"'
        config = (
            ("filter.nbwipers.clean", f"{quoted} clean - --stdin-file-name %f --respect-exclusions"),
            ("filter.nbwipers.smudge", f"{quoted} smudge %f"),
            ("diff.nbwipers.textconv", f"{quoted} clean --respect-exclusions -t"),
        )
        attributes = "*.ipynb filter=nbwipers\n*.ipynb diff=nbwipers\n"
        command = f"{quoted} clean - --stdin-file-name large.ipynb --respect-exclusions"
        found.append(Filter("nbwipers", config, attributes, command))
    return tuple(found)


RUST = ("nb-clean", "nbstripout-fast", "nbwipers")


def missing() -> tuple[str, ...]:
    return tuple(name for name in RUST if tool(name) is None)


def versions() -> list[tuple[str, str]]:
    """Of what is installed in the peers' environment."""
    asked = [line.partition("==")[0] for line in _wanted()]
    python = _BIN / "python"
    if not python.exists():
        return [(f"peer {name}", "not available" if tool(name) is None else "as above") for name in asked]
    code = "import sys; from importlib.metadata import version, PackageNotFoundError as Gone\n"
    code += "for name in sys.argv[1:]:\n try: print(version(name))\n except Gone: print('not available')"
    told = subprocess.run((str(python), "-I", "-c", code, *asked), capture_output=True, text=True, check=True).stdout
    return [(f"peer {name}", found) for name, found in zip(asked, told.split("\n"), strict=False)]


def make() -> None:
    wanted = _wanted()
    if _STAMP.exists() and _STAMP.read_text() == PINNED.read_text():
        return
    say("making the peers' environment (half a minute the first time)")
    if not (_BIN / "python").exists():  # to make it anew over what is there fails where it was not made of copies
        venv.create(FOLDER, with_pip=True)
    for line in wanted:
        done = subprocess.run(
            (str(_BIN / "python"), "-m", "pip", "install", "-q", *_PIP, line), check=False, stdout=sys.stderr
        )
        if done.returncode:
            say(f"  {line}: not available here; the tables will say so")
    _STAMP.write_text(PINNED.read_text())


def _wanted() -> list[str]:
    return [line for line in PINNED.read_text().splitlines() if line and not line.startswith("#")]


if __name__ == "__main__":
    make()
