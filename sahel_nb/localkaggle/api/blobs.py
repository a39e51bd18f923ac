"""blobs.BlobApiService, and the PUT that its answers lead to: Google's resumable uploads, as far as clients use them.

    PUT, no Content-Range            all of it, from the beginning
    PUT, bytes a-b/N                 a piece; it may repeat bytes that are there, and may not leave a gap
    PUT, bytes */N, no body          308 with `Range: bytes=0-k` (none: nothing yet), or 200 when all is there

What has arrived is kept whatever happens to the connection or the service; who holds the URL may write, as on Kaggle.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from sahel_nb.localkaggle import names, ranges
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.model import Upload
from sahel_nb.localkaggle.ranges import Piece, Query
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.store import uploads
from sahel_nb.localkaggle.wire import ApiError

_FLUSH = 4 << 20


def start_upload(call: Call) -> dict[str, Any]:
    account = call.need_account()
    name = names.file_name(call.fields.text("name"))
    size = call.fields.number("contentLength")
    if name is None or name.startswith(".") or size < 0:
        raise ApiError(400, "The upload needs a plain file name and a size")
    call.spend(size)
    token = secrets.token_urlsafe(24)
    with call.service.db.write() as tx:
        uploads.create(tx, token, account, name, size, time.time())
    return {"token": token, "createUrl": f"{call.base}/uploads/{token}"}


METHODS: dict[str, Handler] = {"StartBlobUpload": start_upload}


class Receiver:
    """Takes the bytes. Two PUTs of one upload wait for each other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def put(self, request: Request) -> Response:
        token = request.path_params["token"]
        lock = self._locks.get(token)
        if lock is None:
            self._locks[token] = lock = asyncio.Lock()
        async with lock:
            return await self._put(request, token)

    async def _put(self, request: Request, token: str) -> Response:
        upload = await anyio.to_thread.run_sync(self._find, token)
        header = request.headers.get("content-range")
        wanted = ranges.content_range(header) if header is not None else Piece(0, max(0, upload.size - 1), upload.size)
        if wanted is None or wanted.total not in (None, upload.size):
            raise ApiError(400, f"Content-Range does not fit an upload of {upload.size} bytes")
        if upload.complete:
            async for _ in request.stream():  # a client that is still sending would not read the answer
                pass
            return _done(upload)
        path = self._service.folder.upload(token)
        have = path.stat().st_size if path.exists() else 0
        if isinstance(wanted, Query) or wanted.first > have:
            return await self._state(upload, path)
        await self._receive(request, path, wanted.first, upload.size)
        return await self._state(upload, path)

    async def _receive(self, request: Request, path: Path, first: int, size: int) -> None:
        """Write as it comes; a body that ends early, or a client that goes away, leaves what was written."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, first)  # what comes now is what counts from here on
            position = first
            waiting = bytearray()
            try:
                async for chunk in request.stream():
                    waiting += chunk
                    if position + len(waiting) > size:
                        # It grew since it was announced; its beginning alone must not pass for the file.
                        waiting.clear()
                        position = 0
                        os.ftruncate(descriptor, 0)
                        raise ApiError(400, f"More than the {size} bytes that were announced")
                    if len(waiting) >= _FLUSH:
                        position += await anyio.to_thread.run_sync(_write, descriptor, bytes(waiting), position)
                        waiting.clear()
            except ClientDisconnect:
                pass
            finally:
                _write(descriptor, bytes(waiting[: max(0, size - position)]), position)
        finally:
            os.close(descriptor)

    async def _state(self, upload: Upload, path: Path) -> Response:
        have = path.stat().st_size if path.exists() else 0
        if have == upload.size and (upload.size > 0 or path.exists()):
            await anyio.to_thread.run_sync(self._complete, upload, path)
            return _done(upload)
        headers = {"Range": f"bytes=0-{have - 1}"} if have else {}
        return Response(status_code=308, headers=headers)

    def _find(self, token: str) -> Upload:
        with self._service.db.read() as tx:
            upload = uploads.find(tx, token)
        if upload is None:
            raise ApiError(404, "No such upload")
        return upload

    def _complete(self, upload: Upload, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with self._service.db.write() as tx:
            uploads.complete(tx, upload.token)


def _write(descriptor: int, data: bytes, position: int) -> int:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], position + done)
    return done


def _done(upload: Upload) -> Response:
    return JSONResponse({"token": upload.token})
