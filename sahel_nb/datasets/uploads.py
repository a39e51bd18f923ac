"""Datasets on the service, as far as a run needs them: is one there, and, for a rehearsal, make it."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path
from typing import Protocol

from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.door import Rejected, translated

READY_LIMIT = 120.0


class DatasetService(Protocol):
    def has(self, ref: str) -> bool:
        """Whether `owner/slug` is there for us."""

    def create(self, folder: Path) -> None:
        """Upload a folder with a dataset-metadata.json as a new private dataset, and wait until it can be mounted.

        Raises `Rejected` where the service does not take it.
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

    def create(self, folder: Path) -> None:
        silent = io.StringIO()  # it prints what it does, and draws progress bars
        with (
            translated("creating a dataset"),
            contextlib.redirect_stdout(silent),
            contextlib.redirect_stderr(silent),
        ):
            answer = self._api.dataset_create_new(str(folder), quiet=True, dir_mode="zip")
        if answer is None or str(getattr(answer, "status", "")).lower() != "ok":
            raise Rejected(f"the dataset was not created: {getattr(answer, 'error', '') or 'no reason given'}")
        ref = str(answer.ref).removeprefix("/datasets/").removeprefix("datasets/").strip("/")
        deadline = time.monotonic() + READY_LIMIT
        while not self.has(ref):
            if time.monotonic() > deadline:
                raise Rejected(f"the dataset {ref} was not ready after {READY_LIMIT:.0f} s")
            time.sleep(0.2)
