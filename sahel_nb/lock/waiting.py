"""Waiting for a lock in a fair order: a ticket in the record, and a look at it now and then.

Who waits also does what nobody else may be left to do: a grant that has expired is ended, and an offer that its owner
does not take is passed on. Nobody who waits needs the others to be alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sahel_nb.errors import NetworkError, Refused, SahelError
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Enqueue, Leave
from sahel_nb.lock.expiry import Observation
from sahel_nb.lock.grants import Held, Intent
from sahel_nb.lock.record import Record, State, Ticket, clean
from sahel_nb.lock.recovery import Undertaker
from sahel_nb.lock.refusals import KaggleBusy, Locked, occupant
from sahel_nb.lock.survey import Survey
from sahel_nb.lock.taking import Taker
from sahel_nb.lock.transition import QUEUE_LIMIT
from sahel_nb.report.events import Level, Reporter

_READ_FAILURES = 20


@dataclass(frozen=True)
class Poll:
    """Seconds between two looks: `first`, then longer and longer up to `most` while nothing moves."""

    first: float = 5.0
    most: float = 60.0


class Waiter:
    """Takes the lock when its turn has come. `ttl` is how long an intent, `offer_ttl` how long an offer may stand."""

    def __init__(
        self,
        chain: Chain,
        survey: Survey,
        taker: Taker,
        undertaker: Undertaker,
        clock: Clock,
        reporter: Reporter,
        *,
        ttl: float,
        offer_ttl: float,
        poll: Poll,
    ) -> None:
        self._chain = chain
        self._survey = survey
        self._taker = taker
        self._undertaker = undertaker
        self._clock = clock
        self._reporter = reporter
        self._poll = poll
        self._armed = Observation(ttl, patience=2 * poll.most + 30)
        self._offered = Observation(offer_ttl, patience=2 * poll.most + 30)
        self._asked = self._queued = False

    def wait(self, intent: Intent, patience: float, *, by_hand: bool = False) -> Held:
        """See `LockClient.acquire_in_turn`."""
        deadline = self._clock.boottime() + patience
        pause, before = self._poll.first, None
        failures = 0
        try:
            while True:
                try:
                    held = self._taker.take(intent, by_hand=by_hand, patient=self._queued)
                except (Locked, KaggleBusy) as exc:
                    refusal: SahelError = exc
                    failures = 0
                except NetworkError as exc:
                    refusal = exc
                    failures += 1
                    if failures > _READ_FAILURES:
                        raise
                else:
                    self._reporter.status("")
                    return held
                if self._clock.boottime() >= deadline:
                    raise refusal  # noqa: TRY301  the way out is the same as for Ctrl-C: the place is given back
                tip = self._chain.recall()
                if not failures:
                    try:
                        tip = self._stand_in_line(tip, intent)
                        if tip is not None and self._end_the_dead(tip, intent):
                            continue
                    except NetworkError as exc:
                        refusal, failures = exc, 1  # the next look tells how far it came
                self._show(tip, intent, refusal)
                moved = tip is None or tip.oid != before
                before = tip.oid if tip else None
                pause = self._poll.first if moved else min(pause * 1.5, self._poll.most)
                self._sleep(self._capped(pause, tip, intent), deadline)
        except BaseException:
            self._leave(intent)
            raise

    # -- the ticket

    def _stand_in_line(self, tip: Tip | None, intent: Intent) -> Tip | None:
        """Put our ticket into the queue, unless it is there; returns the record in which it is."""
        nonce = clean(intent.nonce)
        for _ in range(ROUNDS):
            # A kernel that was never locked has no record to stand in: its first lock goes to the quickest.
            if tip is None or tip.record.place(nonce) is not None or tip.record.stamp == nonce:
                return tip
            if len(tip.record.queue) >= QUEUE_LIMIT:
                raise Refused(
                    f"{self._chain.kernel}: {QUEUE_LIMIT} wait already",
                    hints=(f"sahel-nb lock show {tip.record.kernel}",),
                )
            if self._queued:
                self._say("our turn had passed; was this machine asleep? Waiting again, behind the others", Level.WARN)
            ticket = Ticket(clean(intent.run_id), clean(intent.actor), clean(intent.host), self._chain.now(), nonce)
            self._asked = True
            won = self._chain.write(tip, Enqueue(self._chain.kernel, ticket))
            if won is not None:
                self._queued = True
                return won
            self._chain.pause(0.02, 0.3)
            tip = self._chain.tip()
        return tip

    def _leave(self, intent: Intent) -> None:
        """Nobody waits with our ticket any more; if that cannot be written, our turn passes by itself."""
        if not self._asked:
            return
        self._reporter.status("")
        try:
            tip = self._chain.recall()
            if tip is None or tip.record.place(clean(intent.nonce)) is None:
                tip = self._chain.tip()  # the answer to our ticket may not have reached us
            for _ in range(ROUNDS):
                if tip is None or tip.record.place(clean(intent.nonce)) is None:
                    return
                if self._chain.write(tip, Leave(clean(intent.nonce))):
                    self._say("no longer in line")
                    return
                tip = self._chain.tip()
        except SahelError as exc:
            self._say(f"the place in the queue could not be given back ({exc.message}); it passes by itself")

    # -- what others left behind

    def _end_the_dead(self, tip: Tip, intent: Intent) -> bool:
        """True where the chain was moved, and is to be looked at again."""
        record, now = tip.record, self._clock.boottime()
        if record.state is State.ARMED:
            expired = self._armed.see(record.observed, now)
            return expired and self._may(lambda: self._undertaker.settle_intent(tip, expired=True))
        if record.state is not State.OFFERED or record.offered_to(clean(intent.nonce)):
            return False
        if self._survey.busy(self._survey.look(record)):
            # Somebody runs it outside the lock: whoever has the turn cannot take it either.
            self._offered.restart()
            return False
        if not self._offered.see(record.observed, now):
            return False
        return self._may(lambda: self._undertaker.pass_on(tip, f"no sign of them for {self._offered.ttl:g} s"))

    def _may(self, end: Callable[[], object]) -> bool:
        """Whether `end` was done, or tried: a server may have rules of its own on who ends what, and when."""
        try:
            end()
        except Refused as exc:
            self._say(exc.message)
            self._armed.restart()
            self._offered.restart()
            return False
        return True

    # -- time

    def _capped(self, pause: float, tip: Tip | None, intent: Intent) -> float:
        """Look often enough to take one's turn, and to see an expiry soon after it."""
        if tip is None:
            return pause
        if tip.record.place(clean(intent.nonce)) == 0:
            pause = min(pause, 4 * self._poll.first)
        watched = {State.ARMED: self._armed, State.OFFERED: self._offered}.get(tip.record.state)
        return min(pause, max(watched.remaining, self._poll.first / 5)) if watched else pause

    def _sleep(self, pause: float, deadline: float) -> None:
        # Jitter, so that several who wait do not ask in step.
        left = deadline - self._clock.boottime()
        self._clock.sleep(max(0.0, min(left, pause * self._clock.between(0.8, 1.2))))

    # -- words

    def _show(self, tip: Tip | None, intent: Intent, refusal: SahelError) -> None:
        what = refusal.message
        if tip is not None and not isinstance(refusal, NetworkError):
            what = place_in_words(tip.record, clean(intent.nonce)) or what
            if isinstance(refusal, KaggleBusy):
                what += f"; {refusal.message}"
        self._reporter.status(f"waiting for {self._chain.kernel}: {what}")

    def _say(self, text: str, level: Level = Level.INFO) -> None:
        self._reporter.say(f"{self._chain.kernel}: {text}", level)


def place_in_words(record: Record, nonce: str) -> str:
    """`place 3 of 3, behind Bob and Cem; Awa runs it since … on …`; empty where the ticket is not in the queue."""
    place = record.place(nonce)
    if place is None:
        return ""
    if record.offered_to(nonce):
        return "it is our turn"
    ahead = [ticket.actor.partition(" <")[0] for ticket in record.queue[:place]]
    behind = (
        f", behind {', '.join(ahead[-3:])}" + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "") if ahead else ""
    )
    return f"place {place + 1} of {len(record.queue)}{behind}; {occupant(record)}"
