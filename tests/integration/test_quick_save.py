"""A version that was saved in the web page and never run: named as such, and no reason to wait once another has run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member


@pytest.fixture
def awa(tmp_path: Path) -> Iterator[Member]:
    with Lab(tmp_path, people=("awa",)) as lab:
        yield lab.join("awa")


def save(awa: Member, slug: str, **how: str) -> None:
    service = awa.lab.service
    notebook = json.loads(service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": slug})[1]["blob"]["source"])
    notebook["cells"][0]["source"] = "print('ɲ')"
    base = {"slug": f"awa/{slug}", "text": json.dumps(notebook), "language": "python", "kernelType": "notebook"}
    assert service.api("awa", "SaveKernel", {**base, **how})[0] == 200


def test_what_was_only_saved_is_told_from_what_runs_and_blocks_nobody_for_ever(awa: Member) -> None:
    where = awa.kernel("quick-lab", ["print('ŋ')"])
    assert awa.sahel("run", where).code == 0
    save(awa, "quick-lab", kernelExecutionType="QUICK_SAVE")
    refused = awa.sahel("run", where)
    assert refused.code == 3, refused
    assert "v2 was saved in the web page, and not run" in refused.err
    assert "$ sahel-nb drift awa/quick-lab" in refused.err
    stop = awa.sahel("stop", where)
    assert (stop.code, stop.out) == (0, ""), stop
    assert "v2 of awa/quick-lab was saved and not run: there is nothing of it to end" in stop.err

    save(awa, "quick-lab")
    deadline = time.monotonic() + 60
    while "v3 complete" not in awa.sahel("status", where).out and time.monotonic() < deadline:
        time.sleep(0.2)
    ran = awa.sahel("run", where)
    assert ran.code == 0, ran
    assert "warn  idle         v3 has ended, and was not run from git: an edit in the web page?" in ran.err
    assert "awa/quick-lab v4: complete" in ran.err
