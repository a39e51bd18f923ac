"""The judge of recorded histories: right about every small one, and believed by nobody else's word."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from support.linearizable import BEFORE_ALL, Read, Swap, unacknowledged, why_not

AWA = Swap("Awa", 0, 2, BEFORE_ALL, "a", "won")
BOB = Swap("Bob", 3, 5, "a", "b", "won")


def test_what_happened_one_after_the_other_is_fine() -> None:
    history = [AWA, Read("Cem", 1, 4, "a"), BOB, Read("Cem", 4, 6, "b"), Swap("Dia", 4, 7, "a", "d", "lost")]
    assert why_not(["a", "b"], history) == []
    assert unacknowledged(["a", "b"], history) == []


def test_what_was_acknowledged_and_is_gone() -> None:
    assert unacknowledged(["a"], [AWA, BOB]) == ["b"]
    assert why_not(["a"], [AWA, BOB]) == ["Bob was told of b, which is not on the chain"]


def test_a_read_of_what_was_over_before_it_was_asked() -> None:
    (why,) = why_not(["a", "b"], [AWA, BOB, Read("Cem", 6, 7, "a")])
    assert why == "b was there by 5.000000, and could not be before 6.000000"


def test_a_read_of_what_nobody_had_asked_for_yet() -> None:
    (why,) = why_not(["a", "b"], [AWA, BOB, Read("Cem", 1, 2, "b")])
    assert why.startswith("b was there by 2")


def test_the_chains_order_against_that_of_the_clock() -> None:
    late = replace(AWA, asked=10, answered=12)
    assert why_not(["a", "b"], [late, BOB])[0] == "a was there by 5.000000, and could not be before 10.000000"


def test_what_has_no_author_no_father_or_no_reason() -> None:
    assert why_not(["a", "x"], [AWA]) == ["nobody asked for x"]
    assert "follows on something else" in why_not(["a", "b"], [AWA, replace(BOB, old=BEFORE_ALL)])[0]
    assert why_not(["a"], [AWA, Read("Cem", 3, 4, "y")]) == ["Cem read y, which was never there"]
    lost = Swap("Cem", 6, 7, "b", "c", "lost")
    assert why_not(["a", "b"], [AWA, BOB, lost]) == ["Cem lost against b, which was what they said"]
    assert why_not(["a", "b"], [AWA, BOB, replace(lost, asked=4)]) == []
    assert why_not(["a"], [replace(AWA, answer="busy")]) == ["nobody asked for a"]


def test_what_was_never_answered_may_have_happened_at_any_time_since() -> None:
    unanswered = replace(BOB, answered=float("inf"), answer="")
    assert why_not(["a", "b"], [AWA, unanswered, Read("Cem", 90, 91, "a"), Read("Cem", 92, 93, "b")]) == []
    assert why_not(["a"], [AWA, unanswered]) == []
    assert len(why_not(["a", "b"], [AWA, unanswered, Read("Cem", 90, 91, "b"), Read("Cem", 92, 93, "a")])) == 1


_when = st.integers(0, 9)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], list[Read | Swap]]:
    """Up to three writes that follow on each other, and reads: of anything, at any time."""
    chain = list("abc")[: draw(st.integers(1, 3))]
    found: list[Read | Swap] = []
    for old, new in zip([BEFORE_ALL, *chain], chain, strict=False):
        begin, end = sorted((draw(_when), draw(_when)))
        found.append(Swap("Awa", begin, end, old, new, "won"))
    for _ in range(draw(st.integers(0, 3))):
        begin, end = sorted((draw(_when), draw(_when)))
        found.append(Read("Bob", begin, end, draw(st.sampled_from([BEFORE_ALL, *chain]))))
    return chain, found


def by_trying(chain: list[str], history: list[Read | Swap]) -> bool:
    """Whether some order of everything keeps to the clock, and is what a register does."""
    for order in permutations(history):
        value = BEFORE_ALL
        if any(b.answered < a.asked for n, a in enumerate(order) for b in order[n + 1 :]):
            continue
        for op in order:
            if (op.old if isinstance(op, Swap) else op.value) != value:
                break
            value = op.new if isinstance(op, Swap) else value
        else:
            if value == chain[-1]:
                return True
    return False


@given(histories())
def test_the_judge_is_right_about_every_small_history(case: tuple[list[str], list[Read | Swap]]) -> None:
    chain, history = case
    assert (why_not(chain, history) == []) == by_trying(chain, history), why_not(chain, history)
