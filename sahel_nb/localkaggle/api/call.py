"""One request to one method, as the handlers see it; and who is asking."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahel_nb.localkaggle import names, signing
from sahel_nb.localkaggle.executor.spec import INTERPRETER_HEADER, Interpreter
from sahel_nb.localkaggle.run_tokens import RunGrant
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.signing import Grant
from sahel_nb.localkaggle.store import accounts
from sahel_nb.localkaggle.wire import ApiError, Fields

if TYPE_CHECKING:
    from starlette.requests import Request


_BLOCK = 4096


@dataclass(frozen=True)
class Caller:
    """Who asks, by the credentials of a request."""

    account: str
    """Empty for a caller without credentials."""
    run: RunGrant | None = None
    """The run whose code asks; None for people and their programs."""
    has_key: bool = False
    """The key was the data folder's: whoever has it may be any account."""


NOBODY = Caller("")


@dataclass(frozen=True)
class Call:
    service: Service
    caller: Caller
    fields: Fields
    base: str
    """Scheme and authority by which the caller reached us: URLs for the caller's program are built from it."""
    page_base: str
    """The same for a browser. No browser finds us at the `http://localhost` that a proxied client speaks of."""
    interpreter: Interpreter | None = None
    """The caller's Python; None where the service runs everything in its own."""

    @property
    def account(self) -> str:
        return self.caller.account

    def need_account(self) -> str:
        if not self.account:
            raise ApiError(401, "Unauthenticated")
        return self.account

    def spend(self, size: int) -> None:
        """Count what the code of a run puts here, files of no size too. Raises `ApiError` beyond its allowance."""
        run = self.caller.run
        if run is not None:
            run.allowance -= max(size, _BLOCK)
            if run.allowance < 0:
                raise ApiError(413, "This run has uploaded as much as a run may")

    @property
    def allowance(self) -> int | None:
        """Bytes that the caller may put here; None for people, who may fill their own disk."""
        return max(0, self.caller.run.allowance) if self.caller.run is not None else None

    def file_url(self, grant: Grant) -> str:
        return self.base + signing.path_for(self.service.secret, grant, time.time())

    def page_url(self, path: str) -> str:
        """A URL for a browser."""
        return self.page_base + path


Handler = Callable[[Call], Any]
"""Answers with a JSON object or with a whole response. Runs in a thread; raises `ApiError`."""


def who(service: Service, request: Request) -> Caller:
    """The caller that a request's credentials prove; `NOBODY` without credentials. 401 for wrong ones.

    The key that lies in the data folder is good for every name: a name that is new becomes an account. A service with
    `only_own_key` answers 401 to everybody else but the runs that it started.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    only_own_key = service.options.only_own_key
    if not value:
        if only_own_key:
            raise ApiError(401, "Unauthenticated")
        return NOBODY
    run = service.run_tokens.find(value.strip()) if scheme.lower() == "bearer" else None
    if run is not None:
        return Caller(run.account, run)
    if scheme.lower() == "bearer" and not only_own_key:
        with service.db.read() as tx:
            found = accounts.by_token(tx, value.strip())
        if found is None:
            raise ApiError(401, "Unauthenticated")
        return Caller(found)
    if scheme.lower() != "basic":
        raise ApiError(401, "Unauthenticated")
    user, key = password(value.strip())
    name = names.account(user)
    if name is None or not key:
        raise ApiError(401, "Unauthenticated")
    with service.db.read() as tx:
        known = accounts.exists(tx, name)
        genuine = not only_own_key and accounts.check(tx, name, key)
    if genuine:
        return Caller(name)
    if not hmac.compare_digest(key.encode("utf-8"), service.key.encode("ascii")):
        raise ApiError(401, "Unauthenticated")
    if not known:
        with service.db.write() as tx:
            if not accounts.exists(tx, name):  # two first uses at once
                accounts.put(tx, name, secrets.token_hex(32), time.time())
    return Caller(name, has_key=True)


def password(value: str) -> tuple[str, str]:
    """User name and password of a Basic authorization (RFC 7617). Raises `ApiError` 401."""
    try:
        user, _, key = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise ApiError(401, "Unauthenticated") from None
    return user, key


def interpreter_of(service: Service, request: Request) -> Interpreter | None:
    """The caller's Python, for a service that answers its owner alone: nobody else chooses a program to start."""
    text = request.headers.get(INTERPRETER_HEADER, "")
    if not text or not service.options.only_own_key:
        return None
    try:
        return Interpreter.from_json(text)
    except ValueError as exc:
        raise ApiError(400, f"{INTERPRETER_HEADER}: {exc}") from exc


def is_loopback(request: Request) -> bool:
    """Whether a request comes from this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
