"""Every lock below a prefix, through one fetch. What cannot be understood is listed as such, and hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sahel_nb.lock.git_refs import to_tip
from sahel_nb.lock.names import check_prefix, kernel_of
from sahel_nb.lock.record import CorruptRecord, Record
from sahel_nb.lock.rules import Rules, Untrusted
from sahel_nb.repo.refs import RemoteRefs


def _no_rules(_kernel: str) -> Rules | None:
    return None


@dataclass(frozen=True)
class Listed:
    """One kernel's lock. `record` is None where `trouble` says why it cannot be read."""

    kernel: str
    oid: str
    record: Record | None
    trouble: str = ""
    parents: tuple[str, ...] = ()
    """The record before it; none where the chain begins with it."""


def list_locks(refs: RemoteRefs, prefix: str, rules: Callable[[str], Rules | None] = _no_rules) -> tuple[Listed, ...]:
    """The newest record of every lock on the remote, by kernel. `rules` say which of them are to be believed, see
    `Home.rules`. Raises `NetworkError`."""
    found = []
    for ref, commit in refs.read_all(check_prefix(prefix)).items():
        kernel = kernel_of(prefix, ref)
        if kernel is None:
            continue
        if not commit.body:
            found.append(
                Listed(kernel, commit.oid, None, "the lock's ref points to what is no commit, or to a huge one")
            )
            continue
        try:
            tip, believed = to_tip(commit), rules(kernel)
            record = tip.record
            if believed is not None:
                believed.believe(tip)
        except (CorruptRecord, Untrusted) as exc:
            found.append(Listed(kernel, commit.oid, None, exc.message))
            continue
        trouble = "" if record.kernel == kernel else f"its record is of {record.kernel}"
        found.append(Listed(kernel, commit.oid, None if trouble else record, trouble, commit.parents))
    return tuple(found)
