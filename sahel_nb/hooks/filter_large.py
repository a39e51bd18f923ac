"""clean for a notebook that is too large to be held: stripped while it is read, and kept on disk meanwhile."""

from __future__ import annotations

from sahel_nb.notebook.strip_fast import Unsure
from sahel_nb.notebook.strip_stream import StripStream
from sahel_nb.repo.vault import key_of
from sahel_nb.repo.vault_spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahel_nb.repo.vault import Vault


def clean_large(
    vault: Vault | None, path: bytes, begun: list[bytes], rest: Iterator[bytes], strip: Callable[[bytes], bytes]
) -> bytes:
    """What is committed for `begun` and `rest` together. `strip` is asked where the stream is unsure, and may raise."""
    if vault is None:
        import tempfile

        with tempfile.TemporaryFile() as file:

            def again() -> bytes:
                file.seek(0)
                return file.read()

            return _stripped(begun, rest, file.write, again, strip)
    spool = Spool(vault)
    try:
        stripped = _stripped(begun, rest, spool.write, spool.read, strip)
        if len(stripped) != spool.size or stripped != spool.read():
            spool.keep(path, key_of(stripped))
    finally:
        spool.discard()
    return stripped


def _stripped(
    begun: list[bytes],
    rest: Iterator[bytes],
    write: Callable[[bytes], object],
    again: Callable[[], bytes],
    strip: Callable[[bytes], bytes],
) -> bytes:
    stream = StripStream()
    begun.reverse()
    sure = True
    while piece := begun.pop() if begun else next(rest, b""):
        write(piece)
        try:
            if sure:
                stream.feed(piece)
        except Unsure:
            sure = False
    try:
        if sure:
            return stream.finish()
    except Unsure:
        pass
    return strip(again())
