"""Killed with -9 at any point and started again, the service knows everything that it has acknowledged."""

from __future__ import annotations

import resource
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.service import BIN, Service, wait_until

SLOW = "import time; open('part.txt', 'w').write('ŋ'); print('ɓ', flush=True); time.sleep(300)"


@pytest.fixture
def service(tmp_path: Path) -> Any:
    with Service(tmp_path, "--workers", "1") as running:
        yield running


def push(service: Service, slug: str, text: str) -> int:
    fields = {"slug": f"awa/{slug}", "text": text, "language": "python", "kernelType": "script"}
    code, answer = service.api("awa", "SaveKernel", fields)
    assert (code, answer["error"]) == (200, "")
    return int(answer["versionNumber"])


def status(service: Service, slug: str) -> tuple[str, str]:
    answer = service.api("awa", "GetKernelSessionStatus", {"userName": "awa", "kernelSlug": slug})[1]
    return answer["status"], answer["failureMessage"] or ""


def output(service: Service, slug: str) -> Any:
    return service.api("awa", "ListKernelSessionOutput", {"userName": "awa", "kernelSlug": slug})[1]


def logged(service: Service, slug: str) -> bool:
    runs = service.data / "runs"
    return any("ɓ" in path.read_text("utf-8") for path in runs.glob("*/log.jsonl"))


def test_after_a_kill_finished_runs_are_as_they_were_and_others_say_why_they_ended(service: Service) -> None:
    push(service, "finished-kernel", "print('ŋana'); open('out.txt', 'w').write('ɗ')")
    assert service.wait("awa", "awa/finished-kernel") == "COMPLETE"
    before = output(service, "finished-kernel")
    push(service, "running-kernel", SLOW)
    push(service, "waiting-kernel", "print(1)")
    wait_until(lambda: logged(service, "running-kernel"), "the run to have begun")
    children = psutil.Process(service.pid).children(recursive=True)
    assert children
    service.kill()
    wait_until(lambda: not any(child.is_running() for child in children), "the run to die with the service")
    service.restart()

    state, failure = status(service, "running-kernel")
    assert state == "ERROR"
    assert "stopped while this version was running" in failure
    assert status(service, "waiting-kernel") == ("ERROR", "The service was stopped before this version started.")
    assert [file["fileName"] for file in output(service, "running-kernel")["files"]] == ["part.txt"]
    assert "ɓ" in output(service, "running-kernel")["log"]
    assert status(service, "finished-kernel") == ("COMPLETE", "")
    after = output(service, "finished-kernel")
    assert after["log"] == before["log"]
    import requests

    # Also by the URL that was handed out before the kill.
    assert requests.get(before["files"][0]["url"]).content.decode() == "ɗ"
    assert push(service, "running-kernel", "print(2)") == 2


def test_every_acknowledged_push_survives_a_kill_in_the_midst_of_pushes(service: Service) -> None:
    acknowledged: list[str] = []

    def pushes() -> None:
        for number in range(1000):
            try:
                code, answer = service.api(
                    "awa",
                    "SaveKernel",
                    {
                        "slug": f"awa/kernel-{number}",
                        "text": "print(1)",
                        "language": "python",
                        "kernelType": "script",
                        "kernelExecutionType": "QUICK_SAVE",
                    },
                )
            except OSError:  # the service died with the answer still to come: nothing was acknowledged
                return
            assert (code, answer["versionNumber"]) == (200, 1)
            acknowledged.append(answer["ref"])

    pusher = threading.Thread(target=pushes)
    pusher.start()
    wait_until(lambda: len(acknowledged) >= 20, "some pushes")
    service.kill()
    pusher.join(timeout=60)
    service.restart()
    listed = service.api("awa", "ListKernels", {"group": "PROFILE", "pageSize": 200})[1]
    known = {kernel["ref"] for kernel in listed["kernels"]}
    assert set(acknowledged) <= known
    assert len(known) <= len(acknowledged) + 1


def test_sigterm_ends_the_runs_says_so_and_exits_0(service: Service) -> None:
    push(service, "running-kernel", SLOW)
    wait_until(lambda: logged(service, "running-kernel"), "the run to have begun")
    children = psutil.Process(service.pid).children(recursive=True)
    assert service.stop() == 0
    assert not any(child.is_running() for child in children)
    service.restart()
    assert status(service, "running-kernel") == ("ERROR", "The service was stopped while this version was running.")
    assert [file["fileName"] for file in output(service, "running-kernel")["files"]] == ["part.txt"]
    assert "Traceback" not in service.stderr


def test_a_full_disk_is_told_and_nothing_is_lost_or_stuck(service: Service) -> None:
    """As if the disk were full: the service cannot write a byte more. What ends meanwhile is recorded afterwards."""
    push(service, "going-kernel", "import time; print('ɓ', flush=True); time.sleep(1)")
    wait_until(lambda: logged(service, "going-kernel"), "the run to have begun")
    before = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    fields = {"slug": "awa/refused-kernel", "text": "1", "language": "python", "kernelType": "script"}
    upload = {"name": "a.txt", "contentLength": 1}
    for method, values, where in (("SaveKernel", fields, ""), ("StartBlobUpload", upload, "blobs.BlobApiService")):
        code, answer = service.api("awa", method, values, where)
        assert (code, "disk" in answer["message"]) == (507, True), answer
    wait_until(lambda: not psutil.Process(service.pid).children(), "the run to end")
    assert status(service, "going-kernel") == ("RUNNING", "")
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, before)
    assert service.wait("awa", "awa/going-kernel") == "COMPLETE"
    assert push(service, "refused-kernel", "print(1)") == 1
    assert service.wait("awa", "awa/refused-kernel") == "COMPLETE"


def test_a_start_clears_what_nobody_names_and_mends_a_damaged_secret(service: Service) -> None:
    """An empty secret would let anybody sign."""
    service.stop()
    for name in ("z999.zip", "o999.zip", ".z1.zip.partial"):
        (service.data / "archives" / name).write_bytes(b"x")
    (service.data / "secret").write_bytes(b"")
    service.restart()
    assert list((service.data / "archives").iterdir()) == []
    assert len((service.data / "secret").read_bytes()) == 32


def test_one_service_for_a_data_folder(service: Service) -> None:
    second = subprocess.run(
        [str(BIN / "sahel-nb"), "local", "serve", "--data", str(service.data)],
        env=service.env("awa"),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert second.returncode == 3
    assert second.stdout == ""
    assert f"process {service.pid} at {service.url}" in second.stderr


def test_another_address_than_loopback_needs_the_flag(service: Service, tmp_path: Path) -> None:
    command = [str(BIN / "sahel-nb"), "local", "serve", "--data", str(tmp_path / "other"), "--host", "0.0.0.0"]
    refused = subprocess.run(command, env=service.env("awa"), capture_output=True, encoding="utf-8", timeout=60)
    assert refused.returncode == 2
    assert "--allow-remote" in refused.stderr
    assert not (tmp_path / "other").exists()
