"""The remote with the locks goes away while a run is on: the run is whole, and what is still held is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member, finished

CELLS = [
    "import time\nprint('begun', flush=True)\ntime.sleep(2)",
    "open('result.txt', 'w', encoding='utf-8').write('ɲ')",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("away"), shared=("whole", "broken")) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Member:
    return lab.join("awa")


def away_before_the_end(lab: Lab, awa: Member, slug: str) -> tuple[int, str, str]:
    """A run of `slug` from whose middle on there is no remote; its exit code, stdout and stderr."""
    running = awa.start("run", slug)
    assert running.stderr is not None
    before = ""
    for line in running.stderr:
        before += line
        if "begun" in line:
            break
    elsewhere = lab.origin.path.with_name("elsewhere.git")
    lab.origin.path.rename(elsewhere)
    try:
        done = finished(running)
    finally:
        elsewhere.rename(lab.origin.path)
    return done.code, done.out, before + done.err


def test_a_run_that_succeeded_and_still_holds_its_lock_says_so_by_its_exit_code(lab: Lab, awa: Member) -> None:
    awa.kernel("whole", CELLS)

    code, out, err = away_before_the_end(lab, awa, "whole")

    assert code == 9, err
    folder = Path(out.strip())
    assert (folder / "outputs/result.txt").read_bytes() == "ɲ".encode()
    for text in (
        "awa/whole v1 is complete, but its lock is still held: the remote with the locks was not reached",
        str(folder),
        "The run itself succeeded",
        "$ sahel-nb attach awa/whole",
        "$ sahel-nb lock doctor",
    ):
        assert text in err, (text, err)
    assert (awa.lock("whole") or {})["state"] == "RUNNING"

    again = awa.sahel("attach", "whole")

    assert again.code == 0, again
    assert Path(again.out.strip()) == folder, "nothing is fetched a second time"
    lock = awa.lock("whole") or {}
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (lock["state"], lock["outcome"]["outputs_digest"]) == ("FREE", record["outputs_sha256"])


def test_a_run_that_failed_has_failed_whatever_became_of_its_lock(lab: Lab, awa: Member) -> None:
    awa.kernel("broken", [CELLS[0], "raise ValueError('ŋ')"])

    code, _, err = away_before_the_end(lab, awa, "broken")

    assert code == 5, err
    assert "the lock could not be released" in err
    assert "$ sahel-nb attach awa/broken" in err
    assert awa.sahel("attach", "broken").code == 5
    assert (awa.lock("broken") or {})["state"] == "FREE"
