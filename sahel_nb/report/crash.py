"""A bug of ours: the traceback goes to a file, the person gets one line."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from pathlib import Path

from sahel_nb import __version__
from sahel_nb.report import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.report.redact import Search


def state_home() -> Path:
    """Where files of ours live that belong to a person and not to a repository.

    A relative XDG_STATE_HOME is not meant, as its specification says: it would be another one in each folder.
    """
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "state") / "sahel-nb"


def redacted(text: str, search: Search = lambda _: ()) -> str:
    """What a traceback quotes, without secrets; see `redact`."""
    return redact.redacted(text, search)


def report(exc: BaseException, search: Search) -> str:
    """Write the crash log; the line for a person, which names it. Neither holds a secret, as far as `redact` knows."""
    path = write(exc, search)
    where = f"; the details are in {path}" if path else ""
    return redacted(f"error: a bug of ours: {type(exc).__name__}: {exc}{where}\n", search)


def write(exc: BaseException, search: Search) -> Path | None:
    """Write the crash log, for nobody else's eyes (0600); None where not even that is possible."""
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    head = (
        f"sahel-nb {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"arguments: {sys.argv[1:]!r}\n\n"
    )
    data = redacted(head + text, search).encode("utf-8", "backslashreplace")
    try:
        folder = state_home() / "crash"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError:
        return None
    return path
