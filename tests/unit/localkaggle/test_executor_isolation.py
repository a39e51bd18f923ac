"""What a kernel can see, write and reach: in a sandbox, and without one.

The tests of the sandbox prove what this machine gives: where it gives no namespaces, that the service says so.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sahel_nb.localkaggle import outputs
from sahel_nb.localkaggle.executor import isolation, network
from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.job import Mount, Outcome
from sahel_nb.localkaggle.executor.outputs import discard
from support.jobs import Runs, children_of, eventually, text

LOOK = """
import json, os, pathlib, socket
def tried(what):
    try:
        return what()
    except Exception as exc:
        return type(exc).__name__
found = {
    "cwd": os.getcwd(),
    "kaggle": sorted(os.listdir("/kaggle")) if os.path.isdir("/kaggle") else None,
    "host": [p for p in %(host)r if os.path.exists(p)],
    "pids": [int(n) for n in os.listdir("/proc") if n.isdigit()],
    "hostname": socket.gethostname(),
    "overwrite": tried(lambda: open("../input/words/a.txt", "w").close()),
    "create": tried(lambda: open("../input/words/new.txt", "w").close()),
    "usr": tried(lambda: open("/usr/sahel-nb-was-here", "w").close()),
    "proc": tried(lambda: open("/proc/sys/kernel/core_pattern", "r+").close()),
    "home": tried(lambda: pathlib.Path.home().joinpath("x").write_text("ŋ")),
    "tmp": tried(lambda: pathlib.Path("/tmp/x").write_text("ŋ")),
    "shm": tried(lambda: pathlib.Path("/dev/shm/x").write_text("ŋ")),
    "loopback": tried(lambda: (lambda s: socket.create_connection(s.getsockname(), 5) and "up")(
        socket.create_server(("127.0.0.1", 0)))),
    "service": tried(lambda: socket.create_connection(("127.0.0.1", %(port)d), 5) and "reached"),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "capabilities": [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapEff")],
}
json.dump(found, open("found.json", "w"))
"""


@pytest.fixture
def words(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "a.txt").write_text("ŋɓɗɲ", encoding="utf-8")
    return folder


@pytest.fixture
def listener() -> Any:
    """Somebody on this machine's loopback, as the service is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def look(runs: Runs, words: Path, port: int, internet: bool) -> dict[str, Any]:
    host = [str(words), str(words.parent), str(Path.home()), "/etc/shadow", "/etc/ssh", "/var/lib", "/boot"]
    run = runs.run(
        (LOOK % {"host": host, "port": port}).encode(),
        "script",
        mounts=(Mount(words, ("input/datasets/awa/words", "input/words")),),
        internet=internet,
    )
    assert run.result.outcome is Outcome.COMPLETE, run.log
    found: dict[str, Any] = json.loads(run.outputs["found.json"])
    assert (words / "a.txt").read_text(encoding="utf-8") == "ŋɓɗɲ"
    assert [p.name for p in words.iterdir()] == ["a.txt"], "the source is never written to"
    return found


def test_the_sandbox_is_a_world_of_its_own(tmp_path: Path, words: Path, listener: socket.socket) -> None:
    probed = isolation.probe()
    if not probed.namespaces:
        assert "A sandbox cannot be built here" in probed.missing[0]
        assert len(probed.missing) > 1
        return
    assert probed.missing == ()
    runs = Runs(tmp_path)
    found = look(runs, words, listener.getsockname()[1], internet=False)
    assert found["cwd"] == "/kaggle/working"
    assert found["kaggle"] == ["input", "src", "temp", "working"]
    assert found["host"] == []
    assert max(found["pids"]) < 100
    assert found["hostname"] != socket.gethostname()
    assert (found["overwrite"], found["create"], found["usr"]) == ("OSError",) * 3, "read-only file systems"
    assert found["proc"] in ("OSError", "PermissionError")
    assert (found["home"], found["tmp"], found["shm"]) == (1, 1, 1)
    assert found["loopback"] == "up"
    assert found["service"] == "ConnectionRefusedError"
    assert found["interfaces"] == ["lo"]
    assert found["capabilities"] == ["0" * 16]


ROUTES = """
import json, socket
def route(address):  # connecting a datagram socket only asks for a route, and sends nothing
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((address, 9))
        except OSError:
            return False
        return True
def knock(family, address):
    with socket.socket(family) as knocking:
        try:
            knocking.connect(address)
        except OSError:
            return False
        return True
json.dump({
    "loopback": knock(socket.AF_INET, ("127.0.0.1", %(port)d)),
    "abstract": knock(socket.AF_UNIX, %(abstract)r),
    "outside": route("198.51.100.7"),
    "closed": [a for a in ("169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200") if route(a)],
}, open("found.json", "w"))
"""


@pytest.mark.parametrize("internet", [False, True], ids=["no internet", "internet"])
def test_a_kernel_reaches_nothing_of_this_machine(tmp_path: Path, listener: socket.socket, internet: bool) -> None:
    probed = isolation.probe()
    if not probed.namespaces:
        assert probed.missing
        return
    if internet and not probed.network_tool:
        assert "reaches this machine's own services" in probed.open_network
        return
    name = f"\0sahel-nb-{tmp_path}"
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        source = ROUTES % {"port": listener.getsockname()[1], "abstract": name}
        run = Runs(tmp_path).run(source.encode(), "script", internet=internet)
    assert run.result.outcome is Outcome.COMPLETE, run.log
    online = internet and network.leads_anywhere()
    assert json.loads(run.outputs["found.json"]) == {
        "loopback": False,
        "abstract": False,
        "outside": online,
        "closed": [],
    }
    assert ("internet is on, and there is none" in run.log) == (internet and not online)


CALL = """
import socket
try:
    with socket.create_connection(("127.0.0.1", 80), 5) as call:
        print(call.recv(100).decode())
except OSError as exc:
    print(type(exc).__name__)
"""


@pytest.mark.parametrize("internet", [False, True], ids=["no internet", "internet"])
def test_port_80_of_a_sandbox_is_handed_out_until_the_run_ends(tmp_path: Path, internet: bool) -> None:
    if not isolation.probe().network_tool:
        assert isolation.probe().open_network or isolation.probe().missing
        return
    channels: list[socket.socket] = []
    api = ApiAccess("KGAT_" + "0" * 32, "http://127.0.0.1:9", channels.append)
    folder, execution = Runs(tmp_path).start(CALL.encode(), "script", internet=internet, api=api)
    for channel in channels:
        _, (descriptor,), _, _ = socket.recv_fds(channel, 1, 2)
        with socket.socket(fileno=descriptor) as listening:
            assert listening.getsockname() == ("127.0.0.1", 80)
            listening.settimeout(30)
            with listening.accept()[0] as call:
                call.send(b"the service")
    result = execution.wait(60)
    assert result is not None
    assert result.outcome is Outcome.COMPLETE
    assert text(folder, "stdout") == ("the service\n" if internet else "ConnectionRefusedError\n")
    assert [channel.recv(1) for channel in channels] == ([b""] if internet else [])


def test_what_connects_a_sandbox_ends_with_the_run(tmp_path: Path) -> None:
    if not isolation.probe().network_tool:
        assert isolation.probe().open_network or isolation.probe().missing
        return
    folder, execution = Runs(tmp_path).start(
        b"import time; print(1, flush=True); time.sleep(60)", "script", internet=True
    )
    eventually(lambda: text(folder))
    family = children_of(execution.pid)
    os.kill(execution.pid, 9)  # the supervisor: nothing of it can put anything in order
    execution.wait()
    eventually(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()])


def test_without_a_sandbox_the_folders_work_and_the_service_says_what_is_missing(
    tmp_path: Path, words: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(isolation.SWITCH, "none")
    probed = isolation.probe()
    assert not probed.namespaces
    assert any("no /kaggle" in sentence for sentence in probed.missing)
    assert any("not cut off from the network" in sentence for sentence in probed.missing)
    runs = Runs(tmp_path)
    found = look(runs, words, listener.getsockname()[1], internet=False)
    assert Path(found["cwd"]).name == "working"
    assert Path(found["cwd"]).parent.parent == tmp_path
    run = runs.run(
        b"print(open('../input/words/a.txt').read(), open('../input/datasets/awa/words/a.txt').read())",
        "script",
        mounts=(Mount(words, ("input/datasets/awa/words", "input/words")),),
    )
    assert run.log == "ŋɓɗɲ ŋɓɗɲ\n"
    assert sorted(p.name for p in run.folder.iterdir()) == ["log.jsonl", "result.json", "working"], "copies are removed"


def test_read_only_holds_against_root_inside_too(tmp_path: Path, words: Path) -> None:
    if not isolation.probe().namespaces:
        assert isolation.probe().missing
        return
    run = Runs(tmp_path).run(
        b"import subprocess\n"
        b"target = '/kaggle/input/words'\n"
        b"for line in (f'mount -o remount,rw {target}', f'umount {target}', f'echo x > {target}/a.txt',\n"
        b"             f'unshare -Urm mount -o remount,bind,rw {target}', 'chmod 777 /dev/null'):\n"
        b"    print(line, subprocess.run(line, shell=True, capture_output=True, text=True).returncode != 0)\n",
        "script",
        mounts=(Mount(words, ("input/words",)),),
    )
    assert [line.rsplit(" ", 1)[1] for line in run.log.splitlines()] == ["True"] * 5, run.log
    assert (words / "a.txt").read_text(encoding="utf-8") == "ŋɓɗɲ"


PRY = """
import ctypes, os
def tried(what):
    try:
        return what()
    except OSError as exc:
        return type(exc).__name__
print(tried(lambda: open("/proc/1/environ", "rb").read()))
print(tried(lambda: open("/proc/1/mem", "rb").close()))
print(tried(lambda: os.readlink("/proc/1/fd/0")))
print("traced" if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0 else "PermissionError")
"""


def test_the_first_process_in_the_sandbox_is_closed_to_the_kernel(tmp_path: Path) -> None:
    """It is a fork of a process outside, and would show that one's environment, files and pipes."""
    if not isolation.probe().namespaces:
        assert isolation.probe().missing
        return
    run = Runs(tmp_path).run(PRY.encode(), "script", time_limit=30.0)
    assert run.log.splitlines() == ["PermissionError"] * 4


@pytest.mark.parametrize("switch", ["", "none"])
def test_nobody_of_a_run_has_the_services_environment(
    tmp_path: Path, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    monkeypatch.setenv("SECRET_OF_THE_SERVICE", "hunter2")
    _, execution = Runs(tmp_path).start(b"import time; print(1, flush=True); time.sleep(60)", "script")
    eventually(lambda: text(tmp_path / "job-1"))
    family = [execution.pid, *children_of(execution.pid)]
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in family]
    execution.cancel()
    assert len(family) > 1
    assert not any(b"hunter2" in environment for environment in environments)


@pytest.mark.parametrize("switch", ["", "none"])
def test_links_that_lead_out_are_no_outputs(tmp_path: Path, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    run = Runs(tmp_path).run(
        b"import os\n"
        b"open('real.txt', 'w').write('real'); os.mkdir('deep'); here = os.getcwd()\n"
        b"os.symlink('/etc/passwd', 'out'); os.symlink('../../..', 'up'); os.symlink('nowhere', 'dangling')\n"
        b"os.symlink('out', 'chain'); os.symlink('real.txt', 'kept'); os.symlink(here + '/real.txt', 'deep/absolute')\n"
        b"os.mkfifo('pipe'); os.mkdir('closed'); open('closed/in', 'w').write('in')\n"
        b"os.chmod('closed/in', 0); os.chmod('closed', 0)\n",
        "script",
    )
    assert run.result.outcome is Outcome.COMPLETE
    assert run.outputs == {
        "closed/in": b"in",
        "deep/absolute": b"real",
        "kept": b"real",
        "real.txt": b"real",
    }
    left = {p.name for p in (run.folder / "working").iterdir()}
    assert left == {"real.txt", "deep", "kept", "closed"}
    for name in ("out", "up", "dangling", "chain", "pipe"):
        assert f"Not among the outputs: {name}: " in text(run.folder, "stderr")
    assert all(p.lstat().st_uid == os.getuid() for p in (run.folder / "working").rglob("*"))


DEEP = """
import os
open("real.txt", "w").write("real")
open("suid", "w").close(); os.chmod("suid", 0o6777)
for name, depth in (("d", 1100), ("e" * 200, 30)):  # beyond recursion; beyond a path's length
    os.chdir("/kaggle/working" if os.path.isdir("/kaggle/working") else os.environ["HERE"])
    for _ in range(depth):
        os.mkdir(name); os.chdir(name)
    open("bottom.txt", "w").close(); os.symlink("/etc/passwd", "link"); os.chmod(".", 0)
"""


@pytest.mark.parametrize("switch", ["", "none"])
def test_folders_deeper_than_any_path_are_no_outputs_and_can_be_removed(
    tmp_path: Path, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    here = {"HERE": str(tmp_path / "job-1" / "working")}
    run = Runs(tmp_path).run(DEEP.encode(), "script", environment=here)
    assert (run.result.outcome, run.result.failure_message) == (Outcome.COMPLETE, "")
    scan = outputs.scan(run.folder / "working")
    assert [output.name for output in scan.outputs] == ["real.txt", "suid"]
    assert (run.folder / "working" / "suid").stat().st_mode & 0o7000 == 0
    assert text(run.folder, "stderr").count("Not among the outputs: ") == 2


def test_what_an_unfinished_run_left_is_scanned_and_removed_too(tmp_path: Path) -> None:
    """Nobody has tidied up behind a run that was killed together with its supervisor."""
    working = tmp_path / "working"
    working.mkdir()
    done = subprocess.run([sys.executable, "-c", DEEP], cwd=working, env={"HERE": str(working)}, check=False)
    assert done.returncode == 0
    assert [output.name for output in outputs.scan(working).outputs][-2:] == ["real.txt", "suid"]
    discard(working)
    assert list(tmp_path.iterdir()) == []
