"""URLs of files. Downloads carry no credentials on Kaggle either: who holds the URL may read that one file.

/files/<kind><id>.<expiry>.<signature>/<path>      kind: k output of a version, o all its outputs as a zip,
                                                         d file of a dataset version, z all of it as a zip
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

LIFETIME = 7 * 24 * 3600

_GRANT = re.compile(r"([kodz])([0-9]{1,18})\.([0-9]{1,12})\.([0-9a-f]{40})")


class Kind(Enum):
    OUTPUT = "k"
    OUTPUTS = "o"
    DATASET_FILE = "d"
    DATASET = "z"


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


def _signature(secret: bytes, grant: Grant, expiry: int) -> str:
    text = f"{grant.kind.value}\n{grant.id}\n{expiry}\n{grant.path}".encode("utf-8", "surrogateescape")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()[:40]
