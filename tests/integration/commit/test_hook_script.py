"""`sahel-nb-hook`, the shell script: it finds Python and the package wherever an installer has put them."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

from tests.unit.notebook import shapes

ROOT = Path(__file__).resolve().parents[3]
FALLBACK = '#!/bin/sh\nprintf "<%s>" "$@"\n'


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """As venv makes it, at a path that shells and shebangs find hard, with our script and without pip's own."""
    folder = tmp_path / "mes outils ŋ"
    venv.create(folder, symlinks=True)
    script = folder / "bin" / "sahel-nb-hook"
    script.write_bytes((ROOT / "bin" / "sahel-nb-hook").read_bytes())
    script.chmod(0o755)
    return folder


def site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3*/site-packages")
    return found


def fall_back(environment: Path) -> None:
    script = environment / "bin" / "sahel-nb-hook-python"
    script.write_text(FALLBACK)
    script.chmod(0o755)


def hook(environment: Path, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    command = (str(environment / "bin" / "sahel-nb-hook"), *arguments)
    # In the C locale Python 3.11's own site cannot read a .pth that names a folder like ours.
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd or environment, env=env, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def strips(environment: Path, tmp_path: Path) -> None:
    notebook = tmp_path / "un cahier ɓ.ipynb"
    notebook.write_bytes(shapes.simple("x = 1"))
    assert hook(environment, "strip", str(notebook)) == (1, f"stripped {notebook}\n")
    assert json.loads(notebook.read_bytes())["cells"][0]["outputs"] == []
    assert hook(environment, "strip", str(notebook)) == (0, "")


def test_a_package_in_site_packages(environment: Path, tmp_path: Path) -> None:
    (site_packages(environment) / "sahel_nb").symlink_to(ROOT / "sahel_nb")
    strips(environment, tmp_path)


@pytest.mark.parametrize("end", ["\n", ""], ids=["whole line", "no line end"])
def test_an_editable_install(environment: Path, tmp_path: Path, end: str) -> None:
    checkout = tmp_path / "mon dépôt"
    checkout.symlink_to(ROOT)
    (site_packages(environment) / "_editable_impl_sahel_nb.pth").write_text(f"{checkout}{end}")
    strips(environment, tmp_path)


@pytest.mark.parametrize("where", ["no venv", "nowhere to be found", "two libraries", "another folder", "a name alone"])
def test_everything_else_is_left_to_the_script_that_pip_makes(environment: Path, where: str) -> None:
    fall_back(environment)
    cwd = environment
    if where == "no venv":
        (environment / "pyvenv.cfg").unlink()
    elif where == "two libraries":
        for name in ("python3.98", "python3.99"):
            (environment / "lib" / name / "site-packages").mkdir(parents=True)
            (environment / "lib" / name / "site-packages" / "sahel_nb").symlink_to(ROOT / "sahel_nb")
    elif where == "another folder":
        # As pipx does it: both scripts are links in a folder of the user.
        linked = environment.parent / "local" / "bin"
        linked.mkdir(parents=True)
        for name in ("sahel-nb-hook", "sahel-nb-hook-python"):
            (linked / name).symlink_to(environment / "bin" / name)
        environment = linked.parent
    elif where == "a name alone":
        (environment / "pyvenv.cfg").unlink()
        cwd = environment / "bin"
        done = subprocess.run(("sh", "sahel-nb-hook", "a b", ""), cwd=cwd, capture_output=True, timeout=60)
        assert done.stdout == b"<a b><>"
    assert hook(environment, "strip", "a b", "ŋ", "", cwd=cwd) == (0, "<strip><a b><ŋ><>")
