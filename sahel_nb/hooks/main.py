"""`sahel-nb-hook VERB …`: what git and the pre-commit framework call. Nothing is imported before it is needed.

filter                     git's long-running filter process: clean and smudge
clean, smudge [PATH]       the same for one file, stdin to stdout
strip FILES                strip in place; 1 where a file was changed, as pre-commit expects
pair [FILES]               bring notebooks and mirrors together; 1 where a file was changed
lint [FILES]               rules on notebooks and kernel-metadata.json
guard [FILES]              secrets, and ids of kernels that are permanent
pre-commit                 everything above on what is staged, for hooks/pre-commit
pre-push REMOTE URL        everything above on what is pushed, for hooks/pre-push
merge KIND FILES           a merge driver: notebooks by cell, mirrors with them, kernel-metadata.json by key
post-checkout, post-merge  say what a checkout or a merge left behind
put-hooks                  our hooks are where git runs them again, after another program has replaced them
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_VERBS = {
    "strip": "strip_files",
    "pair": "pair_files",
    "lint": "files",
    "guard": "files",
    "pre-commit": "pre_commit",
    "pre-push": "pre_push",
    "merge": "merge",
    "post-checkout": "after",
    "post-merge": "after",
    "put-hooks": "put_hooks",
}


class _Unprotected:
    """A standard stream as long as nothing is said: the filter costs an import, and most hooks are silent.

    The first write puts the filter in its place, see `report.terminal`; its bytes are anybody's.
    """

    __slots__ = ("_name", "unfiltered")

    def __init__(self, name: str, unfiltered: Any) -> None:
        self._name = name
        self.unfiltered = unfiltered

    def write(self, text: str) -> int:
        from sahel_nb.report.terminal import protect_streams

        protect_streams()
        stream: Any = getattr(sys, self._name)
        written: int = stream.write(text)
        return written

    def writelines(self, lines: Sequence[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.unfiltered, attribute)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0, 1 (a file was changed or refused by a hook), 2 (usage), or a SahelError's."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is not None:  # it was closed before we were started
            setattr(sys, name, _Unprotected(name, getattr(sys, name)))
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments.pop(0) if arguments else ""
    if verb == "filter":
        from sahel_nb.hooks import filter as git_filter

        return git_filter.run(arguments)
    if verb in ("clean", "smudge"):
        from sahel_nb.hooks import filter as git_filter

        return git_filter.run_once(verb, arguments)
    if verb == "strip":
        from sahel_nb.hooks import strip_files

        if strip_files.nothing_to_strip(arguments):
            return 0
    if verb == "pair" and not arguments:
        from sahel_nb.hooks import status

        if status.nothing_differs():
            return 0
    if verb in _VERBS:
        return _guarded(verb, arguments)
    out = sys.stdout if verb in ("-h", "--help") else sys.stderr
    out.write(__doc__ or "")
    return 0 if verb in ("-h", "--help") else 2


def _guarded(verb: str, arguments: list[str]) -> int:
    """Expected failures in two lines, bugs in a crash log: as the command line does it, without the command line."""
    from sahel_nb.errors import EXIT_BUG, EXIT_INTERRUPTED, SahelError
    from sahel_nb.hooks.reach import with_site_packages
    from sahel_nb.permissions import heed_umask

    heed_umask()
    if verb != "strip":  # it asks itself, and hardly ever
        with_site_packages()
    try:
        code: int = __import__(f"sahel_nb.hooks.{_VERBS[verb]}", fromlist=("run",)).run(verb, arguments)
        return code
    except SahelError as exc:
        from sahel_nb.report.console import Console
        from sahel_nb.report.terminal import protect_streams

        protect_streams()
        Console(sys.stderr).error(exc)
        return exc.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as exc:  # noqa: BLE001  the one place of this program where a bug becomes a crash log
        from sahel_nb.notebook.secrets import search
        from sahel_nb.report import crash

        sys.stderr.write(crash.report(exc, search))
        return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
