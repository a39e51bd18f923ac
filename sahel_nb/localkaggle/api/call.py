"""One request to one method, as the handlers see it; and who is asking."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahel_nb.localkaggle import names, signing
from sahel_nb.localkaggle.authority import LOOPBACK, split
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.signing import Grant
from sahel_nb.localkaggle.store import accounts
from sahel_nb.localkaggle.wire import ApiError, Fields

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True)
class Call:
    service: Service
    account: str
    """Empty for a caller without credentials."""
    fields: Fields
    base: str
    """Scheme and authority by which the caller reached us: URLs for the caller's program are built from it."""
    page_base: str
    """The same for a browser. No browser finds us at the `http://localhost` that a proxied client speaks of."""

    def need_account(self) -> str:
        if not self.account:
            raise ApiError(401, "Unauthenticated")
        return self.account

    def file_url(self, grant: Grant) -> str:
        return self.base + signing.path_for(self.service.secret, grant, time.time())

    def page_url(self, path: str) -> str:
        """A URL for a browser."""
        return self.page_base + path


Handler = Callable[[Call], Any]
"""Answers with a JSON object or with a whole response. Runs in a thread; raises `ApiError`."""


def who(service: Service, request: Request) -> str:
    """The account that a request's credentials prove; empty without credentials. 401 for wrong ones."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if not value:
        return ""
    if scheme.lower() == "bearer":
        with service.db.read() as tx:
            found = accounts.by_token(tx, value.strip())
        if found is None:
            raise ApiError(401, "Unauthenticated")
        return found
    if scheme.lower() != "basic":
        raise ApiError(401, "Unauthenticated")
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError(401, "Unauthenticated") from None
    user, colon, key = text.partition(":")
    name = names.account(user)
    if name is None or not colon or not key:
        raise ApiError(401, "Unauthenticated")
    with service.db.read() as tx:
        if accounts.check(tx, name, key):
            return name
    if service.options.signup and is_loopback(request):
        with service.db.write() as tx:
            # Looked at again inside the transaction: two first uses at once must not overwrite each other.
            if not accounts.exists(tx, name):
                accounts.put(tx, name, key, time.time())
            if accounts.check(tx, name, key):
                return name
    raise ApiError(401, "Unauthenticated")


def is_loopback(request: Request) -> bool:
    """Whether a request comes from this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def is_local(request: Request) -> bool:
    """Comes from this machine and asked for it by a loopback name: no web page of another name is behind it."""
    authority = split(request.headers.get("host", ""))
    return is_loopback(request) and authority is not None and authority[0] in LOOPBACK
