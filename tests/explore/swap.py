"""One compare-and-swap of one client: won, lost, or with an answer that is lost, late, or about nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sahel_nb.lock.commands import Command
from sahel_nb.lock.record import Op

from .chain import Chain
from .events import land
from .invariants import check_write
from .world import Local, Shared

Move = tuple[Local, Shared]
_AGAIN = {"left": "leaving", "reported": "pushed", "broken": "break", "compacted": "compact"}


class Swapper:
    """The part of a client's program that writes."""

    def __init__(self, chain: Chain, *, prompt: bool) -> None:
        self.chain = chain
        self.prompt = prompt

    def _try(self, local: Local, shared: Shared, command: Command, then: str) -> Move:
        new = self.chain.after(shared.tip, command)
        keeps = then in ("queued", "done")
        seen, ticks = (local.seen, local.ticks) if keeps else (None, 0)
        return local._replace(at="swap", view=shared.tip, new=new, then=then, seen=seen, ticks=ticks), shared

    def _at_swap(self, local: Local, shared: Shared) -> Iterator[Move]:
        won = shared.tip == local.view
        applied = self._written(local, shared) if won else shared
        answered = self._answered(local, won=won)
        yield self.remember(answered, applied) if won else answered, applied
        if shared.left.faults:
            left = shared.left._replace(faults=shared.left.faults - 1)
            unsure = self.unsure(local)
            yield unsure, applied._replace(left=left)
            if won:
                yield unsure, shared._replace(left=left)
                if shared.late is None:
                    yield unsure, shared._replace(left=left, late=(local.view, local.new))

    def unsure(self, local: Local) -> Local:
        return local._replace(at="unsure")

    def _at_unsure(self, local: Local, shared: Shared) -> Iterator[Move]:
        """Read back, and push the very same commit again where it is not there."""
        if shared.tip == local.new:
            yield self._answered(local, won=True), shared
        elif shared.tip == local.view:
            yield local._replace(at="swap"), shared
        else:
            yield self._answered(local, won=False), shared

    def remember(self, local: Local, shared: Shared) -> Local:
        """The clone has seen where the ref is: it remembers that, where it follows on what it remembered before."""
        if not shared.path or (local.known and local.known not in shared.path):
            return local
        return local._replace(known=shared.tip)

    def _written(self, local: Local, shared: Shared) -> Shared:
        before, after = self.chain.records[shared.tip], self.chain.records[local.new]
        assert after is not None
        if after.op is Op.BREAK and any("by force" in text for text in after.alarms):
            busy = {n for n in range(1, after.last_done + 1) if shared.versions[n - 1].runs}
            shared = shared._replace(forced=shared.forced | busy)
        check_write(before, after, local, shared, prompt=self.prompt)
        return land(self.chain, shared, local.new)

    def _answered(self, local: Local, *, won: bool) -> Local:
        idle = local.idle()
        then, after = local.then, local._replace(then="", view=0, new=0)
        if then == "granted":
            return after._replace(at=self._held(local)) if won else after._replace(at="plan", ticks=0)
        if then == "queued":
            return after._replace(at="plan", queued=won)
        if then == "again":
            return after._replace(at="plan", ticks=0)
        if then == "started":
            return after._replace(at="running" if won else "pushed", ticks=0)
        if won:
            return idle
        if then == "done":
            return after._replace(at="running" if local.version else self._held(local))
        return after._replace(at=_AGAIN[then])

    def _held(self, local: Local) -> str:
        return "holding" if local.by_hand else "armed"
