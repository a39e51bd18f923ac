"""Which Kaggle we talk to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from sahel_nb.errors import UsageError

CONNECT_TIMEOUT = 10.0
SLOWEST = 64
"""Bytes a second, the least that an answer may bring: a twentieth of GPRS on a bad day."""


class TargetKind(Enum):
    KAGGLE = "kaggle"
    EMBEDDED = "embedded"
    """The service that `sahel-nb --local` starts or reuses; it registers who asks."""
    OTHER = "other"
    """A Kaggle-compatible service at an address that was named."""


@dataclass(frozen=True)
class Target:
    kind: TargetKind
    url: str = ""
    """`http://host:port` without a trailing slash; empty for Kaggle itself."""
    username: str = ""
    key: str = field(default="", repr=False)
    """Credentials to use in place of the person's own: theirs are for Kaggle, and stay there."""
    patience: float = 60.0
    """Seconds without a byte after which an answer is given up."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request, for services that know more than Kaggle does."""

    @property
    def name(self) -> str:
        """What a run's record calls it: the service that numbers its versions. An embedded one's port changes."""
        return self.url if self.kind is TargetKind.OTHER else self.kind.value

    @property
    def is_loopback(self) -> bool:
        """It is on this very machine, where no proxy leads."""
        host = urlsplit(self.url).hostname or ""
        return host == "localhost" or host == "::1" or host.startswith("127.")

    @classmethod
    def choose(cls, value: str) -> Target:
        """Read SAHEL_NB_KAGGLE: empty or `kaggle`, `local`, or an http(s) URL. Raises `UsageError`."""
        if value in ("", "kaggle"):
            return cls(TargetKind.KAGGLE)
        if value == "local":
            return cls(TargetKind.EMBEDDED)
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.hostname:
            return cls(TargetKind.OTHER, value.rstrip("/"))
        raise UsageError(
            f"SAHEL_NB_KAGGLE must be `kaggle`, `local` or a URL, not {value!r}",
            hints=("export SAHEL_NB_KAGGLE=local",),
        )


def patience_of(value: str) -> float:
    """Read SAHEL_NB_KAGGLE_TIMEOUT, in seconds: longer for a very slow line. Raises `UsageError`."""
    if not value:
        return Target.patience
    if value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 3600:
        return float(value)
    raise UsageError(
        f"SAHEL_NB_KAGGLE_TIMEOUT must be whole seconds, from 1 to 3600, not {value!r}",
        hints=("unset SAHEL_NB_KAGGLE_TIMEOUT",),
    )
