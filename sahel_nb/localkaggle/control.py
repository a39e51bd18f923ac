"""The admin's side of a running service: arm faults for a kernel, disarm them again, end its sessions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from sahel_nb.errors import NetworkError, UsageError
from sahel_nb.localkaggle.tricks import TRICKS


@dataclass(frozen=True)
class Struck:
    """How often a fault has struck."""

    name: str
    times: int


@dataclass(frozen=True)
class Control:
    url: str
    token: str

    def arm(self, name: str, kernel: str, times: int | None) -> None:
        """Raises `UsageError` where the service knows no faults, or was started without --admin."""
        fields: dict[str, Any] = {"name": name, "kernel": kernel}
        self._post("fault", fields if times is None else {**fields, "times": times})

    def calm(self, kernel: str) -> tuple[Struck, ...]:
        """Disarm what is armed for a kernel."""
        answer = self._post("calm", {"kernel": kernel})
        return tuple(Struck(str(row["name"]), int(row["struck"])) for row in answer["disarmed"])

    def cancel(self, owner: str, slug: str, version: int) -> None:
        """Ask a session to end."""
        self._post("cancel", {"owner": owner, "slug": slug, "version": version})

    def _post(self, verb: str, fields: dict[str, Any]) -> dict[str, Any]:
        request = Request(  # noqa: S310  our own service, at the address that it announced
            f"{self.url}/admin/{verb}",
            json.dumps(fields).encode("utf-8"),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except HTTPError as exc:
            raise UsageError(
                f"the embedded service that runs takes no orders from here (HTTP {exc.code})",
                hints=("sahel-nb local stop",),
            ) from exc
        except (URLError, OSError, ValueError) as exc:
            raise NetworkError(f"the embedded service does not answer: {exc}") from exc


def parse(text: str) -> tuple[str, int | None]:
    """`sse-cut` or `sse-cut=2`: a fault, and how often it strikes (0: always). Raises `UsageError`, listing them."""
    name, equals, times = text.partition("=")
    if name not in TRICKS or (equals and not (times.isascii() and times.isdigit())):
        raise UsageError(
            f"{text!r} is no fault: write NAME or NAME=TIMES",
            details=tuple(f"{trick.name:<20} {trick.what}" for trick in TRICKS.values()),
        )
    return name, int(times) if equals else None
