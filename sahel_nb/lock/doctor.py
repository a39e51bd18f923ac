"""Everything that must be right with the place where the locks are, each row with the command that mends it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sahel_nb.config import FILE_NAME as SETTINGS
from sahel_nb.config import Enforcement, LockConfig
from sahel_nb.errors import NetworkError, Refused, SahelError
from sahel_nb.links import edit, typed
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.home import Home
from sahel_nb.lock.listing import list_locks
from sahel_nb.lock.names import ARCHIVE, kernel_of, lock_of_archive, remote_id
from sahel_nb.lock.probe import BRANCHES, FIX, is_probe, probe, who_judges
from sahel_nb.lock.replay import IDENTITIES
from sahel_nb.lock.rules import ADVISORY
from sahel_nb.lock.signers import FILE
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.server_locks import stale_locks
from sahel_nb.report.events import Check, Verdict

OWN = "refs/sahel"
_SHORT = ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")
_KNOWN = frozenset((LockConfig().prefix, BRANCHES))
"""Between these `--fix` moves the locks. Any other place is a choice: the team's, or that of whoever planted a ref."""
_PAUSE = 0.3
_MOST_NAMED = 20
"""Records that nobody understands, of which each is named: who may push can make any number of them."""
_LOCK_FILE = re.compile(r"Unable to create '(.+\.lock)': File exists")


@dataclass(frozen=True)
class Examined:
    """The rows, and the prefix that the team should commit, where another one is needed."""

    rows: list[Check]
    prefix: str | None = None


def examine(
    home: Home,
    clock: Clock,
    *,
    remotes: Sequence[tuple[str, str]] = (),
    committed: tuple[str, str] | None = None,
) -> Examined:
    """All rows. `remotes` are the clone's own, name and URL; `committed` is what HEAD says of remote and prefix.

    Raises `NetworkError`, with the command to try again, when the remote is not reached.
    """
    refs = home.refs
    rows = [Check("remote", Verdict.OK, f"{refs.remote}, known as {home.remote_id}")]
    if home.label:
        rows = [Check("remote", Verdict.WARNING, home.label, "git remote add origin URL")]
    try:
        shown = refs.advertised("refs")
    except NetworkError as exc:
        hints = (f"git ls-remote {shlex.quote(refs.remote)}", "sahel-nb lock doctor")
        raise NetworkError("the remote with the locks was not reached", details=exc.details, hints=hints) from exc
    rows += probe(refs, home.prefix)
    rows += [
        _guarded("lock files", lambda: lock_files(home, clock)),
        _guarded("records", lambda: _records(home)),
        _left_probes(refs, home.prefix, shown),
        _names(home, shown),
        _prefix(home, shown, committed),
        _fork(home, remotes),
        _guarded("enforcement", lambda: _enforcement(home)),
        Check("clock", Verdict.OK, "no decision rests on one: grants are counted, and waits go by the uptime"),
    ]
    return Examined(rows, _wanted(home, shown, rows))


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (SahelError, OSError) as exc:
        return Check(name, Verdict.UNKNOWN, f"could not be looked at: {exc}", "sahel-nb lock doctor")


def _wanted(home: Home, shown: dict[str, str], rows: Sequence[Check]) -> str | None:
    """The prefix for `--fix` to write: where the locks are already, else where they can be.

    One that we know, and where the locks are believed: a ref that somebody planted moves nobody's locks.
    """
    elsewhere = _elsewhere(home, shown)
    if elsewhere:
        return elsewhere[0] if _may_move(home, shown, elsewhere) else None
    refused = any(row.name == "create" and row.mend == FIX for row in rows)
    return BRANCHES if refused else None


def _may_move(home: Home, shown: dict[str, str], elsewhere: list[str]) -> bool:
    """Whether the one other place that has locks is surely the team's."""
    if len(elsewhere) != 1 or not {home.prefix, *elsewhere} <= _KNOWN or _held(home, shown):
        return False
    there = replace(home, prefix=elsewhere[0])
    locks = list_locks(there.refs, there.prefix, there.rules)
    return bool(locks) and all(lock.record is not None for lock in locks)


def lock_files(home: Home, clock: Clock) -> Check:
    """What a killed process left on the server, looked for where the remote is a path. Elsewhere only a push could run
    into it, and this doctor touches no lock: whoever's push does is told the file by its error."""
    name, folder = "lock files", home.refs.folder
    if folder is None:
        return Check(name, Verdict.SKIPPED, "only the server sees them: a command that runs into one names it")
    stale = tuple(map(str, stale_locks(folder, home.prefix, lambda: clock.sleep(_PAUSE))))
    if not stale:
        return Check(name, Verdict.OK, "none on the server")
    found = f"a killed git process left {', '.join(stale)}: nobody can move the lock"
    return Check(name, Verdict.FAILED, found, f"rm {shlex.join(stale)}")


def _enforcement(home: Home) -> Check:
    """Who refuses a record that may not be there."""
    name = "enforcement"
    if home.label or home.config.enforce is Enforcement.OFF:
        return Check(name, Verdict.SKIPPED, ADVISORY)
    if home.config.enforce is Enforcement.SERVER:
        return who_judges(home.refs, home.prefix, IDENTITIES)
    branch = home.config.signers
    try:
        newest = home.signers.newest()
    except Refused as exc:
        mend = f"git push {shlex.quote(home.refs.remote)} BRANCH:{branch}  # with the file {FILE}"
        return Check(name, Verdict.FAILED, exc.message, mend)
    people, leads = newest.count, ", ".join(newest.leads) or "everybody who counts"
    said = f"{people} key{'s' * (people != 1)} count; leads: {leads}; is {branch} protected?"
    try:
        who = home.own_signature()
    except Refused as exc:
        mend = "git config user.signingkey"
        return Check(
            name,
            Verdict.FAILED,
            f"signed, and your key does not count: {exc.message.rpartition('believed: ')[2]}",
            mend,
        )
    return Check(name, Verdict.OK, f"signed, your key counts as {who}; {said}")


def _left_probes(refs: RemoteRefs, prefix: str, shown: dict[str, str]) -> Check:
    left = [ref for ref in shown if is_probe(prefix, ref)]
    if not left:
        return Check("probes", Verdict.OK, "no other doctor left one behind")
    mend = shlex.join(("git", "push", refs.remote, *(f":{ref}" for ref in left)))
    return Check("probes", Verdict.WARNING, f"{len(left)} left behind by a doctor that was killed, or at work", mend)


def _names(home: Home, shown: dict[str, str]) -> Check:
    """Refs that no lock can lie beside, and those that git itself would take for one: see gitrevisions(7)."""
    places = (f"{home.prefix}/", f"{home.prefix}{ARCHIVE}/")
    tips = {oid for ref, oid in shown.items() if ref.startswith(places)}
    blocking = [ref for ref in shown if any(_blocks(ref, place) for place in places)]
    alike = [ref for ref in shown for short in _SHORT if ref.startswith(short) and ref[len(short) :].startswith(places)]
    replacing = [ref for ref in shown if ref.startswith("refs/replace/") and ref[len("refs/replace/") :] in tips]
    if home.refs.completes_names:
        blocking += alike
    found = tuple(dict.fromkeys(blocking or [*alike, *replacing]))
    mend = shlex.join(("git", "push", home.refs.remote, *(f":{ref}" for ref in found)))
    if blocking:
        return Check("names", Verdict.FAILED, f"a lock cannot be moved while there is {', '.join(found)}", mend)
    if found:
        said = f"{', '.join(found)} would be taken for a lock by git itself; sahel-nb takes no notice"
        return Check("names", Verdict.WARNING, said, mend)
    return Check("names", Verdict.OK, "nothing is in the way of a lock, and nothing looks like one")


def _blocks(ref: str, place: str) -> bool:
    """git keeps no `a/b` beside an `a`. `place` ends with a slash."""
    below = ref.removeprefix(place)
    if below == ref:
        return place.startswith(f"{ref}/")
    if place.endswith(f"{ARCHIVE}/"):
        return below.count("/") < 2
    return not is_probe(place[:-1], ref) and below.count("/") != 1


def _records(home: Home) -> Check:
    """What cannot be understood cannot be taken."""
    locks = list_locks(home.refs, home.prefix, home.rules)
    unread = [lock for lock in locks if lock.record is None]
    if unread:
        found = "; ".join(f"{lock.kernel}: {lock.trouble}" for lock in unread[:_MOST_NAMED])
        more = len(unread) - _MOST_NAMED
        oids = " ".join(dict.fromkeys(lock.oid for lock in unread[:_MOST_NAMED]))
        mend = f"git fetch {shlex.quote(home.refs.remote)} {oids}"
        return Check("records", Verdict.FAILED, found + (f"; and {more} more" if more > 0 else ""), mend)
    return Check("records", Verdict.OK, f"{len(locks)} lock{'s' * (len(locks) != 1)}, all understood")


def _prefix(home: Home, shown: dict[str, str], committed: tuple[str, str] | None) -> Check:
    """One place for all: locks elsewhere on the remote are somebody's who does not see ours."""
    name, used = "prefix", (home.refs.remote, home.prefix)
    elsewhere = _elsewhere(home, shown)
    there = ", ".join(elsewhere)
    if elsewhere and _held(home, shown):
        found = f"locks are below {home.prefix} and below {there}: two people could hold one kernel"
        return Check(name, Verdict.FAILED, found, edit(SETTINGS))
    if elsewhere:
        found = f"the locks are below {there}, and this clone looks below {home.prefix}"
        return Check(name, Verdict.FAILED, found, FIX if _may_move(home, shown, elsewhere) else edit(SETTINGS))
    if committed is not None and committed != used and not home.label:
        found = f"committed is {' '.join(committed)}, and this clone uses {' '.join(used)}"
        mend = f"git diff HEAD -- {typed(SETTINGS)}; git config --get-regexp sahel-nb.lock"
        return Check(name, Verdict.FAILED, found, mend)
    return Check(name, Verdict.OK, f"{home.prefix}, and no lock elsewhere")


def _held(home: Home, shown: dict[str, str]) -> bool:
    return any(kernel_of(home.prefix, ref) for ref in shown)


def _elsewhere(home: Home, shown: dict[str, str]) -> list[str]:
    return sorted({prefix for prefix in map(_prefix_of, shown) if prefix and prefix != home.prefix})


def _prefix_of(ref: str) -> str:
    """`refs/a/b` of a ref `refs/a/b/owner/slug` that may be a lock."""
    if lock_of_archive(ref):
        return ""
    prefix = ref.rsplit("/", 2)[0]
    known = prefix == BRANCHES or prefix.startswith(f"{OWN}/")
    return prefix if known and kernel_of(prefix, ref) else ""


def _fork(home: Home, remotes: Sequence[tuple[str, str]]) -> Check:
    name, refs = "fork", home.refs
    if home.label:
        return Check(name, Verdict.SKIPPED, "there is no remote")
    here, known = home.remote_id, {label: remote_id(url) for label, url in remotes}
    others = sorted(label for label, url in known.items() if url != here)
    if refs.remote == "origin" and others:
        found = f"the locks are at this clone's origin, {here}, and {', '.join(others)} is another place"
        return Check(name, Verdict.WARNING, f"{found}: with forks, commit one URL as lock.remote", edit(SETTINGS))
    if refs.remote != "origin" and refs.remote in known:
        found = f"{refs.remote} is a name, which another clone may not have: commit the URL as lock.remote"
        return Check(name, Verdict.WARNING, found, edit(SETTINGS))
    if known.get("origin", here) != here:
        return Check(name, Verdict.OK, f"origin is {known['origin']}, the locks are at {here}")
    return Check(name, Verdict.OK, "origin is where the locks are")
