"""The envelope of Kaggle's API: JSON objects in camelCase, its errors, its timestamps, its durations.

An error carries both shapes at once, because the live service sends the nested one and the client prints the message
of the flat one only:

    {"code": 403, "message": "…", "error": {"code": 403, "message": "…", "status": "PERMISSION_DENIED"}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_NUMBER = re.compile(r"-?[0-9]{1,19}")  # 64-bit numbers may come as strings: JSON's own are doubles for many
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
}


class ApiError(Exception):
    """An answer that is an HTTP error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        status = _STATUS.get(self.code, "INTERNAL")
        return {
            "code": self.code,
            "message": self.message,
            "error": {"code": self.code, "message": self.message, "status": status},
        }


def denied(permission: str) -> ApiError:
    """What the live service says both of things that are not yours and of things that are not."""
    return ApiError(403, f"Permission '{permission}' was denied")


class Fields:
    """A request's JSON object. The client omits fields at their default; a wrong type is a 400, never a traceback."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def parse(cls, body: bytes) -> Fields:
        try:
            values = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise ApiError(400, "The request's body is not JSON") from None
        if not isinstance(values, dict):
            raise ApiError(400, "The request's body must be a JSON object")
        return cls(values)

    def but(self, **values: Any) -> Fields:
        """The same request with some fields changed."""
        return Fields({**self._values, **values})

    def text(self, key: str, default: str = "") -> str:
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ApiError(400, f"{key} must be a string")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ApiError(400, f"{key} is not valid Unicode") from None
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ApiError(400, f"{key} must be true or false")
        return value

    def number(self, key: str, default: int = 0) -> int:
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
            raise ApiError(400, f"{key} must be a number")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise ApiError(400, f"{key} must be a list")
        return tuple(Fields({key: item}).text(key) for item in value)

    def objects(self, key: str) -> tuple[Fields, ...]:
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ApiError(400, f"{key} must be a list of objects")
        return tuple(Fields(item) for item in value)

    def object(self, key: str) -> Fields:
        value = self._values.get(key)
        if value is None:
            return Fields({})
        if not isinstance(value, dict):
            raise ApiError(400, f"{key} must be an object")
        return Fields(value)

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None


def stamp(epoch: float) -> str:
    """`2026-11-28T00:00:00.1234567Z`: seven digits, as .NET writes them."""
    moment = datetime.fromtimestamp(epoch, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}0Z"


def duration(seconds: float) -> str:
    """`108000s` or `1.500s`: the two spellings that the client's parser reads back exactly."""
    millis = max(0, round(seconds * 1000))
    return f"{millis // 1000}s" if millis % 1000 == 0 else f"{millis // 1000}.{millis % 1000:03d}s"


def page(fields: Fields, total: int, *, default: int = 20, limit: int = 200) -> tuple[int, int, str]:
    """`(offset, size, next token)` of the page that a request asks for. Tokens are opaque to clients."""
    size = fields.number("pageSize", default) or default
    if size < 0:
        raise ApiError(400, "pageSize must be positive")
    size = min(size, limit)
    token = fields.text("pageToken")
    if token:
        digits = token.removeprefix("p")
        if token == digits or not digits.isascii() or not digits.isdigit() or len(digits) > 9:
            raise ApiError(400, "Invalid page token")
        offset = int(digits)
    else:
        offset = (max(1, min(fields.number("page", 1), 10**6)) - 1) * size
    end = offset + size
    return offset, size, f"p{end}" if end < total else ""
