"""Sessions at once, hours a week, places to run: refused in Kaggle's words, counted in real time."""

from __future__ import annotations

from typing import Any

import requests

from support.service import Service, service_fixture

service = service_fixture(
    "--admin", "--workers", "1", "--cpu-sessions", "2", "--gpu-sessions", "1", "--gpu-hours", "0.0001"
)


def push(service: Service, user: str, slug: str, text: str, **fields: Any) -> Any:
    base = {"slug": f"{user}/{slug}", "text": text, "language": "python", "kernelType": "script"}
    code, answer = service.api(user, "SaveKernel", {**base, **fields})
    assert code == 200, answer
    return answer


def cancel_all(service: Service) -> None:
    for kernel in requests.get(f"{service.url}/admin/state", auth=service.owner).json()["kernels"]:
        for version in kernel["versions"]:
            requests.post(f"{service.url}/admin/cancel", auth=service.owner, json={"session": version["session"]})


def test_the_cap_makes_no_version_and_counts_each_account_for_itself(service: Service) -> None:
    wait = "import time; time.sleep(60)"
    assert push(service, "awa", "first-kernel", wait)["versionNumber"] == 1
    assert service.wait("awa", "awa/first-kernel", until=("RUNNING",)) == "RUNNING"
    assert push(service, "awa", "second-kernel", wait)["versionNumber"] == 1
    refused = push(service, "awa", "first-kernel", wait)
    assert refused["error"] == "Maximum batch CPU session count of 2 reached."
    assert "versionNumber" not in refused
    found = service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": "first-kernel"})[1]
    assert found["metadata"]["currentVersionNumber"] == 1
    assert push(service, "awa", "never-made", wait)["error"]
    assert service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": "never-made"})[0] == 403

    assert push(service, "binta", "third-kernel", "print(1)")["error"] == ""
    # One worker: what is below the cap and beyond this machine waits.
    assert service.wait("binta", "binta/third-kernel", until=("QUEUED",)) == "QUEUED"
    cancel_all(service)
    for ref in ("awa/first-kernel", "awa/second-kernel", "binta/third-kernel"):
        assert service.wait(ref.split("/")[0], ref) == "CANCEL_ACKNOWLEDGED"


def test_gpu_hours_are_spent_by_running(service: Service) -> None:
    fields = {"machineShape": "NvidiaTeslaP100"}
    assert push(service, "awa", "gpu-kernel", "import time; time.sleep(0.5)", **fields)["error"] == ""
    assert "Maximum batch GPU session count of 1 reached." in push(service, "awa", "gpu-kernel", "1", **fields)["error"]
    assert service.wait("awa", "awa/gpu-kernel") == "COMPLETE"
    metadata = service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": "gpu-kernel"})[1]["metadata"]
    assert metadata["machineShape"] == "NvidiaTeslaT4"  # the retired machine is silently replaced
    refused = push(service, "awa", "gpu-kernel", "print(1)", enableGpu=True)
    assert refused["error"] == "Maximum weekly GPU quota of 0.00 hours reached."
    quota = service.api("awa", "GetAcceleratorQuotaStatistics")[1]
    assert float(quota["gpuQuota"]["timeUsed"].rstrip("s")) >= 0.5
    assert push(service, "binta", "gpu-kernel", "print(1)", enableGpu=True)["error"] == ""


def test_a_run_ends_at_its_time_limit(service: Service) -> None:
    push(service, "binta", "endless-kernel", "import time; time.sleep(60)", sessionTimeoutSeconds=1)
    assert service.wait("binta", "binta/endless-kernel") in ("ERROR", "CANCEL_ACKNOWLEDGED")
