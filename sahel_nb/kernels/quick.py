"""Signed in with a user name and a key, without the `kaggle` package: its import takes as long as fetching 100 files.

Only where nothing has to be asked or guessed. Whoever has an access token or an OAuth login, which have to be looked at
or renewed over the line, goes through `package`; so does everything that writes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sahel_nb.kernels.package import without_proxy
from sahel_nb.kernels.target import Target

KAGGLE = "https://api.kaggle.com"
_OTHERS = ("KAGGLE_API_TOKEN", "KAGGLE_TOKEN", "KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_API_ENVIRONMENT")
"""Variables that lead the package to a token, or to another service: then it alone decides where each request goes."""


def open_session(target: Target) -> Any:
    """A `requests.Session` for `target`, or None where it takes the package to sign in."""
    key = legacy_key(target, os.environ, Path.home())
    if key is None:
        return None
    import requests

    from sahel_nb.kernels.transport import allow_plain, guard_session

    allow_plain(target.url)
    without_proxy(target)
    session = requests.Session()
    session.auth = key
    session.headers["User-Agent"] = ""  # as the package has it
    guard_session(session, target.patience)
    return session


def url_of(target: Target, service: str, method: str) -> str:
    return f"{target.url}/api/v1/{service}/{method}" if target.url else f"{KAGGLE}/v1/{service}/{method}"


def legacy_key(target: Target, environ: Mapping[str, str], home: Path) -> tuple[str, str] | None:
    """What the package would sign in with; None where that is another thing, or where it is not plain.

    Order and places are those of kaggle 2.2.4: tokens first, then the environment, which beats kaggle.json.
    """
    if target.username:
        return target.username, target.key
    if any(name in environ for name in _OTHERS):
        return None
    if any((home / ".kaggle" / name).exists() for name in ("access_token", "access_token.txt")):
        return None
    values = _file(environ, home) | {
        name: environ[variable]
        for name, variable in (("username", "KAGGLE_USERNAME"), ("key", "KAGGLE_KEY"))
        if variable in environ
    }
    username, key = values.get("username"), values.get("key")
    if "token" in values or not (isinstance(username, str) and isinstance(key, str) and username and key):
        return None
    return username, key


def _file(environ: Mapping[str, str], home: Path) -> dict[str, Any]:
    """What kaggle.json has; nothing where it cannot be read, which the package has more to say about."""
    folder = Path(environ.get("KAGGLE_CONFIG_DIR") or home / ".kaggle")
    if not environ.get("KAGGLE_CONFIG_DIR") and sys.platform.startswith("linux") and not folder.exists():
        folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"
    try:
        value = json.loads((folder / "kaggle.json").read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
