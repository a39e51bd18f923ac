"""Giving a notebook on disk its outputs back, when a person asks for it. git's own way there is smudge (filter.py)."""

from __future__ import annotations

import shlex
from pathlib import Path

from sahel_nb.errors import Refused
from sahel_nb.hooks.filter import outputs_for, strip_anything
from sahel_nb.hooks.inplace import read_if_there, replace
from sahel_nb.repo.vault import Vault, VaultFailed
from sahel_nb.repo.vault_entry import Entry, key_of


def versions_of(vault: Vault, path: bytes) -> list[Entry]:
    """Every notebook that is kept for this path, the newest first."""
    return [entry for entry in reversed(vault.entries()) if entry.path == path]


def version(vault: Vault, path: bytes, number: int) -> bytes:
    """The notebook of this number, 1 is the newest; its sources are those of then. Raise `Refused`."""
    entries = versions_of(vault, path)
    if not entries:
        raise _nothing(path, "no outputs of it are kept")
    raw = vault.read(entries[number - 1]) if 0 < number <= len(entries) else None
    if raw is None:
        raise _nothing(path, f"there is no version {number} of it in the vault")
    return raw


def with_outputs(vault: Vault, path: bytes, file: Path) -> bytes:
    """The notebook as it stands in `file`, with the newest outputs that are kept for its cells; all of the newest
    version where there is no such file. Raise `Refused` where there are none, or where `file` is no notebook."""
    current = read_if_there(file)
    if current is None:
        return version(vault, path, 1)
    made = outputs_for(vault, path, _stripped(file, current))
    if made is None:
        raise _nothing(path, "no outputs are kept for the cells that it has now")
    return made


def put_back(vault: Vault, path: bytes, file: Path, made: bytes) -> bool:
    """Write `made` over `file`, which is kept first and can be restored itself; False where they are the same.

    Raise `Refused` where the file is no notebook or cannot be kept, `OSError`.
    """
    current = read_if_there(file)
    if current == made:
        return False
    if current is not None:
        stripped = _stripped(file, current)
        if stripped != current:
            try:
                vault.keep(path, key_of(stripped), current)
            except VaultFailed as exc:
                raise Refused(f"{file}: {exc}", hints=("df -h .",)) from exc
            vault.close()
    replace(file, made)
    return True


def _stripped(file: Path, current: bytes) -> bytes:
    try:
        return strip_anything(current)
    except Exception as exc:
        hint = shlex.join(("mv", str(file), f"{file}.before"))
        raise Refused(f"{file} is no notebook now: it is not overwritten", hints=(hint,)) from exc


def _nothing(path: bytes, why: str) -> Refused:
    return Refused(f"{path.decode('utf-8', 'backslashreplace')}: {why}", hints=("sahel-nb vault list",))
