"""Does a remote do what the lock asks of it? Tried on a ref of its own, which is gone afterwards."""

from __future__ import annotations

import secrets
from shlex import quote

from sahel_nb.errors import SahelError
from sahel_nb.repo.refs import RemoteRefs, SwapAnswer
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.report.events import Check, Verdict

BRANCHES = "refs/heads/sahel-locks"
"""Where locks go on a host that refuses refs of one's own."""
FIX = "sahel-nb lock doctor --fix"
OTHER = "$EDITOR sahel-nb.toml  # lock.remote: another one"
_DONE = (Swap.WON, Swap.ALREADY_MINE)


def probe_ref(prefix: str) -> str:
    """A ref below `prefix` that no kernel's lock can have: it has one component, they have two."""
    return f"{prefix}/probe-{secrets.token_hex(6)}"


def is_probe(prefix: str, ref: str) -> bool:
    return ref.startswith(f"{prefix}/probe-") and "/" not in ref.removeprefix(f"{prefix}/")


def probe(refs: RemoteRefs, prefix: str) -> list[Check]:
    """Create, read, fast-forward, a stale lease, delete: a row each, up to the first that fails."""
    ref = probe_ref(prefix)
    first, second, other = _chain(refs.algorithm)
    made = refs.swap(ref, None, first)
    if made.swap not in _DONE:
        return [_not_created(refs, prefix, made)]
    rows = [Check("create", Verdict.OK, f"a ref below {prefix} can be made")]
    try:
        _behaviour(refs, ref, (first, second, other), rows)
    except SahelError as exc:
        rows.append(Check("probe", Verdict.FAILED, exc.message, f"git ls-remote {quote(refs.remote)}"))
    rows.append(_delete(refs, ref, second, first))
    return rows


def _behaviour(refs: RemoteRefs, ref: str, commits: tuple[RawCommit, RawCommit, RawCommit], rows: list[Check]) -> None:
    first, second, other = commits
    if refs.read(ref) != first:
        rows.append(
            Check("read", Verdict.FAILED, "what was written is not what is read", f"git ls-remote {quote(refs.remote)}")
        )
        return
    rows.append(Check("read", Verdict.OK, "what was written is read back"))
    moved = refs.swap(ref, first, second)
    if moved.swap not in _DONE:
        rows.append(
            Check("fast-forward", Verdict.FAILED, _said(moved, "a lock could be taken, and never given back"), OTHER)
        )
        return
    rows.append(Check("fast-forward", Verdict.OK, "a ref can be moved on"))
    late = refs.swap(ref, first, other)
    if late.swap is Swap.LOST and refs.read(ref) == second:
        rows.append(Check("stale", Verdict.OK, "whoever comes too late is refused"))
    else:
        found = _said(late, "a writer who came too late was not refused: this remote cannot hold a lock")
        rows.append(Check("stale", Verdict.FAILED, found, OTHER))


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
    return f"{what} ({answer.swap.value}: {answer.evidence[-1].strip()})" if answer.evidence else what


def _chain(algorithm: str) -> tuple[RawCommit, RawCommit, RawCommit]:
    nonce = secrets.token_hex(8)

    def commit(word: str, parent: RawCommit | None) -> RawCommit:
        message = f"sahel-nb lock doctor: {word} {nonce}\n".encode("ascii")
        oid = parent.oid if parent else None
        return make_commit(
            message, parent=oid, name="sahel-nb", email="lock@sahel-nb.invalid", when=0, algorithm=algorithm
        )

    first = commit("first", None)
    return first, commit("second", first), commit("too late", first)
