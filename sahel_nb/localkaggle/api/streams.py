"""The log stream: `GET /api/v1/kernels/logs/stream/{owner}/{slug}` and its POST form, GetKernelSessionLogsStream.

While the session goes on: Server-Sent Events from the beginning, one record an event, ended by END_OF_LOG. When it is
over: the persisted JSON array, with a content type that is not SSE. The charset is said, because the client decodes
Latin-1 without it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from itertools import chain

import anyio
from starlette.responses import Response, StreamingResponse

from sahel_nb.localkaggle import access, logs
from sahel_nb.localkaggle.api.call import Call
from sahel_nb.localkaggle.api.kernels import find, persisted_log
from sahel_nb.localkaggle.long_text import in_parts
from sahel_nb.localkaggle.model import Version
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.store import kernels
from sahel_nb.localkaggle.wire import denied

_QUICKEST, _SLOWEST = 0.05, 0.5
_KEEPALIVE = 10.0


def stream(call: Call) -> Response:
    """The stream of the version that the fields name; a session id will do as well."""
    session = call.fields.number("kernelSessionId")
    if session:
        account = call.need_account()
        with call.service.db.read() as tx:
            found = kernels.version_by_id(tx, session)
            kernel = kernels.by_id(tx, found.kernel_id) if found is not None else None
            if found is None or kernel is None or not access.sees_kernel(tx, kernel, account):
                raise denied("kernels.get")
        version = found
    else:
        _, version = find(call)
    if not version.status.active:
        pieces = persisted_log(call, version).pieces()
        first = next(pieces, b"[]")
        return in_parts(chain((first,), pieces), "application/json; charset=utf-8")
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _follow(call.service, version), media_type="text/event-stream; charset=utf-8", headers=headers
    )


async def _follow(service: Service, version: Version) -> AsyncIterator[bytes]:
    path = service.folder.log(version.id)
    offset = 0
    pause = _QUICKEST
    spoken = time.monotonic()
    yield b": the log of a session that goes on\n\n"
    while True:
        # The state first, the log after it: what was written before the end is then read before END_OF_LOG.
        current = await anyio.to_thread.run_sync(_state, service, version.id)
        lines, offset = await anyio.to_thread.run_sync(logs.tail, path, offset)
        if lines:
            spoken, pause = time.monotonic(), _QUICKEST
            yield b"".join(logs.event(line) for line in lines)
            continue
        if not current:
            yield logs.END
            return
        if time.monotonic() - spoken > _KEEPALIVE:
            spoken = time.monotonic()
            yield b": still there\n\n"
        await anyio.sleep(pause)
        pause = min(_SLOWEST, pause * 1.3)


def _state(service: Service, version_id: int) -> bool:
    """Whether the session goes on."""
    with service.db.read() as tx:
        version = kernels.version_by_id(tx, version_id)
    return version is not None and version.status.active
