"""Does a remote do what the lock asks of it? Tried on a ref of its own, which is gone afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from sahel_nb.errors import SahelError
from sahel_nb.links import edit
from sahel_nb.repo.refs import RemoteRefs, SwapAnswer
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.report.events import Check, Verdict

BRANCHES = "refs/heads/sahel-locks"
"""Where locks go on a host that refuses refs of one's own."""
FIX = "sahel-nb lock doctor --fix"
_AGAIN = "sahel-nb lock doctor"
_DONE = (Swap.WON, Swap.ALREADY_MINE)


def _other() -> str:
    return f"{edit('sahel-nb.toml')}  # lock.remote: another one"


def probe_ref(prefix: str) -> str:
    """A ref below `prefix` that no kernel's lock can have: it has one component, they have two."""
    return f"{prefix}/probe-{secrets.token_hex(6)}"


def is_probe(prefix: str, ref: str) -> bool:
    return ref.startswith(f"{prefix}/probe-") and "/" not in ref.removeprefix(f"{prefix}/")


def who_ref(prefix: str) -> str:
    """A ref below `prefix` that a server which judges never takes: it says whom it takes the pusher for."""
    return f"{prefix}/probe-who-{secrets.token_hex(6)}"


def asks_who(prefix: str, ref: str) -> bool:
    return ref.startswith(f"{prefix}/probe-who-") and is_probe(prefix, ref)


JUDGES = "the server judges, you are known to it as "
_CLAIMED = "doctor@probe.invalid"


def who_judges(refs: RemoteRefs, prefix: str, variables: Sequence[str]) -> Check:
    """Does the server judge, and whom does it take us for? Proved on a ref that a server which judges never takes, and
    that what a login would set (`variables`) is not what the pusher says."""
    name, commit = "enforcement", _chain(refs.algorithm)[0]
    said = _asked(refs, prefix, refs.swap, None, commit)
    if said is None:
        found = "nobody judges: the server took what its hook never takes"
        return Check(
            name, Verdict.FAILED, found, "sahel-nb lock install-hook FOLDER --identity VARIABLE  # on the server"
        )
    if JUDGES not in said:
        return Check(
            name, Verdict.FAILED, f"the server refuses: {said}", "git config --get-regexp sahel  # on the server"
        )
    claim = " ".join(("env", *(f"{variable}={_CLAIMED}" for variable in variables), "git-receive-pack"))
    again = _asked(refs, prefix, lambda ref, _, new: refs.make_by(claim, ref, new), None, commit)
    if again is not None and _CLAIMED in again:
        found = "whoever pushes can say who they are, by --receive-pack: the server runs what it is asked to"
        return Check(
            name, Verdict.FAILED, found, "git config --get-regexp sahel  # on the server: a forced command, or http"
        )
    return Check(name, Verdict.OK, said[said.index(JUDGES) :])


def _asked(
    refs: RemoteRefs,
    prefix: str,
    make: Callable[[str, RawCommit | None, RawCommit], SwapAnswer],
    old: RawCommit | None,
    new: RawCommit,
) -> str | None:
    """What the server says to it; None where it takes it, which is then taken back."""
    ref = who_ref(prefix)
    answer = make(ref, old, new)
    if answer.swap in _DONE:
        refs.delete(ref, new)
        return None
    own = [line.partition("sahel-nb: ")[2] for line in answer.evidence if "sahel-nb: " in line]
    return "; ".join(own or [line.strip() for line in answer.evidence[-1:]])


def probe(refs: RemoteRefs, prefix: str) -> list[Check]:
    """Create, read, fast-forward, a stale lease, a race, an atomic push, delete: a row each, up to the first that
    fails."""
    return _probe(refs, prefix, (_read, _fast_forward, _stale, _race, _atomic))


def prove(refs: RemoteRefs, prefix: str) -> list[Check]:
    """The part of it without which a lock could be held by two, or read by nobody."""
    return _probe(refs, prefix, (_read, _fast_forward, _race))


@dataclass(frozen=True)
class _Trial:
    """The ref, and the commits that it goes through: `first`, then `second`; the others come too late."""

    refs: RemoteRefs
    ref: str
    first: RawCommit
    second: RawCommit
    third: RawCommit
    other: RawCommit


def _probe(refs: RemoteRefs, prefix: str, steps: tuple[Callable[[_Trial], Check], ...]) -> list[Check]:
    trial = _Trial(refs, probe_ref(prefix), *_chain(refs.algorithm))
    made = refs.swap(trial.ref, None, trial.first)
    if made.swap not in _DONE:
        return [_not_created(refs, prefix, made)]
    rows = [Check("create", Verdict.OK, f"a ref below {prefix} can be made")]
    try:
        for step in steps:
            rows.append(step(trial))
            if rows[-1].blocks:
                break
    except SahelError as exc:
        rows.append(Check("probe", Verdict.FAILED, exc.message, f"git ls-remote {quote(refs.remote)}"))
    rows.append(_delete(refs, trial.ref, trial.third, trial.other, trial.second, trial.first))
    return rows


def _read(trial: _Trial) -> Check:
    found = trial.refs.read(trial.ref)
    if found is None:
        why = "what was written is hidden from who reads: uploadpack.hideRefs or transfer.hideRefs of the server"
        return Check("read", Verdict.FAILED, why, "git config --get-all uploadpack.hideRefs  # on the server")
    if found != trial.first:
        return Check(
            "read", Verdict.FAILED, "what was written is not what is read", f"git ls-remote {quote(trial.refs.remote)}"
        )
    return Check("read", Verdict.OK, "what was written is read back")


def _fast_forward(trial: _Trial) -> Check:
    moved = trial.refs.swap(trial.ref, trial.first, trial.second)
    if moved.swap not in _DONE:
        found = _said(moved, "a lock could be taken, and never given back")
        return Check("fast-forward", Verdict.FAILED, found, _other())
    return Check("fast-forward", Verdict.OK, "a ref can be moved on")


def _stale(trial: _Trial) -> Check:
    late = trial.refs.swap(trial.ref, trial.first, trial.other)
    if late.swap is Swap.LOST and trial.refs.read(trial.ref) == trial.second:
        return Check("stale", Verdict.OK, "whoever comes too late is refused")
    found = _said(late, "a writer who came too late was not refused: this remote cannot hold a lock")
    return Check("stale", Verdict.FAILED, found, _other())


def _race(trial: _Trial) -> Check:
    """Two connections at once: the client's own look at the ref does not help, the server has to compare."""
    moved, late = trial.refs.race(trial.ref, trial.second, trial.third, trial.other)
    now = trial.refs.read(trial.ref)
    if now == trial.third and late.swap not in _DONE:
        return Check("race", Verdict.OK, "of two at once the server takes one")
    if not moved and now in (trial.second, trial.other):
        # The second connection got nowhere, so nothing came too late.
        return Check("race", Verdict.UNKNOWN, _said(late, "two connections at once could not be tried"), _AGAIN)
    found = "the server says yes to both of two who write at once: two would hold one lock"
    return Check("race", Verdict.FAILED, found, _other())


def _atomic(trial: _Trial) -> Check:
    """Locks do without; a server that takes half of what it was asked to take as a whole is not to be trusted."""
    before = trial.refs.read(trial.ref)
    if before is None:
        return Check("atomic", Verdict.UNKNOWN, "the probe is gone", _AGAIN)
    answer = trial.refs.both(trial.ref, before, _child(before, trial.refs.algorithm))
    if answer.swap in _DONE or trial.refs.read(trial.ref) != before:
        left = trial.refs.read(f"{trial.ref}/doctor")
        if left is not None:
            trial.refs.delete(f"{trial.ref}/doctor", left)
        found = "the server takes a part of an atomic push, which is all or nothing"
        return Check("atomic", Verdict.FAILED, found, _other())
    offered = not any("does not support" in line for line in answer.evidence)
    return Check("atomic", Verdict.OK, "all or nothing" if offered else "not offered; locks do without")


def _delete(refs: RemoteRefs, ref: str, *where: RawCommit) -> Check:
    """A remote that never deletes is good for locks: their refs are never deleted."""
    for commit in where:
        gone = refs.delete(ref, commit)
        if gone.swap in _DONE:
            return Check("delete", Verdict.OK, "the probe is gone again")
    return Check(
        "delete",
        Verdict.WARNING,
        _said(gone, f"{ref} stays; locks never delete theirs"),
        f"git push {quote(refs.remote)} :{ref}",
    )


def _not_created(refs: RemoteRefs, prefix: str, answer: SwapAnswer) -> Check:
    if answer.swap is Swap.REFUSED and prefix != BRANCHES:
        second = probe_ref(BRANCHES)
        commit = _chain(refs.algorithm)[0]
        branch = refs.swap(second, None, commit)
        if branch.swap in _DONE:
            refs.delete(second, commit)
            return Check("create", Verdict.FAILED, _said(answer, f"{prefix} is refused, {BRANCHES} works"), FIX)
    if answer.swap is Swap.BUSY:
        return Check("create", Verdict.FAILED, _said(answer, "a lock file is in the way"), "sahel-nb lock doctor")
    return Check(
        "create", Verdict.FAILED, _said(answer, "no ref can be made"), f"git push --dry-run {quote(refs.remote)}"
    )


def _said(answer: SwapAnswer, what: str) -> str:
    """`what`, and why: in the server's own words, where it has any."""
    own = [line.removeprefix("remote:").strip() for line in answer.evidence if line.startswith("remote:")]
    why = "; ".join(own[-3:] or [line.strip() for line in answer.evidence[-1:]])
    return f"{what} ({answer.swap.value}: {why})" if why else what


def _child(parent: RawCommit, algorithm: str) -> RawCommit:
    return _chain(algorithm, parent)[0]


def _chain(algorithm: str, parent: RawCommit | None = None) -> tuple[RawCommit, RawCommit, RawCommit, RawCommit]:
    nonce = secrets.token_hex(8)

    def commit(word: str, parent: RawCommit | None) -> RawCommit:
        message = f"sahel-nb lock doctor: {word} {nonce}\n".encode("ascii")
        oid = parent.oid if parent else None
        return make_commit(
            message, parent=oid, name="sahel-nb", email="lock@sahel-nb.invalid", when=0, algorithm=algorithm
        )

    first = commit("first", parent)
    second = commit("second", first)
    return first, second, commit("third", second), commit("too late", second)
