"""What goes wrong with Kaggle, on demand: each trick stands around a handler and spoils its request or its answer.

The names are what `rehearse --fault` and `POST /admin/fault` take. All of it was seen with the live service, or with
its client; none is made up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from sahel_nb.localkaggle.cut import Cut
from sahel_nb.localkaggle.faults import Fault
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.web_edit import edit, edited
from sahel_nb.localkaggle.wire import ApiError, Fields, denied, duration

STREAM = "the log stream"
FILE = "a file"
PUSH = "SaveKernel"
STATUS = "GetKernelSessionStatus"
OUTPUT = "ListKernelSessionOutput"
KERNEL = "GetKernel"
UPLOAD = "StartBlobUpload"
DATASET = "GetDatasetStatus"
JOINED = "GetCompetition"
QUOTA = "GetAcceleratorQuotaStatistics"
LABELLED = (STATUS, OUTPUT, KERNEL, STREAM, "ListKernelFiles")
ASKED = (STATUS, OUTPUT, KERNEL, QUOTA, "ListKernelFiles", "ListKernels")

_PAGE = "<!doctype html><html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>"

SILENCE = 120.0
"""Seconds without an answer: every client has given up by then."""

_SESSIONS = "Maximum batch GPU session count of 2 reached."
_HOURS = "Maximum weekly GPU quota of 30.00 hours reached."


@dataclass(frozen=True)
class Strike:
    """One request that a fault strikes: its fields, and the handler as a function of them."""

    service: Service
    fault: Fault
    method: str
    fields: Fields
    proceed: Callable[[Fields], Any]

    def answer(self) -> Any:
        return self.proceed(self.fields)


@dataclass(frozen=True)
class Trick:
    """`times`: how often it strikes where nothing is said; 0 for always."""

    name: str
    what: str
    methods: tuple[str, ...]
    act: Callable[[Strike], Any]
    times: int = 1


def _status(code: int, seconds: float = 0.0) -> Callable[[Strike], Any]:
    def act(strike: Strike) -> Any:
        headers = {"Retry-After": f"{strike.fault.seconds or seconds:.0f}"} if code == 429 else {}
        return JSONResponse(ApiError(code, f"A fault was asked for: {code}").body(), code, headers=headers)

    return act


def _page(_: Strike) -> Any:
    return HTMLResponse(_PAGE, 503)


def _unanswered(strike: Strike) -> Any:
    strike.answer()
    time.sleep(strike.fault.seconds)
    return Cut(JSONResponse({}), 0)


def _silent(strike: Strike) -> Any:
    strike.answer()
    return Cut(JSONResponse({}), 0, silence=strike.fault.seconds or SILENCE)


def _failed_after(strike: Strike) -> Any:
    strike.answer()
    return JSONResponse(ApiError(500, "Internal error").body(), 500)


def _refused(error: str) -> Callable[[Strike], Any]:
    return lambda _: {"ref": "", "url": "", "error": error}


def _spoilt(change: Callable[[Strike, dict[str, Any]], dict[str, Any]]) -> Callable[[Strike], Any]:
    """The handler's own answer, changed. An answer that is no JSON object stays as it is."""

    def act(strike: Strike) -> Any:
        answer = strike.answer()
        return change(strike, answer) if isinstance(answer, dict) else answer

    return act


def _set(**values: Any) -> Callable[[Strike], Any]:
    return _spoilt(lambda _, answer: {**answer, **values})


def _elsewhere(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "ref": f"{answer['ref']}-2"}


def _dropped(strike: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    asked = strike.fields.texts("datasetDataSources") or ("nobody/no-such-dataset",)
    return {**answer, "invalidDatasetSources": list(asked)}


def _substituted(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    meta = answer["metadata"]
    other = "NvidiaTeslaT4" if meta.get("machineShape") != "NvidiaTeslaT4" else "NvidiaTeslaP100"
    return {**answer, "metadata": {**meta, "machineShape": other}}


def _edited(strike: Strike) -> Any:
    edit(strike.service, strike.fields.text("userName"), strike.fields.text("kernelSlug"))
    return strike.answer()


def _changed(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "blob": {**answer["blob"], "source": edited(answer["blob"]["source"])}}


def _nowhere(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "createUrl": answer["createUrl"].rpartition("/")[0] + "/nowhere"}


def _running(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "status": "RUNNING", "failureMessage": None}


def _hostile(_: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    files = answer.get("files", [])
    if not files:
        return answer
    url = files[0]["url"]
    names = (
        "../escape.txt",
        "/proc/escape.txt",  # absolute, and nothing that any client could really write
        "a/../../escape.txt",
        "..\\escape.txt",
        "C:\\escape.txt",
        "nul\0.txt",
        "",
    )
    return {**answer, "files": [*files, *({"fileName": name, "url": url} for name in names)]}


def _one_by_one(strike: Strike) -> Any:
    return strike.proceed(strike.fields.but(pageSize=1))


def _no_charset(strike: Strike) -> Any:
    response = strike.answer()
    if isinstance(response, Response) and "event-stream" in response.headers.get("content-type", ""):
        response.headers["content-type"] = "text/event-stream"
    return response


def _cut(size: int) -> Callable[[Strike], Any]:
    return lambda strike: Cut(strike.answer(), size)


def _short(strike: Strike) -> Any:
    return Cut(strike.answer(), 400, clean=True)


def _slow(strike: Strike) -> Any:
    return Cut(strike.answer(), None, pause=strike.fault.seconds or 0.05)


def _denied(_: Strike) -> Any:
    raise denied("kernelSessions.get")


def _label_refused(strike: Strike) -> Any:
    if strike.fields.text("versionLabel"):
        raise ApiError(404, "Not found")
    return strike.answer()


def _label_bare(strike: Strike) -> Any:
    label = strike.fields.text("versionLabel")
    if label.startswith("v"):
        raise ApiError(400, "Invalid version label")
    return strike.proceed(strike.fields.but(versionLabel=f"v{label}")) if label else strike.answer()


def _label_path(strike: Strike) -> Any:
    if strike.fields.text("versionLabel"):
        raise ApiError(404, "Not found")
    slug, slash, number = strike.fields.text("kernelSlug").partition("/")
    return strike.proceed(strike.fields.but(kernelSlug=slug, versionLabel=f"v{number}" if slash else ""))


def _quota_low(strike: Strike, answer: dict[str, Any]) -> dict[str, Any]:
    left = strike.fault.seconds or 360.0
    almost = {"timeUsed": duration(30 * 3600 - left), "timeReserved": "0s", "totalTimeAllowed": duration(30 * 3600)}
    return {**answer, "gpuQuota": {**almost, "hasEverRun": True}, "tpuQuota": {**almost, "hasEverRun": True}}


TRICKS = {
    trick.name: trick
    for trick in (
        Trick("429", "too many requests, with Retry-After", ASKED, _status(429, 1), 2),
        Trick("500", "an internal error", ASKED, _status(500), 2),
        Trick("503-html", "unavailable, with an HTML page", ASKED, _page, 2),
        Trick("push-429", "the push itself is one request too many", (PUSH,), _status(429, 1)),
        Trick("push-cut", "the version is made, and the answer is lost", (PUSH,), _unanswered),
        Trick("push-timeout", "the version is made, and no answer comes", (PUSH,), _silent),
        Trick("push-500", "the version is made, and the answer is an error", (PUSH,), _failed_after),
        Trick("push-503", "no version is made, and the answer is a page", (PUSH,), _page),
        Trick("push-no-version", "the answer names no version", (PUSH,), _set(versionNumber=None)),
        Trick("push-other-slug", "the answer names another kernel", (PUSH,), _spoilt(_elsewhere)),
        Trick("dropped-sources", "the run starts without its sources", (PUSH,), _spoilt(_dropped)),
        Trick("notebook-not-found", "the push is refused in a 200", (PUSH,), _refused("Notebook not found")),
        Trick("session-cap", "too many sessions, in a 200", (PUSH,), _refused(_SESSIONS)),
        Trick("quota-spent", "no hours left, in a 200", (PUSH,), _refused(_HOURS)),
        Trick("quota-low", "six minutes are left of the week", (QUOTA,), _spoilt(_quota_low), 0),
        Trick("machine-substituted", "another machine than the one asked for", (KERNEL,), _spoilt(_substituted), 0),
        Trick("edited-on-kaggle", "a version that was saved in the web page, on top of git's", (KERNEL,), _edited, 0),
        Trick("source-changed", "the copy is not the one that was pushed", (KERNEL,), _spoilt(_changed), 0),
        Trick("sse-cut", "the log stream breaks after a few records, and replays", (STREAM,), _cut(400), 3),
        Trick("sse-short", "the log stream ends in its middle, as if that were its end", (STREAM,), _short, 1),
        Trick("sse-no-charset", "the log stream names no charset", (STREAM,), _no_charset, 0),
        Trick("status-lag", "an ended run is shown as running for a while", (STATUS,), _spoilt(_running), 3),
        Trick("stale-running", "an ended run is shown as running, for ever", (STATUS,), _spoilt(_running), 0),
        Trick("status-empty", "a status without a state", (STATUS,), lambda _: {}, 2),
        Trick("status-unknown", "a state that nobody knows", (STATUS,), _set(status="PAUSED"), 2),
        Trick("sessions-403", "this token may not read sessions", (STATUS, OUTPUT, STREAM), _denied, 0),
        Trick("status-403", "this token may not read states", (STATUS,), _denied, 0),
        Trick("stream-403", "this token may not follow the log", (STREAM,), _denied, 0),
        Trick("label-refused", "no version can be named", LABELLED, _label_refused, 0),
        Trick("label-bare", "versions are named 7, and not v7", LABELLED, _label_bare, 0),
        Trick("label-path", "versions are named in the slug, as slug/7", LABELLED, _label_path, 0),
        Trick("dataset-pending", "a dataset is processed for a while", (DATASET,), _set(status="BLOBS_RECEIVED"), 0),
        Trick("not-joined", "the rules of a competition were never accepted", (JOINED,), _set(userHasEntered=False), 0),
        Trick("upload-lost", "a file of a dataset that does not arrive", (UPLOAD,), _spoilt(_nowhere)),
        Trick("paging", "one output a page", (OUTPUT,), _one_by_one, 0),
        Trick("log-empty", "the persisted log is empty", (OUTPUT,), _set(log=""), 1),
        Trick("hostile-names", "outputs whose names lead out of the folder", (OUTPUT,), _spoilt(_hostile), 0),
        Trick("download-slow", "a download that drips", (FILE,), _slow),
        Trick("download-cut", "a download that breaks off", (FILE,), _cut(1000), 2),
        Trick("download-503", "a page in place of a file", (FILE,), _page, 2),
    )
}  # fmt: skip


def names_for(method: str) -> frozenset[str]:
    """The tricks that concern a method."""
    return _BY_METHOD.get(method, frozenset())


def _by_method() -> Iterator[tuple[str, frozenset[str]]]:
    methods = {method for trick in TRICKS.values() for method in trick.methods}
    for method in methods:
        yield method, frozenset(name for name, trick in TRICKS.items() if method in trick.methods)


_BY_METHOD = dict(_by_method())


def around(
    service: Service, faults: tuple[Fault, ...], method: str, fields: Fields, handler: Callable[[Fields], Any]
) -> Any:
    """The handler's answer, with every fault around it; the one armed first stands nearest to the handler."""
    proceed = handler
    for fault in faults:
        proceed = _wrapped(service, fault, method, proceed)
    return proceed(fields)


def _wrapped(service: Service, fault: Fault, method: str, inner: Callable[[Fields], Any]) -> Callable[[Fields], Any]:
    return lambda fields: TRICKS[fault.name].act(Strike(service, fault, method, fields, inner))
