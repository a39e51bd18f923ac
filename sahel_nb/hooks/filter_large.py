"""clean for a notebook that is too large to be held: stripped while it is read, and kept on disk meanwhile.

First it is compared, while it is read, with what was last kept for its path: as long as they are the same nothing is
parsed and nothing written, and to the end they are wherever git only looks again.
"""

from __future__ import annotations

from itertools import chain

from sahel_nb.notebook.strip_fast import Unsure
from sahel_nb.notebook.strip_stream import StripStream
from sahel_nb.repo.vault import VaultFailed
from sahel_nb.repo.vault_entry import NOBODY, key_of
from sahel_nb.repo.vault_spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from sahel_nb.repo.vault import Vault
    from sahel_nb.repo.vault_entry import Entry

    Strip = Callable[[bytes], bytes]

_BLOCK = 1 << 16


def clean_large(
    vault: Vault | None, path: bytes, begun: list[bytes], rest: Iterator[bytes], strip: Strip, stripper: str
) -> bytes:
    """What is committed for `begun` and `rest` together. `strip` is asked where the stream is unsure, and may raise.

    What the stream made is remembered under the name `stripper`.
    """
    pieces = chain(_drained(begun), rest)
    if vault is None:
        return _without_vault(pieces, strip)
    entry = _newest(vault, path, stripper)
    if entry is None:
        return _kept(vault, path, pieces, strip, stripper)
    try:
        file = open(f"{vault.folder}/{entry.file}", "rb")  # noqa: SIM115  closed below
    except OSError:  # swept away
        return _kept(vault, path, pieces, strip, stripper)
    with file:
        same = 0
        for piece in pieces:
            if file.read(len(piece)) != piece:
                pieces = chain((piece,), pieces)
                break
            same += len(piece)
        else:
            known = vault.stripped(entry) if same == entry.size else None
            if known is not None:
                return known
        file.seek(0)
        return _kept(vault, path, chain(_first(file, same), pieces), strip, stripper)


def _newest(vault: Vault, path: bytes, stripper: str) -> Entry | None:
    """The newest notebook of this path, if it is a large one and this stripper's."""
    entry = next(reversed(vault.paths().get(path, ())), None)
    return entry if entry is not None and entry.file != entry.pack and entry.stripper == stripper else None


def _drained(pieces: list[bytes]) -> Iterator[bytes]:
    """Each of them once, and nothing holds it any longer."""
    pieces.reverse()
    while pieces:
        yield pieces.pop()


def _first(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The bytes that were the same as git's. Raise `VaultFailed` where they are not there any more."""
    while size:
        piece = file.read(min(size, _BLOCK))
        if not piece:
            raise VaultFailed("its outputs could not be kept: somebody cuts files of the vault short")
        size -= len(piece)
        yield piece


def _without_vault(pieces: Iterable[bytes], strip: Strip) -> bytes:
    import tempfile

    with tempfile.TemporaryFile() as file:
        stripped = _stripped(pieces, file.write)
        if stripped is None:
            file.seek(0)
            stripped = strip(file.read())
    return stripped


def _kept(vault: Vault, path: bytes, pieces: Iterable[bytes], strip: Strip, stripper: str) -> bytes:
    spool = Spool(vault)
    try:
        stripped = _stripped(pieces, spool.write)
        if stripped is None:
            stripped, stripper = strip(spool.read()), NOBODY
        if len(stripped) != spool.size or stripped != spool.read():
            spool.keep(path, key_of(stripped), stripped, stripper)
    finally:
        spool.discard()
    return stripped


def _stripped(pieces: Iterable[bytes], write: Callable[[bytes], object]) -> bytes | None:
    """What the stream makes of it, None where it is unsure; all of it is written."""
    stream = StripStream()
    sure = True
    for piece in pieces:
        write(piece)
        try:
            if sure:
                stream.feed(piece)
        except Unsure:
            sure = False
    try:
        return stream.finish() if sure else None
    except Unsure:
        return None
