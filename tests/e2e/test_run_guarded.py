"""A whole run by the command: in a repository without a remote, and under signatures and the server's update hook."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.lock.home import SINGLE_USER
from support.lab import CONFIG, Lab
from support.lock_server import guard

HELLO = ["open('result.txt', 'w').write('done')"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path) as lab:
        yield lab


def test_alone_a_run_says_that_nobody_else_sees_its_lock(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    awa.git("remote", "remove", "origin")

    done = awa.sahel("run")

    assert done.code == 0, done
    assert SINGLE_USER in done.err
    log = json.loads(awa.sahel("lock", "log", "--json").out)
    assert [record["op"] for record in log["records"]] == ["finish", "start", "arm"]
    assert {record["lock_remote_id"] for record in log["records"]} == {"local"}


def test_signed_records_are_no_hindrance_nor_is_the_servers_hook(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa = lab.join("awa")
    awa.git.become("Awa Diop", "awa@example.org")
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")), check=True)
    awa.git("config", "user.signingkey", str(tmp_path / "key"))
    public = (tmp_path / "key.pub").read_text()
    awa.git("switch", "-q", "--orphan", "sahel-signers")
    awa.git.write("allowed_signers", f"awa@example.org {public}")
    awa.git.commit("allowed_signers")
    awa.git.push()
    awa.git("switch", "-q", "main")
    awa.git.write("sahel-nb.toml", CONFIG.replace("ttl = 30", 'enforce = "signed"'))
    awa.git("add", "-A")
    awa.kernel("fula-lid", HELLO)

    done = awa.sahel("run")

    assert done.code == 0, done
    assert [record["op"] for record in awa.chain("fula-lid")] == ["arm", "start", "finish"]
    assert awa.sahel("lock", "doctor").code == 0
    awa.git("config", "user.signingkey", "/nowhere/key")
    refused = awa.sahel("run")
    assert refused.code == 3
    assert "could not sign" in refused.err

    guard(lab.origin)
    lab.origin("config", "sahel.identity", "GL_USER")
    lab.origin("config", "sahel.awa.email", "awa@example.org")
    awa.git.write("sahel-nb.toml", CONFIG.replace("ttl = 30", 'enforce = "server"'))
    awa.git.commit("sahel-nb.toml")
    awa.git.push()
    refused = awa.sahel("run")
    assert (refused.code, "the server did not say who pushes (GL_USER is empty)" in refused.err) == (3, True), refused
    monkeypatch.setenv("GL_USER", "awa")
    done = awa.sahel("run")
    assert done.code == 0, done
    assert [record["op"] for record in awa.chain("fula-lid")][3:] == ["arm", "start", "finish"]
