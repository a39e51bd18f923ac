"""Kaggle as the lock sees it: which version is current, whether one has ended, whose stamp it carries."""

from __future__ import annotations

from sahel_nb.kernels.door import NotFound, Rejected
from sahel_nb.kernels.model import KernelRef, RunState
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.kaggle_view import Newest, Phase
from sahel_nb.run import signs

_PHASES = {
    RunState.QUEUED: Phase.QUEUED,
    RunState.RUNNING: Phase.RUNNING,
    RunState.NEW_SCRIPT: Phase.SAVED,
    RunState.CANCEL_REQUESTED: Phase.RUNNING,
    RunState.COMPLETE: Phase.ENDED_COMPLETE,
    RunState.ERROR: Phase.ENDED_ERROR,
    RunState.CANCELLED: Phase.ENDED_CANCELLED,
    RunState.UNKNOWN: Phase.UNKNOWN,
}


class LockView:
    """Adapts a `KernelService` to `lock.kaggle_view.KaggleView` for one kernel. Errors of the service go through."""

    def __init__(self, service: KernelService, ref: KernelRef) -> None:
        self._service = service
        self._ref = ref

    def newest(self) -> Newest:
        kernel = self._service.kernel(self._ref)
        return Newest(kernel.current_version, kernel.id) if kernel is not None else Newest(0)

    def gone(self) -> bool:
        return signs.sees_all(self._service, self._ref)

    def phase(self, version: int) -> Phase:
        """Where the state may not be read: by what shows the end. A version that was saved without a run, and has a
        later one, will not begin any more."""
        try:
            state = self._service.status(self._ref, version).state
        except (NotFound, Rejected):
            return Phase.ENDED_SOMEHOW if self._shows_its_end(version) else Phase.UNKNOWN
        if state is RunState.NEW_SCRIPT and version < self.newest().version:
            return Phase.ENDED_CANCELLED
        return _PHASES[state]

    def _shows_its_end(self, version: int) -> bool:
        try:
            return signs.has_ended(self._service, self._ref, version)
        except (NotFound, Rejected):
            return False

    def stamp(self, version: int) -> str | None:
        kernel = self._service.kernel(self._ref, version)
        stamp = None if kernel is None else Stamp.find(kernel.source)
        return None if stamp is None else stamp.nonce
