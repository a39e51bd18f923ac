"""Foreign failures, translated once: what `requests` and the SDK raise becomes one of our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sahel_nb.errors import AuthError, NetworkError, SahelError
from sahel_nb.kernels import backoff

if TYPE_CHECKING:
    import requests


class Refusal(SahelError):
    """The service understood, and said no; `status` is the number that it said it with, 0 where it used words."""

    exit_code = 4
    status = 0


class NotFound(Refusal):
    """The service says that there is no such thing, or that these credentials may not know of it."""


class Rejected(Refusal):
    """Any other no (a 4xx other than those above)."""


def _with(status: int, refusal: Refusal) -> Refusal:
    refusal.status = status
    return refusal


def explain(response: object) -> str:
    """The message of an error answer in either of the service's shapes, else the HTTP reason."""
    try:
        body = response.json()  # type: ignore[attr-defined]  # a requests.Response; it may also be anything a proxy sent
    except ValueError:
        body = None
    if isinstance(body, dict):
        inner = body.get("error")
        message = body.get("message") or (inner.get("message") if isinstance(inner, dict) else inner)
        if isinstance(message, str) and message:
            return message
    return str(getattr(response, "reason", "") or "no reason given")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Run a call to the service; raises `AuthError`, `NotFound`, `Rejected` or `NetworkError`, naming `doing`.

    A `NetworkError` is `backoff.Busy` where the service answered with a status. What `transport` does not take is
    `Rejected` where something was read, else a `NetworkError`.

    A `NetworkError` says nothing about whether the request took effect: the caller knows whether that matters.
    """
    import requests

    from sahel_nb.kernels.transport import Unwelcome

    try:
        yield
    except Unwelcome as exc:
        if exc.request is not None and exc.request.method == "GET":
            raise Rejected(f"{doing}: {exc}") from exc
        raise NetworkError(f"{doing}: {exc}") from exc
    except requests.exceptions.HTTPError as exc:
        response = exc.response
        status = response.status_code if response is not None else 0
        why = explain(response) if response is not None else str(exc)
        if status == 401:
            raise AuthError(
                f"Kaggle does not accept these credentials ({doing}: 401 {why})",
                hints=("sahel-nb doctor",),
            ) from exc
        if status in (403, 404):
            raise _with(status, NotFound(f"{doing}: {status} {why}")) from exc
        if 400 <= status < 500 and status != 429:
            raise _with(status, Rejected(f"{doing}: {status} {why}")) from exc
        after = backoff.asked(response.headers.get("Retry-After")) if response is not None else 0.0
        wait = f"; it asks to wait {after:.0f} s" if after > backoff.MOST_ASKED else ""
        raise backoff.Busy(f"{doing}: Kaggle answered {status} {why}{wait}", after) from exc
    except requests.exceptions.RequestException as exc:
        raise NetworkError(f"{doing}: no answer from {_asked(exc)} ({_short(exc)})") from exc
    except (KeyError, TypeError, ValueError) as exc:
        # The SDK raises these on an answer it cannot deserialise: an unknown enum, a null list, HTML with status 200.
        raise NetworkError(f"{doing}: an answer that cannot be understood ({type(exc).__name__}: {exc})") from exc


def _asked(exc: requests.exceptions.RequestException) -> str:
    """Who did not answer; by its address where that is not Kaggle's own, which is easily set and forgotten."""
    from urllib.parse import urlsplit

    host = urlsplit(exc.request.url or "").netloc if exc.request is not None else ""
    return f"Kaggle at {host}" if host and not f".{host}".endswith(".kaggle.com") else "Kaggle"


_CAUSES = ("connection refused", "timed out", "name or service not known", "connection reset", "network is unreachable")


def _short(exc: Exception) -> str:
    text = str(exc)
    for cause in (
        "Connection refused",
        "timed out",
        "Name or service not known",
        "Connection reset",
        "Network is unreachable",
    ):
        if cause.lower() in text.lower():
            return cause.lower()
    return type(exc).__name__
