"""Large notebooks on their way into the vault: they are written there while they are read, and never held.

Apart from vault.py because no other notebook needs it: the path of every `git add` does not import it.
"""

from __future__ import annotations

import os
import time
from itertools import count

from sahel_nb.permissions import opener
from sahel_nb.repo.vault import VaultFailed
from sahel_nb.repo.vault_entry import NOBODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.repo.vault import Vault
    from sahel_nb.repo.vault_entry import Entry

_BLOCK = 1 << 20


_numbers = count(1)


class Spool:
    """One large notebook: written, and then kept or thrown away."""

    def __init__(self, vault: Vault) -> None:
        """Raise `VaultFailed`."""
        try:
            vault.make_folder()
            self._open(vault, f"{time.time_ns():020}-{os.getpid()}-{next(_numbers)}")
        except OSError as exc:
            raise VaultFailed(f"its outputs could not be kept: {exc.strerror}") from exc

    def _open(self, vault: Vault, name: str) -> None:
        self._vault = vault
        self._name = f"{name}.raw"
        self._temporary = f"{vault.folder}/{name}.tmp"
        self._file = open(self._temporary, "x+b", opener=opener, buffering=_BLOCK // 4)  # noqa: SIM115  keep() and discard() close it
        self.size = 0

    def write(self, data: bytes) -> None:
        """Raise `VaultFailed`."""
        try:
            self._file.write(data)
        except OSError as exc:
            raise VaultFailed(f"its outputs could not be kept: {exc.strerror}") from exc
        self.size += len(data)

    def read(self) -> bytes:
        """All of it again, for whoever needs it in one piece after all."""
        self._file.seek(0)
        return self._file.read()

    def keep(self, path: bytes, key: str, stripped: bytes = b"", stripper: str = NOBODY) -> None:
        """As `Vault.keep`. Raise `VaultFailed`."""
        vault = self._vault
        try:
            known = vault.newest(path, key)
            if known is not None and known.size == self.size and self._equals(f"{vault.folder}/{known.file}", known):
                return
            self._file.close()
            os.rename(self._temporary, f"{vault.folder}/{self._name}")  # noqa: PTH104  pathlib is not imported on this path
            vault.append(path, key, self.size, self._name, b"", stripped, stripper)
        except OSError as exc:
            raise VaultFailed(f"its outputs could not be kept: {exc.strerror}") from exc

    def discard(self) -> None:
        """Forget what is not kept. May be called at any time, and more than once."""
        try:
            self._file.close()
            os.unlink(self._temporary)  # noqa: PTH108  the same
        except OSError:
            return  # kept, or swept away; a disk that is full fails to take the last of what is thrown away

    def _equals(self, other: str, entry: Entry) -> bool:
        self._file.seek(0)
        try:
            with open(other, "rb") as file:
                file.seek(entry.offset)
                left = self.size
                while left:
                    block = min(left, _BLOCK)
                    if self._file.read(block) != file.read(block):
                        return False
                    left -= block
        except OSError:
            return False
        return True
