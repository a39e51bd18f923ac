"""Which paths of a tree are ours, told by their names alone."""

from __future__ import annotations

NOTEBOOK = b".ipynb"
METADATA = b"kernel-metadata.json"
CONFIG = b"sahel-nb.toml"


def is_notebook(path: bytes) -> bool:
    return path.endswith(NOTEBOOK) and b".ipynb_checkpoints/" not in path


def is_metadata(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == METADATA


def suffix_of(fmt: str) -> bytes:
    """`py:percent` → `.py`, as notebook.pair.extension has it, which is asked where the format is used."""
    return b"." + fmt.partition(":")[0].lstrip(".").encode("utf-8")


def folder_of(path: bytes) -> bytes:
    """The folder with its slash; nothing for the root."""
    return path[: path.rfind(b"/") + 1]


def shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def typed(path: bytes) -> str:
    """The path as a word of a command that can be pasted into a shell, see `links.typed`."""
    from sahel_nb import links

    return links.typed(shown(path))
