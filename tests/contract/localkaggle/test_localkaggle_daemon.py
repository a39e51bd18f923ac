"""The background service: started once whoever asks first, found again, stopped; and what is said without the extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests

import sahel_nb
from sahel_nb.localkaggle.store import accounts
from sahel_nb.localkaggle.store.database import Database
from support.service import BIN


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "local data"
    yield folder
    run("stop", "--data", str(folder))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "sahel-nb"), "local", *arguments], capture_output=True, encoding="utf-8", timeout=120
    )


def test_two_at_once_get_the_same_service_and_it_can_be_stopped(data: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: run("start", "--data", str(data)), range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    url = first.stdout.strip()
    shown = json.loads(run("status", "--json", "--data", str(data)).stdout)
    assert (shown["running"], shown["url"]) == (True, url)
    assert (data / "service.log").stat().st_mode & 0o077 == 0
    for name in ("awa", "moussa"):
        assert hello(url, name, key(data)).json() == {"userName": name}

    assert run("stop", "--data", str(data)).returncode == 0
    assert run("status", "--data", str(data)).stdout == "not running\n"
    again = run("start", "--data", str(data))
    assert again.returncode == 0
    assert hello(again.stdout.strip(), "awa", key(data)).status_code == 200


def key(data: Path) -> str:
    return (data / "key").read_text()


def hello(url: str, name: str, secret: str) -> requests.Response:
    return requests.post(f"{url}/api/v1/api.v1.DiagnosticsService/Hello", json={}, auth=(name, secret))


def test_a_stranger_on_loopback_gets_401_everywhere(data: Path) -> None:
    """Another user of this machine reaches the port, and cannot read the folder."""
    run("start", "--data", str(data))
    run("stop", "--data", str(data))
    with closing(Database(data / "service.db")) as db, db.write() as tx:  # as an earlier version signed strangers up
        accounts.put(tx, "mallory", "mallorys-key", 1.0)
        accounts.put_token(tx, "mallorys-token", "mallory", 1.0)
    url = run("start", "--data", str(data)).stdout.strip()
    anyone = requests.Session()
    calls = f"{url}/api/v1"
    push = {"slug": "mallory/theft", "newTitle": "Theft", "text": "1", "language": "python", "kernelType": "script"}
    for credentials in (("mallory", "mallorys-key"), ("newcomer", "any-key"), ("awa", ""), None):
        for method in ("kernels.KernelsApiService/SaveKernel", "kernels.KernelsApiService/GetKernel",
                       "blobs.BlobApiService/StartBlobUpload"):  # fmt: skip
            assert anyone.post(f"{calls}/{method}", json=push, auth=credentials).status_code == 401, method
        assert anyone.get(f"{calls}/kernels/logs/stream/awa/x", auth=credentials).status_code == 401
    bearer = {"Authorization": "Bearer mallorys-token"}
    assert anyone.post(f"{calls}/kernels.KernelsApiService/SaveKernel", json=push, headers=bearer).status_code == 401
    introspect = anyone.post(f"{calls}/security.OAuthService/IntrospectToken", json={"token": "mallorys-token"})
    assert introspect.json()["active"] is False
    for page in ("/", "/code/awa/x", "/datasets/awa/x", "/admin/state"):
        assert anyone.get(url + page).status_code == 401, page
    assert anyone.post(f"{url}/admin/cancel", json={"session": 1}).status_code == 401
    shown = json.loads(run("status", "--json", "--data", str(data)).stdout)
    assert anyone.get(shown["pages"]).status_code == 200, "the owner's browser"


def test_a_folder_of_an_earlier_version_is_closed_and_goes_on(data: Path) -> None:
    data.mkdir()
    (data / "service.lock").touch(mode=0o600)
    (data / "key").write_text("key-of-an-earlier-version")
    for path, mode in ((data, 0o755), (data / "key", 0o644)):
        path.chmod(mode)
    url = run("start", "--data", str(data)).stdout.strip()
    assert hello(url, "awa", "key-of-an-earlier-version").status_code == 200
    open_to_others = [path.name for path in (data, *data.iterdir()) if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_folder_with_other_things_is_not_closed_behind_their_backs(data: Path) -> None:
    data.mkdir()
    (data / "thesis.tex").touch()
    data.chmod(0o755)
    refused = run("start", "--data", str(data))
    assert (refused.returncode, data.stat().st_mode & 0o777) == (2, 0o755), refused
    assert "it holds other things" in refused.stderr


def test_a_service_of_an_earlier_version_is_not_gone_on_with(data: Path) -> None:
    """It would take any local user's notebook, and this person's key."""
    run("start", "--data", str(data))
    said = json.loads((data / "service.lock").read_bytes())
    (data / "service.lock").write_text(json.dumps({"url": said["url"], "pid": said["pid"]}))  # as it announced itself
    refused = run("start", "--data", str(data))
    assert refused.returncode == 3, refused
    (command,) = (line.strip()[2:] for line in refused.stderr.splitlines() if line.strip().startswith("$ "))
    path = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, shell=True, check=True, env=path)
    assert run("start", "--data", str(data)).returncode == 0


def test_a_dead_service_is_replaced(data: Path) -> None:
    run("start", "--data", str(data))
    pid = json.loads(run("status", "--json", "--data", str(data)).stdout)["pid"]
    os.kill(pid, 9)
    url = run("start", "--data", str(data)).stdout.strip()
    assert requests.get(f"{url}/healthz").json()["pid"] != pid


def test_a_damaged_store_is_put_aside_by_the_command_that_is_named(data: Path) -> None:
    run("start", "--data", str(data))
    run("stop", "--data", str(data))
    (data / "service.db").write_bytes(b"garbage")
    refused = run("start", "--data", str(data))
    assert refused.returncode == 9, refused
    assert "http://" not in refused.stderr, "what an earlier service said is no reason"
    aside = f"mv '{data}' '{data}.damaged'"
    assert f"$ {aside}" in refused.stderr
    subprocess.run(aside, shell=True, check=True)
    assert run("start", "--data", str(data)).returncode == 0


def test_state_lies_in_one_place_whatever_folder_one_is_in(tmp_path: Path) -> None:
    """The base directory specification: a relative path is to be ignored."""
    asked = "from sahel_nb.report.crash import state_home; print(state_home())"
    for set_to, expected in (("state", tmp_path / ".local/state"), (str(tmp_path / "x"), tmp_path / "x")):
        env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": set_to}
        done = subprocess.run([sys.executable, "-c", asked], env=env, capture_output=True, text=True, check=True)
        assert done.stdout == f"{expected}/sahel-nb\n"


def test_without_the_extra_there_is_a_command_and_no_traceback() -> None:
    root = str(Path(sahel_nb.__file__).parent.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); import sahel_nb.localkaggle.daemon"
    # -S: an interpreter without site-packages, so without starlette and uvicorn.
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, encoding="utf-8", timeout=60)
    assert "sahel_nb.errors.UsageError: The embedded service is not installed: starlette" in done.stderr
