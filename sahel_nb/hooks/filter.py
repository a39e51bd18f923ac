"""`filter`, `clean`, `smudge`: what stands between a file and its blob.

clean: the notebook without outputs; what is taken away goes into the vault (repo/vault.py) before git hears of it.
smudge: the notebook that was cleaned into this blob, or one to which outputs of this clone are given back, else the
blob. What is no notebook is an error: with required=true git then stages nothing, and this module says which file it
was and why.
"""

from __future__ import annotations

import sys
from binascii import crc32
from posix import environ  # to import os costs as much as all of this program
from time import monotonic

from sahel_nb.notebook import strip_fast
from sahel_nb.notebook.strip_fast import strip_ordinary
from sahel_nb.repo.filter_process import ProtocolError, serve
from sahel_nb.repo.second_names import is_gone
from sahel_nb.repo.vault import Vault, VaultFailed
from sahel_nb.repo.vault_entry import NOBODY, key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from sahel_nb.report.progress import Count

_BUFFER = 1 << 17
_PATIENCE = 1.0
"""Seconds before anything is imported that could say how far we are; see report/progress.py."""
_LARGE = 1 << 20
"""Bytes of a notebook that are held in memory; more of it is stripped while it is read."""


def run(arguments: list[str]) -> int:
    """Speak the protocol on stdin and stdout until git hangs up."""
    if arguments:
        return _usage("filter")
    ours = NotebookFilter(Vault.here())
    clean = _Counted(ours.clean)
    with open(0, "rb", _BUFFER, closefd=False) as reader, open(1, "wb", _BUFFER, closefd=False) as writer:
        try:
            serve(reader, writer, clean, ours.smudge, _report, ours.smudge_unnamed)
            ours.finish()
        except ProtocolError as exc:
            _say(f"sahel-nb filter: {exc}")
            return 1
        except BrokenPipeError:
            _forget_stdout()
            return 1
        finally:
            clean.end()
    return 0


class _Counted:
    """`clean`, which says how many files it was given where that takes long: nobody tells how many will come."""

    def __init__(self, clean: Callable[[bytes, Iterator[bytes]], Iterable[bytes]]) -> None:
        self._clean = clean
        self._began = monotonic()
        self._begun = 0
        self._count: Count | None = None

    def __call__(self, path: bytes, content: Iterator[bytes]) -> Iterable[bytes]:
        if self._count is not None:
            self._count.step()
        elif monotonic() - self._began > _PATIENCE or b"GIT_PROGRESS_DELAY" in environ:
            from sahel_nb.report.progress import Count

            self._count = Count("stripping notebooks", begun=self._begun)
            self._count.step()
        self._begun += 1
        return self._clean(path, content)

    def end(self) -> None:
        if self._count is not None:
            self._count.end()


def run_once(verb: str, arguments: list[str]) -> int:
    """`clean [PATH]` and `smudge [PATH]`: one file, stdin to stdout."""
    if len(arguments) > 1:
        return _usage(f"{verb} [PATH]")
    path = arguments[0].encode("utf-8", "surrogateescape") if arguments else b"(standard input)"
    ours = NotebookFilter(Vault.here() if arguments else None)
    stdin: BinaryIO = sys.stdin.buffer
    content = iter(lambda: stdin.read(_BUFFER), b"")
    try:
        reply = (ours.clean if verb == "clean" else ours.smudge_unnamed)(path, content)
    except Exception as exc:  # noqa: BLE001  half a notebook must never reach git: nothing is written
        _report(path, exc)
        return 1
    if sys.stdout.isatty():  # a person looks: through the filter for terminals
        sys.stdout.write(b"".join(reply).decode("utf-8", "surrogateescape"))
        return 0
    for part in reply:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    return 0


class NotebookFilter:
    """clean and smudge over one vault; `vault` None keeps nothing and gives nothing back."""

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault
        self._stripper = "" if vault is None else stripper(strip_fast.__file__)

    def finish(self) -> None:
        """git has all that it wanted, and waits for us to end."""
        vault = self._vault
        if vault is None or not vault.grew:
            return
        vault.close()
        if vault.wants_sweeping():
            from sahel_nb.repo.vault_sweep import sweep_if_needed

            sweep_if_needed(vault)

    def clean(self, path: bytes, content: Iterator[bytes]) -> Iterable[bytes]:
        """What is committed for `content`. Raise `NotebookError` for what is no notebook, `VaultFailed`."""
        if self._vault is not None:
            self._vault.names.hold(path)
        pieces = []
        size = 0
        for piece in content:
            pieces.append(piece)
            size += len(piece)
            if size > _LARGE:
                from sahel_nb.hooks.filter_large import clean_large
                from sahel_nb.notebook import strip_stream

                by = stripper(strip_stream.__file__, strip_fast.__file__)
                return (clean_large(self._vault, path, pieces, content, strip_anything, by),)
        raw = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._vault is None:
            return (strip_anything(raw),)
        stripped = self._vault.known_as(path, raw, self._stripper)
        if stripped is None:
            stripped = strip_ordinary(raw)
            by = self._stripper
            if stripped is None:
                stripped = strip_thoroughly(raw)
                by = NOBODY
            if stripped != raw:
                self._vault.keep(path, key_of(stripped), raw, stripped, by)
        return (stripped,)

    def smudge(self, path: bytes, content: Iterator[bytes]) -> Iterable[bytes]:
        """What is checked out for a blob: never anything that would not be cleaned into the very same blob."""
        return (self._smudged(path, b"".join(content), is_gone),)

    def smudge_unnamed(self, path: bytes, content: Iterator[bytes]) -> Iterable[bytes]:
        """The same where git does not say which blob it is: it may be about to replace a file that stands."""
        from sahel_nb.hooks.rewritten import is_going

        return (self._smudged(path, b"".join(content), is_going),)

    def _smudged(self, path: bytes, blob: bytes, is_written: Callable[[bytes], bool]) -> bytes:
        if self._vault is None or not blob or not is_written(path):
            return blob
        try:
            _keep_overwritten(self._vault, path)
            return outputs_for(self._vault, path, blob) or blob
        except Exception as exc:  # noqa: BLE001  the file is gone already: a checkout goes on, if need be without outputs
            _say(f"sahel-nb: {path.decode('utf-8', 'backslashreplace')}: checked out without outputs: {exc}")
            return blob


def _keep_overwritten(vault: Vault, path: bytes) -> None:
    raw = vault.names.overwritten(path)
    if raw is None:
        return
    try:
        stripped = strip_anything(raw)
    except Exception:  # noqa: BLE001  it was no notebook: there are no outputs to keep
        return
    if stripped != raw:
        vault.keep(path, key_of(stripped), raw)
    vault.names.forget(path)


def outputs_for(vault: Vault, path: bytes, blob: bytes) -> bytes | None:
    """The notebook that is cleaned into `blob`, with the outputs that this clone has for it; None where it has none."""
    key = key_of(blob)
    kept = vault.find(path, key)
    if kept is not None and _cleans_into(kept, blob):
        return kept
    made = _with_outputs(blob, vault.versions(path))
    if made is None:
        # A new name, maybe for what this clone has under another one: git, too, calls that half of it.
        from sahel_nb.repo.vault_search import elsewhere

        made = _with_outputs(blob, elsewhere(vault, path, key), akin=0.5)
    return made


def _with_outputs(blob: bytes, known: Iterator[bytes], akin: float = 0.0) -> bytes | None:
    for newest in known:
        if _cleans_into(newest, blob):
            return newest
        from itertools import chain

        from sahel_nb.notebook.transplant import transplant

        return transplant(blob, chain((newest,), known), clean=strip_anything, akin=akin)
    return None


def _cleans_into(raw: bytes, blob: bytes) -> bool:
    try:
        return strip_anything(raw) == blob
    except Exception:  # noqa: BLE001  whatever it is, the blob itself is what is checked out
        return False


def stripper(*modules: str) -> str:
    """A name for the code of these modules as it is now: what it has made of a notebook counts no longer than it."""
    try:
        code = 0
        for module in modules:
            with open(module, "rb") as file:
                code = crc32(file.read(), code)
    except OSError:
        return NOBODY  # it came out of an archive: nothing is remembered
    return f"{code:08x}"


def strip_anything(raw: bytes) -> bytes:
    """The stripped notebook; the fast way if that knows it. Raise `NotebookError`."""
    stripped = strip_ordinary(raw)
    return strip_thoroughly(raw) if stripped is None else stripped


def strip_thoroughly(raw: bytes) -> bytes:
    """The stripped notebook, by nbstripout's own code. Raise `NotebookError`."""
    from sahel_nb.hooks.reach import with_site_packages

    with_site_packages()
    from sahel_nb.notebook.strip import strip

    return strip(raw)


def _report(path: bytes, exc: Exception) -> None:
    name = path.decode("utf-8", "backslashreplace")
    shown = name.replace("\n", "\\n")  # it forges no second message
    _say(f"sahel-nb: {shown}: {getattr(exc, 'message', None) or exc}")
    if type(exc).__name__ == "ConflictMarkers":
        from sahel_nb.links import typed

        word = typed(name)
        _say("  resolve its .py mirror, then let the notebook follow:")
        _say(f"  $ sahel-nb pair --from mirror {word} && git add {word}")
    elif isinstance(exc, VaultFailed):
        _say("  nothing of it was staged, stashed or replaced; make room, or do without: sahel-nb vault off")
    else:
        _say("  nothing of it was staged; if it is meant to be like this, let it go round the filter:")
        line = shell_quoted(f"{_pattern(name)} -filter")
        _say(f"  $ printf '%s\\n' {line} >> \"$(git rev-parse --show-toplevel)/.gitattributes\"")


def _pattern(name: str) -> str:
    """The line of .gitattributes that matches this path, and no other one, begins like this."""
    exact = "".join("\\" + letter if letter in "\\*?[" else letter for letter in name)
    if all(letter.isalnum() or letter in "/._-+@%" for letter in name):
        return f"/{exact}"
    return '"/' + "".join(_in_c(letter) for letter in exact) + '"'


def _in_c(letter: str) -> str:
    """As git quotes names, https://git-scm.com/docs/gitattributes: in C's way."""
    if letter in '"\\':
        return "\\" + letter
    return letter if letter >= " " and letter != "\x7f" else f"\\{ord(letter):03o}"


def shell_quoted(name: str) -> str:
    """As shlex.quote does it; that module would cost more than all of this one."""
    plain = all(letter.isalnum() or letter in "/._-+@%" for letter in name)
    return name if plain else "'" + name.replace("'", "'\\''") + "'"


def _usage(synopsis: str) -> int:
    _say(f"usage: sahel-nb-hook {synopsis}")
    return 2


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _forget_stdout() -> None:
    """git went away: what is still buffered has no reader, and must not raise again when the interpreter ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
