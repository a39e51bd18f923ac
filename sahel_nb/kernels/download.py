"""One file over a bad line: resumed where it was cut, by this process or by the next, whole or not there.

What has arrived lies in `.<tag>.sahel-nb-part` beside the target. The tag stands for the file's name and the server's
word for one state of it (ETag or Last-Modified): what is there is never continued with bytes of another state.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.door import translated

CHUNK = 1 << 14
"""What a cut may cost of what had arrived: less than this is not handed on by the libraries below us."""
ATTEMPTS = 5
"""In a row that bring nothing; a line that brings something may be cut as often as it likes."""
PAUSE = 0.2
LONGEST_PAUSE = 5.0
PART = ".sahel-nb-part"


def fetch(session: Any, url: str, target: Path) -> tuple[int, str]:
    """Fetch into `target`, and return its size and sha256, both of what is on the disk.

    Raises `NetworkError` when it stays incomplete, `SahelError` for a refusal, `OSError` for the disk's own failures.
    What had arrived stays for the next attempt, where the server can go on from there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    download = _Download(session, url, target)
    failures = 0
    while True:
        before = download.have
        try:
            complete = download.go_on()
            cause: NetworkError | None = None
        except NetworkError as exc:
            complete, cause = False, exc
        if complete:
            return download.keep()
        failures = 0 if download.have > before else failures + 1
        if failures == ATTEMPTS:
            raise cause or NetworkError(f"fetching {target.name}: cut off {ATTEMPTS} times in a row")
        time.sleep(min(PAUSE * 2**failures, LONGEST_PAUSE))


class _Download:
    def __init__(self, session: Any, url: str, target: Path) -> None:
        self._session, self._url, self._target = session, url, target
        self._validator = ""
        self._part = self._named("")

    @property
    def have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def go_on(self) -> bool:
        """One request, from where the part ends if the file is still the same one. True: it is all there."""
        have = self.have if self._validator else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._validator}
        with (
            translated(f"fetching {self._target.name}"),
            self._session.get(self._url, headers=headers, stream=True, timeout=(10, 60)) as response,
        ):
            if response.status_code == 416:
                self._part.unlink(missing_ok=True)
                raise NetworkError("the file changed while it was fetched")
            response.raise_for_status()
            resumed = response.status_code == 206 and have > 0
            if not resumed and self._recognise(response):
                return False  # an earlier process has begun on this very file: ask again, for the rest
            length = response.headers.get("Content-Length")
            expected = int(length) + (have if resumed else 0) if length is not None else None
            with self._part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
        return expected is None or self.have == expected

    def _recognise(self, response: Any) -> bool:
        """Learn which state of the file the server has; whether a part of it is here that was not known of."""
        before = self._validator
        self._validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        self._part = self._named(self._validator)
        return self._validator != before and response.headers.get("Accept-Ranges") == "bytes" and self.have > 0

    def keep(self) -> tuple[int, str]:
        digest = hashlib.sha256()
        size = 0
        with self._part.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
            os.fsync(file.fileno())
        self._part.replace(self._target)
        return size, digest.hexdigest()

    def _named(self, validator: str) -> Path:
        """A name that is short enough whatever the target's is, and that no kernel gives its outputs."""
        tag = hashlib.sha256(f"{self._target.name}\n{validator}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._target.with_name(f".{tag}{PART}")
