"""`filter`, `clean`, `smudge`: what stands between a file and its blob.

clean: the notebook without outputs. smudge: the blob as it is. What is no notebook is an error: with required=true git
then stages nothing, and this module says which file it was and why.
"""

from __future__ import annotations

import sys

from sahel_nb.repo.filter_process import ProtocolError, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_BUFFER = 1 << 17


def run(arguments: list[str]) -> int:
    """Speak the protocol on stdin and stdout until git hangs up."""
    if arguments:
        return _usage("filter")
    with open(0, "rb", _BUFFER, closefd=False) as reader, open(1, "wb", _BUFFER, closefd=False) as writer:
        try:
            serve(reader, writer, clean, smudge, _report)
        except ProtocolError as exc:
            _say(f"sahel-nb filter: {exc}")
            return 1
        except BrokenPipeError:
            _forget_stdout()
            return 1
    return 0


def run_once(verb: str, arguments: list[str]) -> int:
    """`clean [PATH]` and `smudge [PATH]`: one file, stdin to stdout."""
    if len(arguments) > 1:
        return _usage(f"{verb} [PATH]")
    path = arguments[0].encode("utf-8", "surrogateescape") if arguments else b"(standard input)"
    stdin: BinaryIO = sys.stdin.buffer
    content = stdin.read()
    try:
        reply = clean(path, content) if verb == "clean" else smudge(path, content)
    except Exception as exc:  # noqa: BLE001  half a notebook must never reach git: nothing is written
        _report(path, exc)
        return 1
    sys.stdout.buffer.write(reply)
    sys.stdout.buffer.flush()
    return 0


def clean(path: bytes, content: bytes) -> bytes:  # noqa: ARG001  what is kept for smudge will need the path
    """What is committed for `content`. Raise `NotebookError` for what is no notebook."""
    from sahel_nb.notebook.strip_fast import strip_ordinary

    stripped = strip_ordinary(content)
    if stripped is None:
        from sahel_nb.hooks.reach import with_site_packages

        with_site_packages()
        from sahel_nb.notebook.strip import strip

        stripped = strip(content)
    return stripped


def smudge(path: bytes, content: bytes) -> bytes:  # noqa: ARG001  the twin of clean
    """What is checked out for a blob: the blob."""
    return content


def _report(path: bytes, exc: Exception) -> None:
    name = path.decode("utf-8", "backslashreplace")
    _say(f"sahel-nb: {name}: {getattr(exc, 'message', None) or f'{type(exc).__name__}: {exc}'}")
    if type(exc).__name__ == "ConflictMarkers":
        _say("  resolve its .py mirror, then let the notebook follow:")
        _say(f"  $ sahel-nb pair --from mirror {shell_quoted(name)} && git add {shell_quoted(name)}")
    else:
        _say(f"  nothing of it was staged; if it is meant to be like this: echo '{name} -filter' >> .gitattributes")


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
