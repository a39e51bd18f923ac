"""Every order of events of a few clients, as far as seconds suffice for it; `python -m tests.explore` goes on.

Two clients are explored to the end, three as far as the limit lets them; and each protocol that is wrong in one small
way is found out, or the exploration would prove nothing.
"""

from __future__ import annotations

import pytest

from explore.mutants import (
    ANY,
    AROUND,
    BACK,
    DUO,
    HAND,
    MEMORY,
    MUTANTS,
    PAIR,
    PROMPT,
    REMADE,
    SHORT,
    Mutant,
)
from explore.search import Scenario, Search


@pytest.mark.parametrize("scenario", [DUO, PAIR, SHORT, REMADE], ids=lambda scenario: scenario.name)
def test_two_clients_in_every_order_there_is(scenario: Scenario) -> None:
    report = Search(scenario).run(limit=1_000_000)
    assert (report.violation, report.trace, report.complete) == ("", [], True)
    assert report.states > 50_000


@pytest.mark.parametrize("scenario", [PROMPT, ANY, HAND, MEMORY, BACK, AROUND], ids=lambda scenario: scenario.name)
def test_several_clients_as_far_as_seconds_go(scenario: Scenario) -> None:
    report = Search(scenario).run(limit=50_000)
    assert (report.violation, report.trace) == ("", [])
    assert report.states >= 50_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_protocol_that_is_wrong_is_found_out(mutant: Mutant) -> None:
    report = mutant.search().run(limit=150_000)
    assert report.violation, f"{mutant.name} survives: {mutant.why}"
    assert len(report.trace) > 1
