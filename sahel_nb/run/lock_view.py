"""Kaggle as the lock sees it: which version is current, whether one has ended, whose stamp it carries."""

from __future__ import annotations

from sahel_nb.kernels.model import KernelRef, RunState
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.kaggle_view import Phase

_PHASES = {
    RunState.QUEUED: Phase.QUEUED,
    RunState.RUNNING: Phase.RUNNING,
    RunState.NEW_SCRIPT: Phase.RUNNING,
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

    def current_version(self) -> int:
        kernel = self._service.kernel(self._ref)
        return 0 if kernel is None else kernel.current_version

    def phase(self, version: int) -> Phase:
        """A version that was saved without a run, and has a later one, will not begin any more."""
        state = self._service.status(self._ref, version).state
        if state is RunState.NEW_SCRIPT and version < self.current_version():
            return Phase.ENDED_CANCELLED
        return _PHASES[state]

    def stamp(self, version: int) -> str | None:
        kernel = self._service.kernel(self._ref, version)
        stamp = None if kernel is None else Stamp.find(kernel.source)
        return None if stamp is None else stamp.nonce
