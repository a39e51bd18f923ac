"""The background service: started once whoever asks first, found again, stopped; and what is said without the extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

import sahel_nb
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
    hello = f"{url}/api/v1/api.v1.DiagnosticsService/Hello"
    assert requests.post(hello, json={}, auth=("awa", "any-key")).json() == {"userName": "awa"}

    assert run("stop", "--data", str(data)).returncode == 0
    assert run("status", "--data", str(data)).stdout == "not running\n"
    again = run("start", "--data", str(data))
    assert again.returncode == 0
    answer = requests.post(f"{again.stdout.strip()}/api/v1/api.v1.DiagnosticsService/Hello", json={}, auth=("awa", "x"))
    assert answer.status_code == 401  # the account of before the stop is kept, with its key


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
