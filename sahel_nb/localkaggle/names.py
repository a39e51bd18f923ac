"""Names that came over the wire or out of a run: what they may look like, and where they may point.

Everything here is pure. A name that passes may be joined to a folder of ours without leaving it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MIN_KERNEL = 5
MIN_DATASET = 6
MAX_SLUG = 50

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LABEL = re.compile(r"v([1-9][0-9]{0,8})")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Ref:
    """`owner/slug`, both lower-case and known to be harmless as path components."""

    owner: str
    slug: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.slug}"


def account(text: str) -> str | None:
    """The account's name in its canonical lower case, or None where it cannot be one."""
    name = text.strip().lower()
    return name if _ACCOUNT.fullmatch(name) else None


def slug(text: str) -> str | None:
    name = text.strip().lower()
    return name if _SLUG.fullmatch(name) and len(name) <= MAX_SLUG else None


def ref(owner: str, name: str) -> Ref | None:
    """A reference whose two halves are valid. Lengths beyond the common ones are the callers' rules."""
    left, right = account(owner), slug(name)
    return Ref(left, right) if left and right else None


def split_ref(text: str, default_owner: str = "") -> Ref | None:
    """`owner/slug`, or a bare slug of `default_owner`."""
    owner, slash, name = text.rpartition("/")
    return ref(owner if slash else default_owner, name)


def pinned(text: str) -> tuple[Ref, int | None] | None:
    """`owner/slug` or `owner/slug/N`, as `dataset_sources` spells a version."""
    parts = text.strip().strip("/").split("/")
    if len(parts) == 4 and parts[2] == "versions":
        del parts[2]
    if len(parts) not in (2, 3):
        return None
    found = ref(parts[0], parts[1])
    if found is None:
        return None
    if len(parts) == 2:
        return found, None
    return (found, int(parts[2])) if _NUMBER.fullmatch(parts[2]) else None


def label(text: str) -> int | None:
    """The number in a version label. Only `v3` is one: the live service answers 404 to a bare `3`."""
    match = _LABEL.fullmatch(text)
    return int(match.group(1)) if match else None


def framework(text: str) -> str:
    """A model's framework as sources spell it, from the wire's MODEL_FRAMEWORK_PY_TORCH: `pyTorch`."""
    first, *words = text.removeprefix("MODEL_FRAMEWORK_").lower().split("_")
    return first + "".join(word.capitalize() for word in words)


def slug_of(title: str) -> str:
    """What a title resolves to, by the same function as the client's."""
    from slugify import slugify

    return str(slugify(title))


def file_path(name: str) -> str | None:
    """A relative POSIX path without surprises, or None: absolute, `..`, control characters, not UTF-8, too long."""
    if not name or len(name) > 1000 or "\\" in name or any(ord(c) < 32 or ord(c) == 127 for c in name):
        return None
    try:
        parts = [part.encode("utf-8") for part in name.split("/")]
    except UnicodeEncodeError:  # lone surrogates: bytes on disk that are not UTF-8
        return None
    if any(part in (b"", b".", b"..") or len(part) > 255 for part in parts):
        return None
    return name


def file_name(name: str) -> str | None:
    """A single path component under the same rules."""
    return file_path(name) if "/" not in name else None
