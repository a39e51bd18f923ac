"""A chain that has grown long begins anew: archived first, as a whole, and then replaced by one record.

Both steps are compare-and-swaps, and between them nothing is lost: whoever dies there has made an archive of a chain
that still is the lock's. The next compaction finds it made, or makes one of the longer chain.
"""

from __future__ import annotations

from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.commands import Compact
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import occupant, undecided


def compact(chain: Chain) -> Tip | None:
    """Let the chain begin anew; its newest record then. None where there is nothing to compact.

    Raises `Refused` while somebody holds the lock or waits for it, and where the remote lets no chain be replaced.
    """
    archived = set()
    for _ in range(ROUNDS):
        tip = chain.tip()
        chain.require_whole()
        if tip is not None and tip.record.archive in archived:
            return tip  # ours had landed, and somebody went on from there before we heard of it
        if tip is None or tip.record.op is Op.COMPACT:
            return None
        if tip.record.state is not State.FREE:
            raise Refused(
                f"{chain.kernel} is compacted only while it is free: {occupant(tip.record)}",
                hints=(f"sahel-nb lock show {chain.kernel}",),
            )
        chain.archive(tip)
        archived.add(tip.oid)
        won = chain.write(tip, Compact(tip.oid))
        if won is not None:
            return won
        now = chain.tip()
        if now is not None and now.oid == tip.oid:
            raise Refused(
                f"{chain.kernel}: the remote lets no chain be replaced, as where force pushes are forbidden",
                details=("nothing is lost: the lock is as it was, and an archive of it was made",),
                hints=(f"sahel-nb lock show {chain.kernel}",),
            )
    raise undecided(chain.kernel, ("the lock's record kept changing",))
