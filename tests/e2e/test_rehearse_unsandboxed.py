"""A rehearsal where no sandbox can be built: said each time, and refused without a word."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sahel_nb
from support.lab import Done, Lab, Member
from support.service import BIN

REASON = "Isolation is switched off by SAHEL_NB_ISOLATION=none."


class Careful(Member):
    """Has not said that running without a sandbox is meant; the service finds none to build, as on macOS."""

    def env(self) -> dict[str, str]:
        env = {**super().env(), "SAHEL_NB_KAGGLE": "local", "SAHEL_NB_ISOLATION": "none"}
        del env["SAHEL_NB_UNSANDBOXED"]
        return env


@pytest.fixture
def awa(tmp_path: Path) -> Iterator[Careful]:
    lab = Lab(tmp_path)  # its service is not started: what is rehearsed here starts one of its own
    member = lab.join("awa")
    careful = Careful(lab, "awa", member.git)
    yield careful
    careful.sahel("local", "stop")


def commands(done: Done) -> list[str]:
    return [line.strip()[2:] for line in done.err.splitlines() if line.strip().startswith("$ ")]


def test_it_is_said_each_time_and_refused_until_somebody_says_that_it_is_meant(awa: Careful) -> None:
    where = awa.kernel("langid", ["print('ran')"])
    for _ in range(2):
        refused = awa.sahel("rehearse", where)
        assert refused.code == 3, refused
        assert refused.err.count(REASON) == 1, refused
        assert "the kernel could read and change all that you can" in refused.err
    assert awa.sahel("run", where).code == 3, "SAHEL_NB_KAGGLE=local is the same service"
    once, always = commands(refused)[-2:]
    assert once == f"sahel-nb rehearse {where} --unsandboxed"
    ran = awa.sahel(*shlex.split(once)[1:])
    assert (ran.code, REASON in ran.err) == (0, True), ran

    awa.git.write("sahel-nb.toml", "[pair]\nformat = ''\n[run]\nunsandboxed = true\n")
    awa.git.commit("sahel-nb.toml", message="The repository says so")
    assert awa.sahel("rehearse", where).code != 0, "a committed file is not the person's word"
    awa.git("reset", "-q", "--hard", "HEAD~")

    subprocess.run(shlex.split(always, comments=True), env=awa.env(), check=True)
    allowed = awa.sahel("rehearse", where)
    assert (allowed.code, REASON in allowed.err) == (0, True), allowed
    assert "git config sahel-nb.unsandboxed allows it" in allowed.err


def test_each_rehearsal_runs_in_the_python_of_its_caller(awa: Careful, tmp_path: Path) -> None:
    where = awa.kernel("langid", ["import sys", "print('in', sys.executable, sys.prefix)"])
    assert awa.sahel("rehearse", where, "--unsandboxed").code == 0, "the service runs in this Python"
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    (site,) = other.glob("lib/python*/site-packages")
    (site / "all.pth").write_text("".join(f"{folder}\n" for folder in sys.path if "site-packages" in folder))
    (site / "ours.pth").write_text(str(Path(sahel_nb.__file__).parents[1]))
    caller = [str(other / "bin/python"), "-m", "sahel_nb.cli.main", "rehearse", where, "--unsandboxed"]
    done = subprocess.run(caller, cwd=awa.git.root, env=awa.env(), capture_output=True, encoding="utf-8", timeout=240)
    assert done.returncode == 0, done.stderr
    assert f"in {other}/bin/python {other}\n" in done.stderr + done.stdout
    assert "runs kernels in" not in done.stderr


def test_a_service_of_a_python_that_is_gone_or_of_one_s_own_is_named(awa: Careful) -> None:
    where = awa.kernel("langid", ["print('ran')"])
    assert awa.sahel("rehearse", where, "--unsandboxed").code == 0
    lock = Path(awa.env()["XDG_STATE_HOME"]) / "sahel-nb/local/service.lock"
    said = json.loads(lock.read_bytes())
    assert said["runs_callers_python"] is True
    lock.write_text(json.dumps({**said, "python": "/usr/bin/env", "runs_callers_python": False}))
    other = awa.sahel("rehearse", where, "--unsandboxed")
    assert (other.code, f"it runs kernels in /usr/bin/env, not in {sys.executable}" in other.err) == (0, True), other
    lock.write_text(json.dumps({**said, "python": "/gone/bin/python"}))
    gone = awa.sahel("rehearse", where, "--unsandboxed")
    assert gone.code == 3, gone
    subprocess.run(shlex.split(f"{BIN}/{commands(gone)[-1]}", comments=True), env=awa.env(), check=True)
    assert awa.sahel("rehearse", where, "--unsandboxed").code == 0
