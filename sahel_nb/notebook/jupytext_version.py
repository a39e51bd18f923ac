"""Which jupytext an import would find, told from the folders of site-packages: the import is slow."""

from __future__ import annotations

import os
import sys

# Those whose `py:percent` is written and read here without them; the tests compare.
_BY_HEART = ("1.18.", "1.19.")
_found: list[str] = []


def version() -> str:
    """Empty where it cannot be told. What was found once holds for this process."""
    loaded = sys.modules.get("jupytext")
    if loaded is not None:
        return str(getattr(loaded, "__version__", ""))
    if not _found:
        _found.append(_installed())
    return _found[0]


def is_known_by_heart(name: str) -> bool:
    return name.startswith(_BY_HEART)


def _installed() -> str:
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208  pathlib is not imported on this path
        except OSError:
            continue
        # A console script finds the folder of scripts first, and jupytext's own script in it.
        if "jupytext" in names and os.path.isdir(f"{folder or '.'}/jupytext"):  # noqa: PTH112  as above
            infos = [name for name in names if name.startswith("jupytext-") and name.endswith(".dist-info")]
            return infos[0][len("jupytext-") : -len(".dist-info")] if len(infos) == 1 else ""
    return ""
