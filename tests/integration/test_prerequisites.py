"""What `make` says on a machine that lacks something: before anything is installed, with a command that helps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ".venv/.python"  # of every target; the packages come after it
OLD = 'sys.version_info = (3, 10, 13, "final", 0)'
NO_VENV = 'sys.modules["ensurepip"] = None'
APT = """#!/bin/sh
# apt-get and apt-cache of a machine whose index has python3.12-venv and git; they bring what lies in ../archive
case $1 in
show) [ -e "{archive}/${{2%-venv}}" ] ;;
install) shift; for name; do mv "{archive}/${{name%-venv}}" "{bin}/"; done ;;
esac
"""


class Machine:
    """A folder with the Makefile, and a PATH that has what it is given and the ordinary tools."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.archive, self.project = folder / "bin", folder / "archive", folder / "project"
        for one in (self.bin, self.archive, self.project):
            one.mkdir()
        for name in ("make", "sh", "awk", "sed", "head", "touch", "getconf", "rm", "mv"):
            (self.bin / name).symlink_to(found(name))
        shutil.copytree(ROOT / "tools", self.project / "tools")
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, self.project)

    def python(self, name: str, change: str = "", *, folder: Path | None = None) -> None:
        """This interpreter by another name, or one that says of itself what `change` does. Its venvs lack pip."""
        call = f"-c 'import sys; {change}; sys.argv = sys.argv[1:]; exec(sys.stdin.read())'" if change else ""
        quick = '[ "$2" != venv ] || set -- "$@" --without-pip'
        script((folder or self.bin) / name, f'#!/bin/sh\n{quick}\nexec "{sys.executable}" {call} "$@"\n')

    def git(self, text: str = "", *, folder: Path | None = None) -> None:
        what = f"echo '{text}'" if text else f'exec "{found("git")}" "$@"'
        script((folder or self.bin) / "git", f"#!/bin/sh\n{what}\n")

    def apt(self) -> None:
        for name in ("apt-get", "apt-cache"):
            script(self.bin / name, APT.format(archive=self.archive, bin=self.bin))
        script(self.bin / "sudo", '#!/bin/sh\nexec "$@"\n')

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(self.project), "PATH": str(self.bin), "LC_ALL": "C"}
        return subprocess.run(
            ["sh", "-c", command], cwd=self.project, env=env, capture_output=True, text=True, timeout=120
        )

    def refused(self, command: str) -> tuple[str, str]:
        """The message and the hint, of a command that made nothing."""
        before = sorted(self.project.rglob("*"))
        done = self.type(command)
        assert done.returncode != 0
        assert sorted(self.project.rglob("*")) == before
        message, hint = done.stderr.splitlines()[:2]
        return message.removeprefix("error: "), hint.strip().removeprefix("$ ")


def found(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not on PATH"
    return path


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_python_that_is_new_enough_is_looked_for(machine: Machine) -> None:
    machine.git()
    machine.python("python3", OLD)
    machine.python("python3.13", NO_VENV)
    machine.python("python3.12")
    assert machine.type("tools/prerequisites find").stdout == "python3.12\n"
    for why, chosen in (("is Python 3.10.13", "python3"), ("has no venv", "python3.13"), ("cannot be started", "py")):
        message, hint = machine.refused(f"make {TARGET} PYTHON={chosen}")
        assert message == f"sahel-nb needs Python 3.11 or later with venv, and {chosen} {why}; nothing was installed"
        assert hint == f"make {TARGET} PYTHON=python3.12"
    done = machine.type(hint)
    assert (done.returncode, (machine.project / ".venv/bin/python").exists()) == (0, True), done


@pytest.mark.parametrize("goal", ["demo", "test", "test-lowest", "check", "bench", "docs"])
def test_every_target_says_what_is_missing(machine: Machine, goal: str) -> None:
    machine.git()
    machine.python("python3", OLD)
    message, hint = machine.refused(f"make {goal}")
    assert "python3 is Python 3.10.13" in message
    assert hint == "https://www.python.org/downloads/"


def test_a_python_that_can_be_installed_is_named(machine: Machine) -> None:
    machine.git()
    machine.apt()
    machine.python("python3", OLD)
    machine.python("python3.12", folder=machine.archive)
    _, hint = machine.refused(f"make {TARGET}")
    assert hint == f"sudo apt-get install python3.12-venv && make {TARGET} PYTHON=python3.12"
    assert machine.type(hint).returncode == 0


def test_git_is_missing(machine: Machine) -> None:
    machine.apt()
    machine.git(folder=machine.archive)
    machine.python("python3")
    message, hint = machine.refused(f"make {TARGET}")
    assert (message, hint) == (
        "git is not installed; nothing was installed",
        f"sudo apt-get install git && make {TARGET}",
    )
    assert machine.type(hint).returncode == 0


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.8.3.1", False), ("2.29.9", False), ("2.30.0", True), ("2.39.5 (Apple Git-154)", True), ("3.0.rc0", True)],
)
def test_git_is_too_old(machine: Machine, version: str, fits: bool) -> None:
    machine.git(f"git version {version}")
    machine.python("python3")
    done = machine.type("tools/prerequisites check python3 make demo")
    assert (done.returncode == 0) is fits
    assert fits or f"sahel-nb needs git 2.30 or later, and this is git version {version};" in done.stderr


def test_an_environment_that_an_older_python_made(machine: Machine) -> None:
    machine.git()
    machine.python("python3")
    venv = machine.project / ".venv/bin"
    venv.mkdir(parents=True)
    machine.python("python", OLD, folder=venv)
    (venv.parent / ".python").touch()
    message, hint = machine.refused("make demo")
    assert message == (
        ".venv/bin/python is Python 3.10.13, and sahel-nb needs Python 3.11 or later; nothing was installed"
    )
    first, then = hint.split(" && ")
    assert then == "make demo"
    assert machine.type(f"{first} && make {TARGET}").returncode == 0
