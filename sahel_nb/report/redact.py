"""Secrets are taken out of what is shown or written down: in messages, in crash logs, in answers as JSON.

Everywhere: the user's part of a URL, the value of an Authorization header or of git's http.extraHeader, and the values
of this process's variables whose names say that they are secret (`KAGGLE_KEY`, `HF_TOKEN`). `thorough`, for a crash
log, which quotes whole sources: also what a setting with such a name is given, what Kaggle's files of credentials hold,
and what the guard's own patterns find.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Protocol

    class Found(Protocol):
        """A secret in a text."""

        @property
        def value(self) -> bytes: ...

    Search = Callable[[bytes], Iterable[Found]]
    """Finds secrets by their shape: `notebook.secrets.search`, which this layer does not import."""

REDACTED = "<redacted>"
SHORTEST = 8
"""Characters of a variable's value that is looked for; a shorter one would be found in ordinary words."""


# Patterns as texts: most that is said has nothing of the kind in it, and compiling them takes longer than saying it.
_URL = r"""(?i)(\b[a-z][a-z0-9+.-]*)://([^/?#\s'"`\\]+)@"""
# Behind a name in quotes stands a value in quotes: an answer in JSON stays one.
_HEADER = (
    r"""(?i)(authorization(?:['"]\s*+[:=]\s*+['"]|\s*+[:=]\s*+['"]?+)"""
    r"""(?:(?:basic|bearer|token|digest|negotiate)\s+)?)[^\s'",)}`\\]+"""
)
# Whatever git is told to send is there so that somebody is let in.
_EXTRA_HEADER = (
    r"""(?i)(extraheader(?:['"]\s*+[=,:]?+\s*+['"]|(?!['"])\s*+[=,:]?+\s*+['"]?+))(?![\s:,\]}])[^'"`\n\\]+"""
)
_SETTING = (
    r"""(?i)((?:key|token|password|passwd|secret|authorization)['"]?\s*[:=]\s*['"]?(?:(?:basic|bearer)\s+)?"""
    r"""|--(?:user|token|password|key|secret)(?:=|['"]?,?\s+['"]?))[^\s'",)}]{6,}"""
)
_WORDS = {
    "KEY",
    "KEYS",
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASS",
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASSPHRASE",
}
_WORDS |= {"PWD", "CREDENTIAL", "CREDENTIALS", "AUTH", "PAT", "BEARER"}
_ENDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD")
# Places and names, and git's way of passing the name of a setting.
_NO_VALUE = frozenset(("SOCK", "FILE", "PATH", "DIR", "HOME", "URL", "ID", "NAME", "ASKPASS"))


def redacted(text: str, search: Search | None = None) -> str:
    """`text` without secrets. With `search`, which finds secrets by their shape, it is thorough."""
    for value in sorted(_known(os.environ, thorough=search is not None), key=len, reverse=True):
        if value in text:
            text = text.replace(value, REDACTED)
    if "://" in text and "@" in text:
        text = _sub(_URL, _without_user, text)
    lower = text.lower()
    if "extraheader" in lower:
        text = _sub(_EXTRA_HEADER, rf"\1{REDACTED}", text)
    if "authorization" in lower:
        text = _sub(_HEADER, rf"\1{REDACTED}", text)
    if search is not None:
        text = _sub(_SETTING, rf"\1{REDACTED}", text)
        for found in search(text.encode("utf-8", "surrogatepass")):
            text = text.replace(found.value.decode("utf-8", "surrogatepass"), REDACTED)
    return text


def without_user(text: str) -> str:
    """For a command to type: URLs without the user's part, which git asks its credential helper for."""
    if "://" not in text or "@" not in text:
        return text
    return _sub(_URL, lambda match: match[0] if "ssh" in match[1].lower() else f"{match[1]}://", text)


def _without_user(match: re.Match[str]) -> str:
    """An ssh URL's user is no secret (`ssh://git@host`), its password is; elsewhere a token may stand for the user."""
    scheme, user = match[1], match[2]
    if "ssh" not in scheme.lower():
        return f"{scheme}://{REDACTED}@"
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{colon and ':' + REDACTED}@"


def _known(environ: Mapping[str, str], *, thorough: bool) -> set[str]:
    """The secrets that this process was given."""
    found = set(_in_environment(environ))
    if thorough:
        found.update(_in_files(environ))
    return {value for value in found if len(value) >= SHORTEST}


def _in_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name == "SAHEL_NB_LOCAL_USERS":  # NAME:KEY …
            yield from (word.partition(":")[2] for word in value.split())
        elif name == "SAHEL_NB_LOCAL_TOKENS":  # TOKEN=NAME …
            yield from (word.partition("=")[0] for word in value.split())
        elif name.startswith("GIT_CONFIG_VALUE_"):
            key = environ.get(f"GIT_CONFIG_KEY_{name[17:]}", "").lower()
            if key.endswith(("extraheader", "password", "token")):
                yield value
        elif _is_secret(name.upper()):
            yield value.strip()


def _is_secret(name: str) -> bool:
    """Whether a variable's name says that its value is secret."""
    parts = name.split("_")
    if parts[-1] in _NO_VALUE or name in ("PWD", "OLDPWD") or name.startswith("GIT_CONFIG_KEY_"):
        return False
    return name.endswith(_ENDS) or not _WORDS.isdisjoint(parts)


def _sub(pattern: str, new: str | Callable[[re.Match[str]], str], text: str) -> str:
    import re

    return re.sub(pattern, new, text)


def _in_files(environ: Mapping[str, str]) -> Iterator[str]:
    """What lies where Kaggle's client looks for credentials."""
    import json
    from pathlib import Path

    home = Path(environ.get("HOME") or "/")
    folders = [home / ".kaggle", home / ".config" / "kaggle"]
    if environ.get("KAGGLE_CONFIG_DIR"):
        folders.append(Path(environ["KAGGLE_CONFIG_DIR"]))
    for folder in folders:
        for name in ("kaggle.json", "access_token", "access_token.txt", "credentials.json"):
            try:
                text = (folder / name).read_bytes()[: 1 << 16].decode("utf-8", "replace").strip()
            except OSError:
                continue
            if not name.endswith(".json"):
                yield text
                continue
            try:
                value = json.loads(text)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield from (
                    item
                    for key, item in value.items()
                    if isinstance(item, str) and ("key" in key or "token" in key or "secret" in key)
                )
