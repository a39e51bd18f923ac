"""The embedded Kaggle-compatible service: a real server for the unmodified `kaggle` client, on this machine.

It needs the extra `local`. Without it, importing anything below this package raises `UsageError` with the command that
installs it, and never a traceback.
"""

from __future__ import annotations

from importlib.util import find_spec

from sahel_nb.distribution import install_command
from sahel_nb.errors import UsageError

NEEDED = ("starlette", "uvicorn", "nbformat", "nbclient", "ipykernel")


def _check() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The embedded service is not installed: {', '.join(missing)} cannot be found.",
            hints=(install_command("local"),),
        )


_check()
