"""The embedded service plays Kaggle's tricks, and our client is not taken in by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sahel_nb.localkaggle.faults import Fault, Faults
from sahel_nb.localkaggle.tricks import TRICKS
from support import traps
from support.lab import Lab
from support.service import Service

TOKEN = "token-of-the-admin"
LINES = "".join(f"ŋ {n}\n" for n in range(40))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("faults")
    with Service(folder / "service", "--admin", "--admin-token", TOKEN, users=("awa",)) as running:
        yield running


@pytest.fixture(scope="module")
def found(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("client")
    command = [sys.executable, traps.__file__, service.url, service.key("awa"), TOKEN, str(folder)]
    env = service.env("client") | {"http_proxy": "", "HTTP_PROXY": ""}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env, timeout=300)
    assert done.returncode == 0, f"{done.stderr}\n{service.stderr}"
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.mark.parametrize("name", ["429", "500", "503-html"])
def test_a_question_is_asked_again_where_the_service_was_busy(found: dict[str, Any], name: str) -> None:
    assert found[name] == {"first": "COMPLETE", "then": "COMPLETE"}


@pytest.mark.parametrize("name", ["status-empty", "status-unknown"])
def test_a_state_that_was_not_said_is_unknown_and_not_queued(found: dict[str, Any], name: str) -> None:
    assert found[name] == {"first": "UNKNOWN", "then": "COMPLETE"}


@pytest.mark.parametrize("name", ["follow status-lag", "follow status-empty"])
def test_following_waits_for_a_state_that_can_be_believed(found: dict[str, Any], name: str) -> None:
    assert found[name] == "COMPLETE"


def test_a_token_that_may_not_read_sessions_gets_a_refusal_by_name(found: dict[str, Any]) -> None:
    assert found["sessions-403"]["error"] == "NotFound"
    assert "403 Permission 'kernelSessions.get' was denied" in found["sessions-403"]["message"]


def test_every_page_of_outputs_is_read(found: dict[str, Any]) -> None:
    assert found["paging"] == ["0.bin", "1.bin", "2.bin"]


@pytest.mark.parametrize("name", ["download-cut", "download-503", "download-slow"])
def test_a_file_arrives_whole_over_a_bad_line(found: dict[str, Any], name: str) -> None:
    names = ["0.bin", "1.bin", "2.bin"]
    assert found[name] == {"whole": names, "missed": 0, "found": [f"{name}/{file}" for file in names]}


def test_no_name_of_the_services_leads_out_of_the_folder(found: dict[str, Any]) -> None:
    assert found["hostile-names"]["whole"] == ["0.bin", "1.bin", "2.bin"]
    assert found["hostile-names"]["missed"] == 7
    assert len(found["hostile-names"]["found"]) == 3
    assert found["escaped"] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notebook-not-found", "Notebook not found"),
        ("session-cap", "Maximum batch GPU session count of 2 reached."),
        ("quota-spent", "Maximum weekly GPU quota of 30.00 hours reached."),
    ],
)
def test_a_refusal_in_a_200_is_a_failure_that_started_nothing(found: dict[str, Any], name: str, words: str) -> None:
    answer = found[name]["answer"]
    assert (answer["error"], answer["started"], answer["code"], found[name]["made"]) == ("PushRejected", False, 4, 0)
    assert words in answer["message"]


@pytest.mark.parametrize(
    ("name", "made"),
    [("push-503", 0), ("push-429", 0), ("push-no-version", 1), ("push-cut", 1), ("push-500", 1)],
)
def test_an_ambiguous_push_is_never_repeated_by_the_client(found: dict[str, Any], name: str, made: int) -> None:
    """Whether a version was made cannot be told from the answer: it is a network error, and the run settles it."""
    assert (found[name]["answer"]["code"], found[name]["made"]) == (9, made)


def test_dropped_sources_and_another_slug_are_noticed(found: dict[str, Any]) -> None:
    assert found["dropped-sources"]["answer"]["error"] == "PartlyPushed"
    assert found["dropped-sources"]["answer"]["started"] is True
    assert "trap-kernel-2" in found["push-other-slug"]["answer"]
    assert found["machine-substituted"] == "NvidiaTeslaT4"
    assert found["quota-low"] == 360.0


@pytest.mark.parametrize("name", ["sse-cut", "sse-no-charset"])
def test_no_line_of_a_log_is_lost_or_doubled_or_garbled(found: dict[str, Any], name: str) -> None:
    assert found[name] == ["COMPLETE", LINES]


def test_nothing_can_be_armed_without_the_token(service: Service, tmp_path: Path) -> None:
    where = f"{service.url}/admin/fault"
    assert requests.post(where, json={"name": "500"}).status_code == 401
    assert requests.post(where, json={"name": "500"}, headers={"Authorization": "Bearer x"}).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.post(where, json={"name": "no-such-fault"}, headers=headers).status_code == 400
    listed = requests.get(f"{service.url}/admin/faults", headers=headers).json()
    assert (listed["armed"], len(listed["tricks"])) == ([], len(TRICKS))
    with Service(tmp_path / "plain", users=("awa",)) as plain:
        assert requests.post(f"{plain.url}/admin/fault", json={"name": "500"}).status_code == 404


def test_a_fault_strikes_its_own_kernel_as_often_as_it_may() -> None:
    faults = Faults()
    faults.arm(Fault("500", "awa/words", times=2))
    name = frozenset({"500"})
    assert [len(faults.strike(name, "awa/words")) for _ in range(3)] == [1, 1, 0]
    faults.arm(Fault("500", "awa/words", times=0))
    assert faults.strike(name, "binta/words") == ()
    assert faults.strike(frozenset({"429"}), "awa/words") == ()
    assert all(faults.strike(name, "awa/words") for _ in range(5))
    assert [armed.struck for armed in faults.disarm("awa/words")] == [5]
    assert faults.armed() == ()


def test_a_rehearsal_among_faults_ends_as_one_without(tmp_path: Path) -> None:
    with Lab(tmp_path, people=("awa",)) as lab:
        awa = lab.join("awa")
        awa.kernel("trap-lab", ["open('a.txt', 'w').write('ŋ')", "print('ŋana')"])
        names = ("push-cut", "sse-cut", "status-lag", "503-html=1", "download-cut", "stream-403")
        try:
            done = awa.sahel("rehearse", *(word for name in names for word in ("--fault", name)), timeout=120)
            wrong = awa.sahel("rehearse", "--fault", "nonsense")
        finally:
            awa.sahel("local", "stop")
        assert done.code == 0, done
        folder = Path(done.out.strip())
        assert folder.name.endswith("-v1-rehearsal")
        assert (folder / "outputs" / "a.txt").read_text(encoding="utf-8") == "ŋ"
        assert "the fault push-cut struck 1 times" in done.err
        assert wrong.code == 2
        assert "stale-running" in wrong.err
