"""The real Kaggle, through the `kaggle` package's Python API (see `package` for how that is opened)."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from sahel_nb.errors import NOTHING_STARTED, NetworkError, PushRejected
from sahel_nb.kernels import backoff, logs
from sahel_nb.kernels.arriving import arriving
from sahel_nb.kernels.door import NotFound, Rejected, translated
from sahel_nb.kernels.labels import Address, Labels
from sahel_nb.kernels.log_answer import log_lines, without_log
from sahel_nb.kernels.model import (
    Account,
    KernelInfo,
    KernelRef,
    LogRecord,
    OutputFile,
    Pushed,
    Quota,
    Quotas,
    RunState,
    RunStatus,
)
from sahel_nb.kernels.package import open_api
from sahel_nb.kernels.quick import open_session, url_of
from sahel_nb.kernels.service import PartlyPushed
from sahel_nb.kernels.source_state import SourceState, state_of
from sahel_nb.kernels.target import CONNECT_TIMEOUT, Target

PAGE_SIZE = 100
CHUNK = 1 << 16


def _unsaid(_text: str) -> None:
    return


class KaggleClient:
    """A `KernelService` over the wire. `say` hears once where versions have to be named in another way than `v7`."""

    def __init__(self, target: Target, say: Callable[[str], None] = _unsaid) -> None:
        self._target = target
        self.labels = Labels(self._current, say)

    # -- who and where

    def account(self) -> Account:
        values = self.api.config_values
        return Account(
            str(values.get("username", "")), str(values.get("auth_method", "unknown")).split(".")[-1].lower()
        )

    def web_url(self, ref: KernelRef) -> str:
        base = self._target.url or "https://www.kaggle.com"
        return f"{base}/code/{ref}"

    # -- reading

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        try:
            answer = self.get_kernel(ref, version)
        except NotFound:
            return None
        meta, blob = answer.metadata, answer.blob
        return KernelInfo(
            ref=str(meta.ref or ref).removeprefix("/code/"),
            title=str(meta.title or ""),
            current_version=int(meta.current_version_number or 0),
            source=str(blob.source or "") if blob is not None else "",
            id=int(meta.id or 0),
        )

    def get_kernel(self, ref: KernelRef, version: int | None = None) -> Any:
        """`GetKernel` as the SDK has it. Raises the errors of `kernels.door`."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

        def ask(where: Address) -> Any:
            request = _named(ApiGetKernelRequest(), ref, where)
            return self._read(f"reading {ref}", lambda kernels: kernels.get_kernel(request))

        return ask(Address(ref.slug)) if version is None else self.labels.ask("kernel", ref, version, ask)

    def _current(self, ref: KernelRef) -> int:
        found = self.kernel(ref)
        return found.current_version if found is not None else 0

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

        def once(where: Address) -> RunStatus:
            request = _named(ApiGetKernelSessionStatusRequest(), ref, where)
            with self._session() as sdk:
                raw = _Body(sdk)
                with translated(f"asking for the status of {ref} v{version}"):
                    try:
                        answer = sdk.kernels.kernels_api_client.get_kernel_session_status(request)
                    except (KeyError, TypeError) as exc:  # a state that this SDK does not know
                        return RunStatus(RunState.UNKNOWN, f"Kaggle answered a state we do not know: {exc}")
                # An empty answer deserialises to QUEUED, the first member: believe only what was really said.
                if not raw.has("status"):
                    return RunStatus(RunState.UNKNOWN, "Kaggle answered without a state")
            state = str(getattr(answer.status, "name", answer.status))
            known = {member.value: member for member in RunState}
            return RunStatus(known.get(state, RunState.UNKNOWN), str(answer.failure_message or ""))

        def ask(where: Address) -> RunStatus:
            # Who waits for an end asks again anyway, and has a log to show meanwhile.
            return backoff.again(lambda: once(where), attempts=2, most=1.0)

        return self.labels.ask("status", ref, version, ask)

    def stream(self, ref: KernelRef, version: int) -> Iterator[LogRecord | None]:
        with contextlib.ExitStack() as stack:
            response = self.labels.ask("stream", ref, version, lambda where: self._opened(stack, ref, version, where))
            with translated(f"following the log of {ref} v{version}"):
                if "event-stream" in response.headers.get("Content-Type", ""):
                    yield from logs.parse_stream(logs.lines(arriving(response)))
                else:
                    text = (line.decode("utf-8", "replace") for line in logs.lines(response.iter_content(CHUNK)))
                    yield from logs.persisted(text)
                    yield None

    def _opened(self, stack: contextlib.ExitStack, ref: KernelRef, version: int, where: Address) -> Any:
        """The stream of a log, as far as its head; it is closed with `stack`."""
        http = stack.enter_context(self._session())._http_client
        http._init_session()
        with translated(f"following the log of {ref} v{version}"):
            response = http._session.get(
                http._get_request_url("kernels", "logs") + f"/stream/{ref.owner}/{where.slug}",
                params={"versionLabel": where.label} if where.label else {}, stream=True,
                headers={"Accept": "text/event-stream, */*", "Content-Type": None},
                timeout=(CONNECT_TIMEOUT, self._target.patience),
            )  # fmt: skip
            stack.enter_context(response)
            response.raise_for_status()
        return response

    def log(self, ref: KernelRef, version: int) -> Iterator[LogRecord]:
        given = failures = 0
        while True:
            try:
                for record in islice(self._log(ref, version), given, None):
                    given, failures = given + 1, 0
                    yield record
                return
            except NetworkError as exc:
                failures += 1
                if failures == backoff.ATTEMPTS or backoff.wish(exc) > backoff.MOST_ASKED:
                    raise
                time.sleep(backoff.pause(failures, backoff.wish(exc)))

    def _log(self, ref: KernelRef, version: int) -> Iterator[LogRecord]:
        with translated(f"reading the log of {ref} v{version}"), self._answer(ref, version, 1) as chunks:
            yield from logs.persisted(log_lines(chunks))

    @contextlib.contextmanager
    def _answer(self, ref: KernelRef, version: int, size: int, token: str = "") -> Iterator[Iterator[bytes]]:
        """ListKernelSessionOutput, past the SDK: the answer has the log in it, and the SDK holds an answer whole."""
        with contextlib.ExitStack() as stack:

            def opened(where: Address) -> Any:
                values: dict[str, Any] = {"userName": ref.owner, "kernelSlug": where.slug, "pageSize": size}
                values |= {"versionLabel": where.label} if where.label else {}
                values |= {"pageToken": token} if token else {}
                session, url = stack.enter_context(self._requests("ListKernelSessionOutput"))
                with translated(f"reading what {ref} v{version} left"):
                    response = stack.enter_context(session.post(url, json=values, stream=True))
                    response.raise_for_status()
                return response

            yield self.labels.ask("outputs", ref, version, opened).iter_content(CHUNK)

    def outputs(self, ref: KernelRef, version: int) -> Iterator[OutputFile]:
        token = ""
        while True:
            page = self._output_page(ref, version, token)
            for item in filter(_is_object, page.get("files") or ()):
                yield OutputFile(str(item.get("fileName") or ""), str(item.get("url") or ""))
            following = str(page.get("nextPageToken") or "")
            if not following or following == token:
                return
            token = following

    def _output_page(self, ref: KernelRef, version: int, token: str) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            with (
                translated(f"listing the outputs of {ref} v{version}"),
                self._answer(ref, version, PAGE_SIZE, token) as chunks,
            ):
                return without_log(chunks)

        return backoff.again(once)

    def quotas(self) -> Quotas:
        from kagglesdk.kernels.types.kernels_api_service import ApiGetAcceleratorQuotaStatisticsRequest

        request = ApiGetAcceleratorQuotaStatisticsRequest()
        answer = self._read("asking for the quota", lambda kernels: kernels.get_accelerator_quota_statistics(request))
        return Quotas(_quota(answer, answer.gpu_quota), _quota(answer, answer.tpu_quota))

    def source(self, key: str, name: str) -> SourceState:
        def once() -> SourceState:
            with self._session() as sdk:
                return state_of(sdk, key, name)

        return backoff.again(once)

    # -- the one call that starts something

    def push(self, folder: Path, timeout: int | None) -> Pushed:
        try:
            with translated("pushing"), contextlib.redirect_stdout(io.StringIO()):
                answer = self.api.kernels_push(str(folder), timeout=str(timeout) if timeout else None)
        except (NotFound, Rejected) as exc:
            raise PushRejected(exc.message, kaggle=NOTHING_STARTED, details=_advice(exc.message)) from exc
        return _settle(answer)

    # -- the package itself

    def _read(self, doing: str, call: Callable[[Any], Any]) -> Any:
        """A call that may be made twice, on the SDK's client for kernels."""

        def once() -> Any:
            with self._session() as sdk, translated(doing):
                return call(sdk.kernels.kernels_api_client)

        return backoff.again(once)

    @contextlib.contextmanager
    def _requests(self, method: str) -> Iterator[tuple[Any, str]]:
        """A signed `requests.Session`, and where it may ask for a method of the kernels' service."""
        service = "kernels.KernelsApiService"
        quick = open_session(self._target)
        if quick is not None:
            with quick:
                yield quick, url_of(self._target, service, method)
            return
        with self._session() as sdk:
            yield sdk._http_client._session, sdk._http_client._get_request_url(service, method)

    @contextlib.contextmanager
    def _session(self) -> Iterator[Any]:
        with self.api.build_kaggle_client() as sdk:
            yield sdk

    @cached_property
    def api(self) -> Any:
        """The package's own API object, signed in. Raises what `package.open_api` raises."""
        return open_api(self._target)


class _Body:
    """Remembers the JSON object of the session's last answer, for what deserialising loses."""

    def __init__(self, sdk: Any) -> None:
        self._keys: set[str] = set()
        sdk._http_client._response_processor = self._look

    def _look(self, response: Any) -> None:
        body = response.json()
        self._keys = set(body) if isinstance(body, dict) else set()

    def has(self, key: str) -> bool:
        return key in self._keys


def _named(request: Any, ref: KernelRef, where: Address) -> Any:
    request.user_name, request.kernel_slug = ref.owner, where.slug
    if where.label:
        request.version_label = where.label
    return request


def _is_object(item: object) -> bool:
    return isinstance(item, dict)


def _settle(answer: Any) -> Pushed:
    """An answer with status 200 can still be a refusal, or a start with sources dropped: both are failures."""
    error = str(getattr(answer, "error", "") or "")
    version = int(getattr(answer, "version_number", 0) or 0)
    url = str(getattr(answer, "url", "") or "")
    ref = str(getattr(answer, "ref", "") or "").removeprefix("/code/").strip("/")
    if error:
        raise PushRejected(
            f"Kaggle refused the push: {error}",
            kaggle=f"v{version} was made all the same: {url}" if version else NOTHING_STARTED,
            details=_advice(error),
            started=bool(version),
        )
    if not version:
        raise NetworkError("Kaggle took the push and named no version", kaggle="A version may have been made.")
    dropped = {
        kind: list(getattr(answer, f"invalid_{kind}_sources", None) or [])
        for kind in ("dataset", "competition", "kernel", "model")
    }
    dropped["tag"] = list(getattr(answer, "invalid_tags", None) or [])
    lines = tuple(f"not accepted: {kind} {name}" for kind, names in dropped.items() for name in names)
    pushed = Pushed(ref, version, url, int(getattr(answer, "kernel_id", 0) or 0))
    if lines:
        raise PartlyPushed(pushed, lines)
    return pushed


def _advice(error: str) -> tuple[str, ...]:
    if "not found" in error.lower() or ": 403 " in error or ": 404 " in error:
        return (
            "A kernel of another account takes pushes from its owner, and perhaps from collaborators.",
            "A kernel made in the web page and never saved takes none: open it, Save Version, try again.",
        )
    if "session count" in error.lower():
        return ("Other sessions of this account are running; this one can start when one of them has ended.",)
    return ()


def _quota(answer: Any, quota: Any) -> Quota | None:
    if quota is None or quota.total_time_allowed is None:
        return None
    zero = timedelta()
    return Quota(
        quota.time_used or zero, quota.time_reserved or zero, quota.total_time_allowed, answer.quota_refresh_time
    )
