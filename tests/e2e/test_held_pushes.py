"""A push that is on its way for a long time, while somebody else finds the lock that it was made under.

It is held in a relay, where a bad line or a stopped laptop would hold it. Nobody ever runs beside it without a word.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest

from support.git import Git
from support.lab import CONFIG, Lab, Member, finished
from support.service import wait_until

LATE, COPIED = "pushed-late", "copied-clone"


class Relay:
    """To the service, on a port of its own. A push is `held` here until `go`; `deaf` takes its answer away."""

    def __init__(self, port: int, *, deaf: bool = False) -> None:
        self._to, self._deaf = port, deaf
        self.held, self.go = threading.Event(), threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        pushes = False
        with client, socket.create_connection(("127.0.0.1", self._to)) as service, contextlib.suppress(OSError):
            while True:
                for end in select.select([client, service], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    if end is client and b"/SaveKernel " in data:
                        pushes = True
                        self.held.set()
                        self.go.wait()
                    if end is client or not (pushes and self._deaf):
                        (service if end is client else client).sendall(data)

    def close(self) -> None:
        self.go.set()
        self._server.close()


class Relayed(Member):
    """A member whose Kaggle is behind a relay."""

    def __init__(self, member: Member, *, deaf: bool = False) -> None:
        super().__init__(member.lab, member.name, member.git)
        self.relay = Relay(member.lab.service.port, deaf=deaf)

    def env(self) -> dict[str, str]:
        return {**super().env(), "SAHEL_NB_KAGGLE": self.relay.url}


@contextlib.contextmanager
def relayed(member: Member, *, deaf: bool = False) -> Iterator[Relayed]:
    made = Relayed(member, deaf=deaf)
    try:
        yield made
    finally:
        made.relay.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), shared=[LATE, COPIED]) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Member:
    return lab.join("awa", config=CONFIG.replace("ttl = 30", "ttl = 5"))


def test_a_run_beside_a_push_that_came_late_is_said_to_everybody(lab: Lab, awa: Member) -> None:
    where = awa.kernel(LATE, ["import time; time.sleep(4)"])
    binta = lab.join("binta")
    with relayed(awa, deaf=True) as slow, relayed(binta) as other:
        first = slow.start("run", LATE)
        assert slow.relay.held.wait(60)
        reaped = binta.sahel("attach", LATE)
        assert "there was no sign of it for 5 s" in reaped.err, reaped
        binta.write_kernel(LATE, ["print('ŋ')"], where)
        binta.git.commit(where, message="A short one")
        binta.git.push()
        second = other.start("run", LATE)
        assert other.relay.held.wait(60), finished(second)  # she has looked: nothing runs
        slow.relay.go.set()
        wait_until(lambda: lab.versions(LATE) == 1, "the push that was held")
        first.kill()
        first.communicate()
        other.relay.go.set()
        done = finished(second)

    assert done.code == 0, done
    alarms = [alarm for record in awa.chain(LATE) for alarm in record["alarms"]]
    assert alarms[0].startswith("overlap: Kaggle made v2 of this run and v1 is somebody else's")
    assert f"awa/{LATE}: {alarms[0]}" in done.err, "whoever ran beside it"
    assert f"awa/{LATE}: {alarms[0]}" in awa.sahel("run", LATE, "--dry-run").err, "and whoever comes next"
    listed = awa.sahel("lock", "list")
    assert " alarm" in listed.out, listed
    assert alarms[0] in listed.err, listed
    assert alarms[0] in binta.sahel("status", LATE).out
    acknowledged = awa.sahel("lock", "ack", LATE, "--reason", "a bad line")
    assert acknowledged.code == 0, acknowledged
    assert " alarm" not in awa.sahel("lock", "list").out
    assert alarms[0] not in binta.sahel("status", LATE).out


def test_a_copy_of_the_clone_does_not_take_its_push_for_dead(lab: Lab, awa: Member) -> None:
    awa.git("pull", "-q", "--rebase")
    where = awa.kernel(COPIED, ["print('ŋ')"])
    with relayed(awa) as slow:
        running = slow.start("run", where)
        assert slow.relay.held.wait(60)
        shutil.copytree(awa.root, awa.root.with_name("copy"), symlinks=True)
        copy = Member(lab, "awa", Git(awa.root.with_name("copy")))
        refused = copy.sahel("run", where)
        assert refused.code == 3, refused
        assert f"awa/{COPIED} is locked: " in refused.err
        assert "is about to run it" in refused.err
        waited = copy.sahel("run", where, "--wait", "1s")
        assert waited.code == 3, waited
        assert lab.versions(COPIED) == 0, "nothing is pushed beside it"
        slow.relay.go.set()
        done = finished(running)
    assert done.code == 0, done
    assert lab.versions(COPIED) == 1
    assert [record["op"] for record in awa.chain(COPIED) if record["op"] == "reap"] == []
