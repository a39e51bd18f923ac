"""A run on a bad line and by impatient hands: every end is said, nothing is lost, the lock is right.

The line is a relay that can be cut; the service behind it runs on, or is killed and started again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.lab import Done, Lab, Member, finished

SLOW = [
    "import time\nprint('ŋana', flush=True)\ntime.sleep(4)\nprint('ɓiɗɗo', flush=True)",
    "open('result.txt', 'w', encoding='utf-8').write('ɲ')",
]
HELLO = ["print('ŋana')", "open('result.txt', 'w', encoding='utf-8').write('ɲ')"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("ŋ lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Member:
    return lab.join("awa")


class Line:
    """A relay to the service on a port of its own. `cut` drops every connection and takes no new ones."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._cut = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._cut.is_set():
                return
            with socket.create_connection(("127.0.0.1", self._to)) as service:
                while not self._cut.is_set():
                    ready, _, _ = select.select([client, service], [], [], 0.05)
                    for end in ready:
                        data = end.recv(65536)
                        if not data:
                            return
                        (service if end is client else client).sendall(data)

    def close(self) -> None:
        self._server.close()


class OverLine(Member):
    """A member whose Kaggle is at the other end of a line."""

    line: Line

    def env(self) -> dict[str, str]:
        return {**super().env(), "SAHEL_NB_KAGGLE": self.line.url}


def shown(process: subprocess.Popen[str], text: str) -> str:
    """Read stderr until `text`; what was read."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


def state(member: Member, slug: str) -> str:
    return str((member.lock(slug) or {"state": "never locked"})["state"])


def folder(done: Done) -> Path:
    return Path(done.out.strip().splitlines()[-1])


def test_a_line_that_is_cut_and_mended_loses_nothing(lab: Lab, awa: Member) -> None:
    over = OverLine(lab, "awa", awa.git)
    over.line = Line(lab.service.port)
    awa.kernel("cut-line", SLOW)
    running = over.start("run", "cut-line")
    shown(running, "ŋana")
    over.line.cut()
    before = shown(running, "trying on")
    over.line.mend()
    done = finished(running)
    over.line.close()
    assert done.code == 0, (before, done)
    assert "answers again" in done.err
    assert (folder(done) / "log.txt").read_text(encoding="utf-8").split() == ["ŋana", "ɓiɗɗo", "1"]
    assert (folder(done) / "outputs/result.txt").read_bytes() == "ɲ".encode()
    assert state(awa, "cut-line") == "FREE"


def test_a_service_that_is_killed_and_started_again_ends_the_run_truly(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        awa = lab.join("awa")
        awa.kernel("killed-service", SLOW)
        running = awa.start("run")
        shown(running, "ŋana")
        lab.service.kill()
        shown(running, "trying on")
        asked = awa.sahel("status")
        assert asked.code == 9, asked
        assert "could not be read" in asked.out, "the row is there all the same"
        lab.service.start(port=lab.service.port)
        done = finished(running)
        assert done.code == 5, done
        assert "answers again" in done.err
        assert (awa.lock("killed-service") or {})["outcome"]["status"] == "ERROR"
        assert "ŋana" in (folder(done) / "log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_the_follower_is_told_that_the_run_goes_on(lab: Lab, awa: Member, number: int) -> None:
    slug = f"ended-by-{number}-now"
    awa.kernel(slug, SLOW)
    running = awa.start("run", slug)
    shown(running, "ŋana")
    running.send_signal(number)
    done = finished(running)
    assert done.code == 128 + number, done
    assert f"sahel-nb attach awa/{slug}" in done.err
    assert "Traceback" not in done.err
    assert state(awa, slug) == "RUNNING"


def test_ctrl_c_in_the_preflight_says_that_nothing_was_pushed(lab: Lab, awa: Member) -> None:
    awa.kernel("stopped-early", HELLO)
    running = awa.start("run", "stopped-early")
    shown(running, "preflight")
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    done = finished(running)
    assert done.code == 130, done
    assert "Traceback" not in done.err
    assert lab.versions("stopped-early") == 0
    assert state(awa, "stopped-early") == "never locked"


def test_two_who_attach_while_the_owner_follows_all_get_the_same(lab: Lab, awa: Member) -> None:
    awa.kernel("three-eyes", HELLO)

    def tell(what: str, **fields: object) -> None:
        where = f"{lab.service.url}/admin/{what}"
        requests.post(where, auth=lab.service.owner, json=fields, timeout=30).raise_for_status()

    tell("fault", name="stale-running", kernel="awa/three-eyes", times=0)  # it ends when all three look
    running = [awa.start("run", "three-eyes")]
    shown(running[0], "ŋana")
    running += [awa.start("attach", "three-eyes"), awa.start("attach", "three-eyes")]
    for process in running[1:]:
        shown(process, "ŋana")
    tell("calm", kernel="awa/three-eyes")
    ended = [finished(process) for process in running]
    assert [done.code for done in ended] == [0, 0, 0], ended
    assert len({folder(done) for done in ended}) == 1
    left = sorted(path.name for path in folder(ended[0]).rglob("*") if path.is_file())
    assert left == [".sahel-nb-run", "log.jsonl", "log.txt", "result.txt", "run.json"]
    assert state(awa, "three-eyes") == "FREE"


def test_a_disk_without_room_keeps_the_lock_until_the_outputs_are_here(lab: Lab, awa: Member) -> None:
    awa.kernel("no-room", ["print('ŋ' * 3000)", "open('big.bin', 'wb').write(b'x' * 3_000_000)"])
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500));"
        "from sahel_nb.cli.main import main; main(['run', 'no-room'])"
    )
    script = awa.root.parent / "limited.py"
    script.write_text(limited)
    done = finished(awa.python(script))
    assert done.code == 10, done
    assert "cannot be kept" in done.err
    assert "sahel-nb attach awa/no-room" in done.err
    assert state(awa, "no-room") == "RUNNING"
    assert "Traceback" not in done.err
    attached = awa.sahel("attach", "no-room")
    assert attached.code == 0, attached
    assert (folder(attached) / "outputs/big.bin").stat().st_size == 3_000_000
    assert state(awa, "no-room") == "FREE"


def test_a_disk_that_is_full_before_the_push_takes_no_lock_along(lab: Lab, awa: Member) -> None:
    awa.kernel("no-room-at-all", HELLO)
    script = awa.root.parent / "limited.py"
    script.write_text(
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600));"
        "from sahel_nb.cli.main import main; main(['run', 'no-room-at-all'])"
    )
    done = finished(awa.python(script))
    assert done.code == 3, done
    assert "File too large" in done.err
    assert lab.versions("no-room-at-all") == 0
    assert state(awa, "no-room-at-all") in ("FREE", "never locked")


def test_a_proxy_does_not_stand_between_us_and_this_machine(lab: Lab, awa: Member) -> None:
    awa.kernel("by-proxy", HELLO)
    env = {**awa.env(), "http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = sahel(awa, env, "run", "by-proxy")
    assert done.code == 0, done
    assert (folder(done) / "outputs/result.txt").exists()


def test_without_a_home_the_error_says_what_to_set(lab: Lab, awa: Member) -> None:
    done = sahel(awa, {**awa.env(), "HOME": "/proc/nowhere", "XDG_CONFIG_HOME": "/proc/nowhere"}, "quota")
    assert done.code == 2, done
    assert "KAGGLE_CONFIG_DIR" in done.err


def test_every_json_is_one_object(lab: Lab, awa: Member) -> None:
    awa.kernel("one-object", HELLO)
    for arguments, schema in (
        (("run", "one-object", "--dry-run"), "sahel-nb.plan/1"),
        (("run", "one-object", "--detach"), "sahel-nb.detached/1"),
        (("attach", "one-object"), "sahel-nb.run/1"),
        (("attach", "one-object"), "sahel-nb.attach/1"),
        (("debug", "one-object"), "sahel-nb.debug/2"),
        (("status", "one-object"), "sahel-nb.status/1"),
        (("output", "one-object"), "sahel-nb.output/1"),
    ):
        done = awa.sahel(*arguments, "--json")
        assert done.code == 0, done
        assert json.loads(done.out)["schema"] == schema
    assert awa.git("status", "--porcelain") == "", "outputs that were fetched again do not make the tree unclean"


def test_what_cannot_be_meant_by_an_output_is_said(lab: Lab, awa: Member) -> None:
    awa.kernel("not-meant", HELLO)
    assert awa.sahel("run", "not-meant").code == 0
    nothing = awa.sahel("output", "not-meant", "--pattern", "*.pt")
    assert (nothing.code, nothing.out) == (0, ""), nothing
    assert "no name of its outputs matches '*.pt'; there are result.txt" in nothing.err
    onto_a_file = awa.sahel("output", "not-meant", "-o", "sahel-nb.toml")
    assert onto_a_file.code == 2, onto_a_file
    assert "is a file" in onto_a_file.err


def test_kaggles_copy_is_read_back_and_what_it_is_stands_in_the_record(lab: Lab, awa: Member) -> None:
    where = awa.kernel("read-back", HELLO)
    committed = (awa.root / where / "read-back.ipynb").read_bytes()
    assert awa.sahel("run", "read-back", "--dev", "--detach").code == 0
    attached = awa.sahel("attach", "read-back", "--dev", "--json")
    assert attached.code == 0, attached
    value = json.loads(attached.out)
    assert (value["kaggle_copy"], value["kaggle_copy_why"]) == ("same", "")
    assert value["source_sha256"] == hashlib.sha256(committed).hexdigest()
    assert value["ended_by"] == "sahel-nb"
    assert value["log_seconds"] > 0
    assert "complete, 1 output in" in attached.err


def test_a_reader_that_had_enough_is_no_bug(lab: Lab, awa: Member) -> None:
    awa.kernel("long-winded", [f"print('{'x' * 100}\\n' * 3000)"])
    assert awa.sahel("run", "long-winded").code == 0
    process = awa.start("logs", "long-winded")
    assert process.stdout is not None
    assert process.stdout.read(10) == "x" * 10
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(60)) == ("", 130)


def sahel(member: Member, env: dict[str, str], *arguments: str) -> Done:
    from support.service import BIN

    done = subprocess.run(
        [BIN / "sahel-nb", *arguments], cwd=member.root, env=env, capture_output=True, encoding="utf-8", timeout=120
    )
    return Done(done.returncode, done.stdout, done.stderr)
