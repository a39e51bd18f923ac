"""A bug of ours: the traceback goes to a file, the person gets one line."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import traceback
from pathlib import Path

from sahel_nb import __version__

# Values of settings whose name says that they are secret, wherever a traceback may quote them.
_SECRET = re.compile(
    r"((?:key|token|password|secret|authorization)['\"]?\s*[:=]\s*['\"]?(?:(?:basic|bearer)\s+)?)[^\s'\",)}]{6,}", re.I
)
_USERINFO = re.compile(r"(\w://)[^/\s@'\"]+@")


def redacted(text: str) -> str:
    return _USERINFO.sub(r"\1<redacted>@", _SECRET.sub(r"\1<redacted>", text))


def state_home() -> Path:
    """Where files of ours live that belong to a person and not to a repository.

    A relative XDG_STATE_HOME is not meant, as its specification says: it would be another one in each folder.
    """
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "state") / "sahel-nb"


def write(exc: BaseException) -> Path | None:
    """Write the crash log; None where not even that is possible."""
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    head = (
        f"sahel-nb {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"arguments: {sys.argv[1:]!r}\n\n"
    )
    try:
        folder = state_home() / "crash"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
        path.write_text(redacted(head + text), encoding="utf-8", errors="backslashreplace")
        path.chmod(0o600)
    except OSError:
        return None
    return path
