"""`sahel-nb lock log --verify`: was everything that ever happened to one kernel's lock legal, and signed?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused

if TYPE_CHECKING:
    from sahel_nb.lock.git_refs import GitRefs

_SHOWN = 20


def verify(context: Context, name: str, chain: GitRefs, *, as_json: bool) -> None:
    """Replay the whole chain, archives included. Raises `Refused`, with what was found, where something is wrong."""
    from sahel_nb.lock.rules import ADVISORY
    from sahel_nb.lock.signing import Signed
    from sahel_nb.lock.verify import describe, replayed
    from sahel_nb.repo.scratch import RawCommit
    from sahel_nb.repo.signature import is_signed

    tips = chain.history(2**31 - 1)
    rules = chain.rules if isinstance(chain.rules, Signed) else None
    signed = rules is not None
    context.reporter.status(f"checking {len(tips)} records of {name}")
    found = list(replayed(tips, lambda tip: RawCommit(tip.oid, tip.raw).parents, rules))
    context.reporter.status("")
    if as_json:
        rows = [{"id": one.tip.oid, "why": one.why, "by": one.tip.record.by} for one in found]
        answer = {"schema": "sahel-nb.lock-verify/1", "kernel": name, "records": len(tips), "signed": signed}
        click.echo(json.dumps({**answer, "findings": rows}, ensure_ascii=False, indent=2))
    if found:
        more = (f"and {len(found) - _SHOWN} more",) if len(found) > _SHOWN else ()
        raise Refused(
            f"{name}: {len(found)} of what {len(tips)} records say is not as it must be",
            details=(*(f"{one.tip.oid[:9]}  {describe(one.tip.record)}: {one.why}" for one in found[:_SHOWN]), *more),
            hints=(f"sahel-nb lock log {name} --all", "sahel-nb lock doctor"),
        )
    if not as_json:
        plain = sum(not is_signed(tip.raw) for tip in tips)
        before = f", but for {plain} that a lead's reset has let stand" if plain else ""
        who = f"and everyone signed theirs{before}" if signed else f"enforcement is {ADVISORY}"
        click.echo(f"{name}: {len(tips)} records, each follows legally on the one before it; {who}")
