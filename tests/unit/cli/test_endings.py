"""How a command ends: hints that go where the command went, and what a signal counts as."""

from __future__ import annotations

import os
import signal

import pytest

from sahel_nb.cli.hints import is_local, there
from sahel_nb.cli.signals import Ended, as_interrupts


@pytest.mark.parametrize(
    ("hint", "arguments", "expected"),
    [
        ("sahel-nb attach awa/x", ["run", "--local"], "sahel-nb attach awa/x --local"),
        ("sahel-nb attach --local awa/x", ["run", "--local"], "sahel-nb attach --local awa/x"),
        ("sahel-nb debug awa/x@v1", ["rehearse", "x"], "sahel-nb debug awa/x@v1 --local"),
        ("sahel-nb debug awa/x@v1", ["run", "x"], "sahel-nb debug awa/x@v1"),
        ("sahel-nb lint x", ["rehearse", "x"], "sahel-nb lint x"),
        ("git push", ["run", "--local"], "git push"),
        ("sahel-nb run awa/x   # again", ["run", "--local"], "sahel-nb run awa/x --local   # again"),
        ("sahel-nb quota && git push", ["attach", "x", "--local"], "sahel-nb quota --local && git push"),
    ],
)
def test_what_was_asked_of_the_embedded_service_goes_on_there(hint: str, arguments: list[str], expected: str) -> None:
    assert (there(hint) if is_local(arguments) else hint) == expected


def test_sigterm_counts_as_an_interrupt_inside_and_only_there() -> None:
    before = signal.getsignal(signal.SIGTERM)

    @as_interrupts()
    def ended() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    with pytest.raises(Ended) as caught:
        ended()
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_hangup_that_was_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
