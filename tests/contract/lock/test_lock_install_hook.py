"""`sahel-nb lock install-hook`: a plan first, no hook is lost, and no identity that the pusher can set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.install import shipped
from sahel_nb.install.server_hook import plan
from sahel_nb.lock.transition import step
from sahel_nb.repo.swap_answer import Swap
from support.git import Origin
from support.lock_records import AWA, arm, writer
from support.lock_server import Server, by_ssh, commit_of


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin.git")


def install(origin: Origin, *more: str) -> subprocess.CompletedProcess[str]:
    command = (str(Path(sys.executable).with_name("sahel-nb")), "lock", "install-hook", str(origin.path), *more)
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_plan_and_then_a_server_that_judges(origin: Origin, tmp_path: Path) -> None:
    origin.hook("pre-receive", f"cat >> {tmp_path}/seen")
    before = sorted(path.name for path in (origin.path / "hooks").iterdir())
    shown = install(origin, "--identity", "GL_USER")
    assert (shown.returncode, "pre-receive becomes pre-receive.before-sahel-nb" in shown.stdout) == (0, True), shown
    assert sorted(path.name for path in (origin.path / "hooks").iterdir()) == before, "nothing is done yet"
    for _ in range(2):
        assert install(origin, "--identity", "GL_USER", "--yes").returncode == 0
    origin("config", "--add", "sahel.awa.email", "awa@example.org")
    server = Server(origin, by_ssh(tmp_path), first=0)
    new = commit_of(step(None, arm(), writer(AWA, "n")), None)
    assert server.push("eve", None, new)[0] is Swap.REFUSED
    assert server.push("awa", None, new)[0] is Swap.WON
    assert (tmp_path / "seen").read_text().count(new.oid) == 2, "the hook that was there runs first"


def test_a_hook_of_an_earlier_version_makes_room(origin: Origin) -> None:
    """It judged one ref at a time; what it had kept is what it was."""
    origin.hook("update", "exec python3 -m sahel_nb.lock.update_hook")
    origin.hook("update.before-sahel-nb", "exit 0")
    assert install(origin, "--identity", "REMOTE_USER", "--yes").returncode == 0
    hooks = origin.path / "hooks"
    assert (hooks / "update").read_text() == "#!/bin/sh\nexit 0\n"
    assert not (hooks / "update.before-sahel-nb").exists()
    assert (hooks / "pre-receive").read_bytes() == shipped.hook("pre-receive")


def test_two_hooks_that_were_there_are_a_persons_matter(origin: Origin) -> None:
    origin.hook("pre-receive", "exit 0")
    origin.hook("pre-receive.before-sahel-nb", "exit 1")
    refused = install(origin, "--identity", "GL_USER", "--yes")
    assert (refused.returncode, "are both there" in refused.stderr) == (3, True), refused
    assert (origin.path / "hooks" / "pre-receive").read_text() == "#!/bin/sh\nexit 0\n"


def test_gitolites_hooks_have_a_place_of_their_own(origin: Origin) -> None:
    (origin.path / "hooks").mkdir(exist_ok=True)
    (origin.path / "hooks" / "update").symlink_to("/home/git/.gitolite/hooks/common/update")
    refused = install(origin, "--identity", "GL_USER", "--yes")
    assert (refused.returncode, "gitolite setup --hooks-only" in refused.stderr) == (3, True), refused


@pytest.mark.parametrize("variable", ["USER", "LOGNAME", "SSH_USER", "GIT_COMMITTER_EMAIL"])
def test_what_the_pusher_sets_is_no_identity(origin: Origin, variable: str) -> None:
    refused = install(origin, "--identity", variable, "--yes")
    assert (refused.returncode, "is set by whoever pushes" in refused.stderr) == (3, True), refused
    assert not (origin.path / "hooks" / "pre-receive").exists()


@pytest.mark.parametrize("accepted", ["REMOTE_USER", "LANG REMOTE_*", "*"])
def test_nor_what_sshd_takes_from_them(origin: Origin, tmp_path: Path, accepted: str) -> None:
    sshd = tmp_path / "sshd_config"
    sshd.write_text(f"Port 22\nAcceptEnv {accepted}\n")
    with pytest.raises(Refused, match="AcceptEnv of"):
        plan(origin.path, "REMOTE_USER", sshd)
    sshd.write_text("AcceptEnv LANG LC_*\n")
    assert plan(origin.path, "REMOTE_USER", sshd).identity == "REMOTE_USER"
