"""A file as an answer: a small one in one piece, read where the request is looked at; a large one as by Starlette."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from sahel_nb.localkaggle.authority import Receive, Send

SMALL = 1 << 20
"""Bytes. Starlette hands a file to other threads at least four times, each of which costs more than to read so many."""


class Delivery(FileResponse):
    """Made in a thread that may wait for the disk. Ranges, and what changed its size since, are Starlette's matter."""

    chunk_size = 1 << 18

    def __init__(self, path: Path, *, filename: str, headers: dict[str, str]) -> None:
        self._whole: bytes | None = None
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_size <= SMALL:
                self._whole = file.read(SMALL + 1)
        super().__init__(
            path, media_type="application/octet-stream", filename=filename, headers=headers, stat_result=found
        )

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        partial = any(name == b"range" for name, _ in scope["headers"])
        if self._whole is None or partial or scope["method"] != "GET" or len(self._whole) != self._size:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._whole})

    @property
    def _size(self) -> int:
        return self.stat_result.st_size if self.stat_result is not None else -1
