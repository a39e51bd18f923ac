"""The routes, as one ASGI application."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sahel_nb.localkaggle import long_text, missing
from sahel_nb.localkaggle.api import admin, blobs, datasets, files, inputs, kernels, models, pages, security, streams
from sahel_nb.localkaggle.api.call import NOBODY, Call, Caller, Handler, interpreter_of, who
from sahel_nb.localkaggle.authority import AbsoluteForm, App, Own
from sahel_nb.localkaggle.faults import Fault
from sahel_nb.localkaggle.run_tokens import may_call
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.tricks import FILE, STREAM, around, names_for
from sahel_nb.localkaggle.voice import say
from sahel_nb.localkaggle.wire import ApiError, Fields

BODY_LIMIT = 16 << 20

METHODS: dict[str, dict[str, Handler]] = {
    "kernels.KernelsApiService": {**kernels.METHODS, "GetKernelSessionLogsStream": streams.stream},
    "datasets.DatasetApiService": datasets.METHODS,
    "blobs.BlobApiService": blobs.METHODS,
    "competitions.CompetitionApiService": inputs.COMPETITIONS,
    "models.ModelApiService": models.MODELS,
    "security.OAuthService": security.OAUTH,
    "api.v1.DiagnosticsService": security.DIAGNOSTICS,
}

# Asked with a token that may be worthless: the answer says so, instead of a 401.
_WITHOUT_LOGIN = {"security.OAuthService"}


def build(service: Service, own: Own) -> App:
    """The application of one service."""

    async def method(request: Request) -> Response:
        name = request.path_params["service"]
        handler = METHODS.get(name, {}).get(request.path_params["method"])
        body = await _body(request)
        if handler is None:
            raise ApiError(404, f"This service has no method {name}/{request.path_params['method']}")
        verb = request.path_params["method"]
        return await run_in_threadpool(_answer, service, request, handler, verb, body, name not in _WITHOUT_LOGIN)

    async def stream(request: Request) -> Response:
        label = next((request.query_params[k] for k in _LABELS if k in request.query_params), "")
        fields = Fields(
            {
                "userName": request.path_params["owner"],
                "kernelSlug": request.path_params["slug"],
                "versionLabel": label,
            }
        )
        caller = await run_in_threadpool(who, service, request)
        return await run_in_threadpool(_spoiled, service, request, caller, streams.stream, STREAM, fields)

    async def file(request: Request) -> Response:
        return await run_in_threadpool(_file, service, request.path_params["head"], request.path_params["path"])

    receiver = blobs.Receiver(service)

    async def upload(request: Request) -> Response:
        return await receiver.put(request)

    async def health(_: Request) -> Response:
        return JSONResponse({"service": "sahel-nb local", "pid": os.getpid()})

    async def page(request: Request) -> Response:
        return await run_in_threadpool(pages.render, service, request)

    async def admin_call(request: Request) -> Response:
        body = await _body(request)
        return await run_in_threadpool(admin.answer, service, request, body)

    routes = [
        Route("/api/v1/kernels/logs/stream/{owner}/{slug:path}", stream, methods=["GET"]),
        Route("/api/v1/{service}/{method}", method, methods=["POST"]),
        Route("/files/{head}/{path:path}", file, methods=["GET", "HEAD"]),
        Route("/uploads/{token}", upload, methods=["PUT"]),
        Route("/healthz", health),
        Route("/", page),
        Route("/code/{owner}/{slug}", page),
        Route("/datasets/{owner}/{slug}", page),
    ]
    if service.options.admin:
        routes.append(Route("/admin/{verb}", admin_call, methods=["GET", "POST"]))
    handlers: dict[Any, Callable[[Request, Any], Any]] = {
        ApiError: _api_error,
        HTTPException: _http_error,
        ClientDisconnect: _gone,
        OSError: _storage,
        sqlite3.OperationalError: _storage,
        Exception: _bug,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    return AbsoluteForm(app, lambda: own)


_LABELS = ("versionLabel", "version_label", "version")


def _answer(service: Service, request: Request, handler: Handler, method: str, body: bytes, login: bool) -> Response:
    caller = who(service, request) if login else NOBODY
    if caller.run is not None and not may_call(method):
        raise ApiError(403, f"The code of a rehearsed kernel may read and upload; it may not call {method}")
    name = STREAM if method == "GetKernelSessionLogsStream" else method
    fields = Fields.parse(body)
    try:
        return _spoiled(service, request, caller, handler, name, fields)
    except ApiError as exc:
        if caller.run is not None and exc.code == 403:
            missing.tell(service, caller.run, method, fields)
        raise


def _spoiled(
    service: Service, request: Request, caller: Caller, handler: Handler, method: str, fields: Fields
) -> Response:
    """The handler's answer; spoilt where a fault is armed for it (see `tricks`)."""
    faults = service.faults.strike(names_for(method), _about(fields)) if service.faults.armed() else ()
    answer = around(service, faults, method, fields, lambda asked: handler(_call(service, request, caller, asked)))
    return answer if isinstance(answer, Response) else long_text.answer(answer)


def _file(service: Service, head: str, path: str) -> Response:
    faults: tuple[Fault, ...] = ()
    if service.faults.armed():
        faults = service.faults.strike(names_for(FILE), files.kernel_of(service, head, path))
    answer: Response = around(service, faults, FILE, Fields({}), lambda _: files.send(service, head, path))
    return answer


def _about(fields: Fields) -> str:
    """The kernel that a request is about, as `owner/slug`; empty for none."""
    owner, slug = fields.text("userName"), fields.text("kernelSlug").partition("/")[0]
    return f"{owner}/{slug}" if owner and slug else fields.text("slug")


def _call(service: Service, request: Request, caller: Caller, fields: Fields) -> Call:
    base = f"http://{request.headers['host']}"
    page_base = service.url if "sahel_nb.proxied" in request.scope else base
    interpreter = interpreter_of(service, request) if caller.run is None else None
    return Call(service, caller, fields, base, page_base, interpreter)


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > BODY_LIMIT:
            raise ApiError(413, "The request is too large")
    return bytes(data)


async def _api_error(_: Request, exc: ApiError) -> Response:
    return JSONResponse(exc.body(), exc.code)


async def _http_error(_: Request, exc: HTTPException) -> Response:
    return JSONResponse(ApiError(exc.status_code, exc.detail).body(), exc.status_code)


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=499)  # nobody is there to read it


async def _storage(_: Request, exc: Exception) -> Response:
    """The disk is full: whoever asked may ask again later. Any other trouble is a bug of ours."""
    full = isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # SQLite says "database or disk is full", and of other failed writes "disk I/O error".
    if not full and not (isinstance(exc, sqlite3.OperationalError) and "disk" in str(exc)):
        raise exc
    say(f"A request could not be served: {exc}")
    return JSONResponse(ApiError(507, "The embedded service's disk is full, or cannot be written").body(), 507)


async def _bug(request: Request, exc: Exception) -> Response:
    # Starlette raises it again after this answer, and uvicorn writes the traceback to stderr.
    body = ApiError(500, f"The embedded service failed on {request.url.path}: {type(exc).__name__}").body()
    return JSONResponse(body, 500)
