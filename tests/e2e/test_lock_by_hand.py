"""The lock by hand, and the line before it: held for maintenance, waited for, left on Ctrl-C, broken with a reason."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member, finished
from support.service import wait_until


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, shared=("fula-lid",)) as lab:
        yield lab


def queue(member: Member) -> list[str]:
    return [ticket["actor"] for ticket in (member.lock("fula-lid") or {"queue": []})["queue"]]


def test_who_waits_runs_when_maintenance_is_over(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", ["print('ŋ')"])
    binta = lab.join("binta")

    assert awa.sahel("lock", "acquire", "--reason", " ").code == 2
    held = awa.sahel("lock", "acquire", "--reason", "moving the ŋ data")
    assert (held.code, held.out) == (0, f"awa/fula-lid: HELD by Awa <awa@example.org> on {host(awa)}, fence 1\n"), held
    refused = binta.sahel("run")
    assert refused.code == 3, refused
    assert "Awa <awa@example.org> holds it by hand since" in refused.err
    assert "moving the ŋ data" in refused.err
    assert "$ sahel-nb run awa/fula-lid --wait" in refused.err
    assert "$ sahel-nb lock release awa/fula-lid  # if it is yours" in awa.sahel("run").err
    assert binta.sahel("lock", "release").code == 3

    waits = binta.start("run", "--wait", "fula-lid")
    wait_until(lambda: queue(awa) == ["Binta <binta@example.org>"], "Binta's ticket")
    shown = awa.sahel("lock", "show")
    assert "HELD  by hand" in shown.out
    assert "; 1 wait" in shown.out
    assert "waits     Binta <binta@example.org> on" in shown.out
    given = awa.sahel("lock", "release")
    assert (given.code, given.out) == (0, "awa/fula-lid: OFFERED to Binta <binta@example.org>\n"), given
    ran = finished(waits)
    assert ran.code == 0, ran
    assert [entry["op"] for entry in awa.chain("fula-lid")][:3] == ["hold", "enqueue", "release"]
    assert (awa.lock("fula-lid") or {})["outcome"]["actor"] == "Binta <binta@example.org>"
    assert awa.sahel("lock", "release").code == 0


def test_ctrl_c_leaves_the_line_and_a_break_needs_fence_and_reason(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", ["print('ŋ')"])
    binta = lab.join("binta")
    assert awa.sahel("lock", "acquire", "--reason", "away").code == 0
    waits = binta.start("run", "--wait")
    wait_until(lambda: queue(awa) == ["Binta <binta@example.org>"], "Binta's ticket")
    waits.send_signal(signal.SIGINT)
    left = finished(waits)
    assert left.code == 130, left
    assert queue(awa) == []

    assert "awa/fula-lid: no longer in line" in left.err
    vague = binta.sahel("lock", "break", "fula-lid", "--fence", "1")
    assert (vague.code, "$ sahel-nb lock show fula-lid" in vague.err) == (2, True), vague
    wrong = binta.sahel("lock", "break", "--fence", "2", "--reason", "Awa is on leave")
    assert (wrong.code, "fence 1 now, not 2" in wrong.err) == (3, True), wrong
    broken = binta.sahel("lock", "break", "--fence", "1", "--reason", "Awa is on leave")
    assert (broken.code, broken.out) == (0, "awa/fula-lid: FREE\n"), broken
    assert "was broken by Binta <binta@example.org>" in binta.sahel("lock", "log").out
    again = binta.sahel("lock", "break", "--fence", "1", "--reason", "Awa is on leave")
    assert (again.code, "nothing to break" in again.err) == (3, True), again
    assert lab.versions("fula-lid") == 0


def host(member: Member) -> str:
    return str((member.lock("fula-lid") or {})["host"])
