"""The shape of a Kaggle service, as `run` knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from sahel_nb.errors import PushRejected
from sahel_nb.kernels.model import (
    Account,
    KernelInfo,
    KernelRef,
    LogRecord,
    OutputFile,
    Pushed,
    Quotas,
    RunStatus,
)
from sahel_nb.kernels.source_state import SourceState


class KernelService(Protocol):
    """All calls raise the errors of `kernels.door`; none retries what is not idempotent."""

    def account(self) -> Account:
        """Whose credentials are in use. Raises `AuthError` where there are none."""

    def web_url(self, ref: KernelRef) -> str:
        """The page of a kernel. A version's own page has an id that only the answer to its push names."""

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        """A kernel and the source of its current (or the given) version; None where it does not exist for us."""

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        """The state of one version. An answer that cannot be understood is `RunState.UNKNOWN`."""

    def push(self, folder: Path, timeout: int | None) -> Pushed:
        """Save and start a version from a folder with metadata and source. `timeout` in seconds of session time.

        Not idempotent. Raises `PartlyPushed` where a version started without some of its sources, `PushRejected`
        where none did, `NetworkError` where it is not known whether a version was made.
        """

    def stream(self, ref: KernelRef, version: int) -> Iterator[LogRecord | None]:
        """The log from its beginning, live; a last None where the service ended it. May be cut at any point."""

    def log(self, ref: KernelRef, version: int) -> Iterable[LogRecord]:
        """The persisted log, read while it comes; empty while the version runs. Raises as it is gone through."""

    def outputs(self, ref: KernelRef, version: int) -> Iterator[OutputFile]:
        """All output files, over all pages."""

    def source(self, key: str, name: str) -> SourceState:
        """Whether a source can be mounted: `name`, of the list `key` of kernel-metadata.json."""

    def quotas(self) -> Quotas:
        """The week's accelerator hours."""


class PartlyPushed(PushRejected):
    """A version was started without some of its sources: it runs, and will likely fail for want of them."""

    def __init__(self, pushed: Pushed, lines: tuple[str, ...]) -> None:
        super().__init__(
            "Kaggle dropped some of the sources of this kernel",
            details=(*lines, "to Kaggle, a private source of another account is one that does not exist"),
            kaggle=f"v{pushed.version} has already started without them and spends quota: {pushed.url}",
            started=True,
        )
        self.pushed = pushed
