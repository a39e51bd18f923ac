"""What points Kaggle's client at the service, in a run that shares this machine's network and in one that does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.localkaggle.executor import api_access, isolation
from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.isolation import Isolation
from sahel_nb.localkaggle.executor.job import Outcome
from support.jobs import Runs

URL = "http://127.0.0.1:40123"
TOKEN = "KGAT_" + "0" * 32
ASK = """
import os
from kagglesdk.kaggle_env import get_access_token_from_env, get_endpoint, get_env
print(get_endpoint(get_env()), get_access_token_from_env()[0][::-1])
print([name for name in os.environ if "proxy" in name.lower()])
"""


@pytest.mark.parametrize(
    ("namespaces", "internet", "endpoint"),
    [
        (True, True, URL),
        (True, False, "https://api.kaggle.com"),  # it has a network of its own, and nothing in it
        (False, True, URL),
        (False, False, "http://no-internet.invalid"),
    ],
)
def test_where_the_client_calls_without_a_tool_for_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespaces: bool, internet: bool, endpoint: str
) -> None:
    probed = isolation.probe()
    found = Isolation(namespaces and probed.namespaces, ("",), open_network="all of this machine")
    monkeypatch.setattr(isolation, "probe", lambda: found)
    if namespaces and not probed.namespaces:
        assert probed.missing
        return
    asked: list[object] = []
    run = Runs(tmp_path).run(ASK.encode(), "script", internet=internet, api=ApiAccess(TOKEN, URL, asked.append))
    assert run.result.outcome is Outcome.COMPLETE, run.log
    assert f"{endpoint} {TOKEN[::-1]}\n[]\n" in run.log
    assert asked == []


def test_a_sitecustomize_that_was_there_still_runs(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    (ours / "sitecustomize.py").write_text(api_access.sitecustomize(URL))
    (theirs / "sitecustomize.py").write_text("print('theirs')")
    code = "import kagglesdk.kaggle_env as k; print(k.get_endpoint(k.KaggleEnv.LOCAL))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ours}:{theirs}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"theirs\n{URL}\n"
