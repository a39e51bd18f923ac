"""What the service signs: URLs of files, and the key that opens its pages.

Downloads carry no credentials on Kaggle either: who holds the URL may read that one file.

/files/<kind><id>.<expiry>.<signature>/<path>      kind: k output of a version, o all its outputs as a zip,
                                                         d file of a dataset version, z all of it as a zip,
                                                         i file of a competition or a model, a all of it
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

LIFETIME = 7 * 24 * 3600

_GRANT = re.compile(r"([kodzia])([0-9]{1,18})\.([0-9]{1,12})\.([0-9a-f]{40})")


class Kind(Enum):
    OUTPUT = "k"
    OUTPUTS = "o"
    DATASET_FILE = "d"
    DATASET = "z"
    INPUT = "i"
    """`path` is below the data folder."""
    INPUTS = "a"


@dataclass(frozen=True)
class Grant:
    kind: Kind
    id: int
    path: str


def path_for(secret: bytes, grant: Grant, now: float) -> str:
    """The path and name under which a file may be fetched until its lifetime is over."""
    expiry = int(now) + LIFETIME
    head = f"{grant.kind.value}{grant.id}.{expiry}.{_signature(secret, grant, expiry)}"
    return f"/files/{head}/{quote(grant.path)}"


def check(secret: bytes, head: str, path: str, now: float) -> Grant | None:
    """The grant that a URL carries, or None where it was not signed here or is over."""
    match = _GRANT.fullmatch(head)
    if match is None:
        return None
    grant = Grant(Kind(match.group(1)), int(match.group(2)), path)
    expiry = int(match.group(3))
    genuine = hmac.compare_digest(_signature(secret, grant, expiry), match.group(4))
    return grant if genuine and now < expiry else None


@dataclass(frozen=True)
class PagesKey:
    """What a browser shows to see private pages: a cookie of this name and value, set by a visit to `/?key=<value>`.

    Only who can read the data folder's secret can make it. A run's sandbox cannot, though it reaches our port.
    """

    cookie: str
    value: str

    @classmethod
    def of(cls, secret: bytes) -> PagesKey:
        # Cookies are shared by all ports of a host: two services must not take each other's.
        return cls(f"sahel-nb-{_hmac(secret, b'pages cookie')[:12]}", _hmac(secret, b"pages key"))

    def fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.value.encode())


def _signature(secret: bytes, grant: Grant, expiry: int) -> str:
    text = f"{grant.kind.value}\n{grant.id}\n{expiry}\n{grant.path}".encode("utf-8", "surrogateescape")
    return _hmac(secret, text)


def _hmac(secret: bytes, text: bytes) -> str:
    return hmac.new(secret, text, hashlib.sha256).hexdigest()[:40]
