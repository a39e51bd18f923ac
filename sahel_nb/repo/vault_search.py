"""Looking further in the vault: a notebook that has another name now, an entry that a sweep has put elsewhere.

Apart from vault.py because this is seldom asked: the path of every `git add` does not import it.
"""

from __future__ import annotations

from sahel_nb.repo.second_names import is_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahel_nb.repo.vault import Vault
    from sahel_nb.repo.vault_entry import Entry


def elsewhere(vault: Vault, path: bytes, key: str) -> Iterator[bytes]:
    """Notebooks of other paths that may have been moved to this one: first those that are gone from the disk."""
    name = path.rpartition(b"/")[2]
    gone, still = [], []
    for other, entries in vault.paths().items():
        if not is_there(other):
            gone += entries[-2:]
        elif (same := vault.newest(other, key)) is not None:
            still.append(same)
    for found in (gone, still):
        found.sort(key=lambda entry: (entry.key == key, entry.path.rpartition(b"/")[2] == name, entry.kept_at))
        yield from vault.read_all(found)


def was_moved(vault: Vault, entry: Entry) -> bool:
    """Whether a sweep has moved an entry since we looked; then it says where it is now."""
    for other in vault.entries():
        if (other.path, other.key, other.kept_at) == (entry.path, entry.key, entry.kept_at):
            moved = other.file != entry.file
            entry.pack, entry.file, entry.offset = other.pack, other.file, other.offset
            entry.stripped_at, entry.stripped_size = other.stripped_at, other.stripped_size
            return moved
    return False
