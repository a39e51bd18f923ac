"""Whether a version has ended, where these credentials may not read its state.

Kaggle shows a version's log and outputs when it is over, and not before: whatever can be seen of them proves the end.
How it ended, they do not say for certain; nobody here guesses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sahel_nb.kernels.door import NotFound, Rejected
from sahel_nb.kernels.model import KernelRef, RunState, RunStatus
from sahel_nb.kernels.service import KernelService

UNTOLD = "these credentials may not read its state"


@dataclass(frozen=True)
class Seen:
    """What can be seen of a version. `told`: Kaggle says so itself; else its log and its outputs do."""

    status: RunStatus
    over: bool
    told: bool = True


def has_ended(service: KernelService, ref: KernelRef, version: int) -> bool:
    """True where that is certain. Raises `NotFound` or `Rejected` where neither log nor outputs may be read."""
    refusals: list[NotFound | Rejected] = []
    for seen in (_log, _outputs):
        try:
            if seen(service, ref, version):
                return True
        except (NotFound, Rejected) as exc:
            refusals.append(exc)
    if len(refusals) == 2:
        raise refusals[0]
    return False


def is_over(service: KernelService, ref: KernelRef, version: int, known: int = 0) -> bool:
    """The same by the version's state, and by its signs where that is refused; up to `known` it is on record."""
    if 0 < version <= known:
        return True
    return look(service, ref, version).over


def look(service: KernelService, ref: KernelRef, version: int) -> Seen:
    """The state of a version, and by its signs where that is refused.

    Raises `NotFound` or `Rejected` where neither state nor log nor outputs may be read.
    """
    try:
        status = service.status(ref, version)
    except (NotFound, Rejected):
        over = has_ended(service, ref, version)
        return Seen(RunStatus(RunState.UNKNOWN if over else RunState.RUNNING, UNTOLD), over, told=False)
    return Seen(status, status.state.ended)


def sees_all(service: KernelService, ref: KernelRef) -> bool:
    """Whether a kernel that is not shown does not exist: to its owner, signed in, every one of theirs is shown.

    Anybody else may be refused what is there, and so may an owner whose login has expired, by the very same answer;
    so a question is asked that needs no kernel. Raises `AuthError`, `NetworkError`.
    """
    if service.account().username.lower() != ref.owner.lower():
        return False
    try:
        service.quotas()
    except (NotFound, Rejected):
        return False
    return True


def _log(service: KernelService, ref: KernelRef, version: int) -> bool:
    return any(True for _ in service.log(ref, version))


def _outputs(service: KernelService, ref: KernelRef, version: int) -> bool:
    return any(True for _ in service.outputs(ref, version))
