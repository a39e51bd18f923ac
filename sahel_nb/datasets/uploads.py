"""Datasets on the service, as far as a run needs them: is one there, and, for a rehearsal, make it."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path
from typing import Protocol

from sahel_nb.errors import NOTHING_STARTED
from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.door import Rejected, translated

READY_LIMIT = 120.0
_LOST = "Upload unsuccessful: "


class DatasetService(Protocol):
    def has(self, ref: str) -> bool:
        """Whether `owner/slug` is there for us."""

    def create(self, folder: Path, *, public: bool = False) -> None:
        """Upload a folder with a dataset-metadata.json as a new dataset, and wait until it can be mounted.

        Raises `Rejected` where the service does not take it, or not all of it; then there is none.
        """


class Datasets:
    """A `DatasetService` through the `kaggle` package."""

    def __init__(self, client: KaggleClient) -> None:
        self._api = client.api

    def has(self, ref: str) -> bool:
        import requests

        try:
            return str(self._api.dataset_status(ref)).lower().endswith("ready")
        except (requests.exceptions.HTTPError, ValueError):
            return False

    def create(self, folder: Path, *, public: bool = False) -> None:
        # It prints what it does and draws bars. A file that did not arrive ends it from kaggle 2.2.5 on; before that,
        # a printed line was all, and the dataset was made without the file.
        silent = io.StringIO()
        with (
            translated("creating a dataset"),
            contextlib.redirect_stdout(silent),
            contextlib.redirect_stderr(silent),
        ):
            try:
                answer = self._api.dataset_create_new(str(folder), public=public, quiet=False, dir_mode="zip")
            except ValueError as exc:
                if not str(exc).startswith(_LOST):
                    raise Rejected(f"the dataset was not created: {exc}", kaggle=NOTHING_STARTED) from exc
                name = str(exc).removeprefix(_LOST)
                raise Rejected(f"{name} of the dataset did not arrive; none was made", kaggle=NOTHING_STARTED) from exc
        if answer is None or str(getattr(answer, "status", "")).lower() != "ok":
            raise Rejected(f"the dataset was not created: {getattr(answer, 'error', '') or 'no reason given'}")
        ref = str(answer.ref).removeprefix("/datasets/").removeprefix("datasets/").strip("/")
        lost = [line.removeprefix(_LOST) for line in silent.getvalue().splitlines() if line.startswith(_LOST)]
        if lost:
            self._take_away(ref)
            raise Rejected(
                f"{', '.join(lost)} of the dataset {ref} did not arrive, and it was made without",
                details=("it was taken away again",),
                kaggle=NOTHING_STARTED,
            )
        deadline = time.monotonic() + READY_LIMIT
        while not self.has(ref):
            if time.monotonic() > deadline:
                raise Rejected(f"the dataset {ref} was not ready after {READY_LIMIT:.0f} s")
            time.sleep(0.2)

    def _take_away(self, ref: str) -> None:
        owner, _, slug = ref.partition("/")
        with translated(f"deleting the dataset {ref}"), contextlib.redirect_stdout(io.StringIO()):
            self._api.dataset_delete(owner, slug.partition("/")[0], no_confirm=True)
