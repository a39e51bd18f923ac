"""A rehearsal where no sandbox can be built: said each time, and refused without a word."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Done, Lab, Member

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
