"""Where a path really leads: a link that lies in a repository leads nowhere out of it, and nothing into git's folder.

A repository is somebody else's work, and so are the links in it: what we write, rename or remove must not go through
one to a file that is not the repository's. A link that lies in no repository is the user's own, and is followed.

    inside(path)           the path with its links followed, or `LeadsOut`
    folder_opened(path)    the folder itself, opened part by part: no link that was put in its way meanwhile is followed
    typed(path), edit(path)  a path in a command to type, and the command that edits the file
    plain                  an opener for `open`: not through a link in the file's place

On the path of the hooks: it imports neither pathlib nor re.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from sahel_nb.errors import Refused
from sahel_nb.git_names import is_git_folder
from sahel_nb.permissions import opener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINKS = 40
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_NOTHING = "nothing was written"


class LeadsOut(Refused):
    """A path that leads out of its repository, or into git's own folder."""


def inside(path: str, named: str = "", root: str = "") -> str:
    """The absolute path with every link followed. Raise `LeadsOut`, with the name that people know it by.

    So it does where a link of a repository leads out of that, where the path is in git's own folder, and, with a
    `root`, where it is not below that.
    """
    named = named or path
    # Not by abspath: behind a link `..` is the folder above what it leads to.
    links, real = _followed(path if path.startswith("/") else f"{os.getcwd()}/{path}", named)  # noqa: PTH109  pathlib is not imported on this path
    for link in links:
        top = _repository_of(os.path.dirname(link))  # noqa: PTH120  the same
        if top and not _below(real, top):
            raise _leads_out(named, link, "out of the repository", real)
    top = os.path.realpath(root) if root else _repository_of(os.path.dirname(real))  # noqa: PTH120  the same
    if root and not _below(real, top):
        raise LeadsOut(f"{named} is not below {root}", details=(_NOTHING,))
    if top and any(is_git_folder(os.fsencode(part)) for part in real[len(top) :].split("/")):
        if links:
            raise _leads_out(named, links[-1], "into git's own folder", real)
        raise LeadsOut(f"{named} is in git's own folder, where only git writes", details=(_NOTHING,))
    return real


@contextmanager
def folder_opened(real: str, *, make: bool = False) -> Iterator[int]:
    """A file descriptor of a folder whose path has no links (`inside`). Raise `OSError` where it has one by now.

    With `make`, what is missing of it is made.
    """
    fd = os.open("/", _FOLDER)
    try:
        for part in filter(None, real.split("/")):
            try:
                below = os.open(part, _FOLDER, dir_fd=fd)
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(part, dir_fd=fd)
                below = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def plain(path: str, flags: int) -> int:
    """For `open(…, opener=plain)`: raise `OSError` where a link lies at `path`. A new file is as `permissions` says."""
    return opener(os.fspath(path), flags | os.O_NOFOLLOW)


def shown_from_here(path: str | os.PathLike[str]) -> str:
    """The path as it can be typed in the current folder."""
    return os.path.relpath(path)


def typed(path: str) -> str:
    """A path of the repository as a word of a command, as seen from the folder that the user is in.

    git starts hooks and filters at the top of the worktree, and names the user's folder in GIT_PREFIX.
    """
    from shlex import quote

    here = "" if path.startswith("/") else _below_the_top()
    return quote(os.path.relpath(path or ".", here) if here else path or ".")


def edit(path: str) -> str:
    """The command that opens a file of the repository: in the user's editor, and in vi where none is set."""
    return f"${{EDITOR:-vi}} {typed(path)}"


def _below_the_top() -> str:
    """The user's folder from the top of the worktree; empty at the top, and outside of one."""
    try:
        here = top = os.getcwd()  # noqa: PTH109  see above
    except OSError:  # the folder is gone
        return ""
    while not os.path.lexists(f"{top}/.git"):
        if top == "/":
            return ""
        top = os.path.dirname(top)  # noqa: PTH120  the same
    return os.path.relpath(here, top) if here != top else os.environ.get("GIT_PREFIX", "").rstrip("/")


def _followed(path: str, named: str) -> tuple[list[str], str]:
    """The links on the way, each by the real path of its folder, and where it ends; what is not there is no link."""
    links: list[str] = []
    rest, here = path.split("/")[::-1], ""
    while rest:
        part = rest.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = here.rpartition("/")[0]
            continue
        one = f"{here}/{part}"
        try:
            to = os.readlink(one)  # noqa: PTH115  the same
        except OSError:
            here = one
            continue
        links.append(one)
        if len(links) > _MOST_LINKS:
            raise LeadsOut(f"{named} is a link that leads in circles", hints=(_remove(links[0]),), details=(_NOTHING,))
        if to.startswith("/"):
            here = ""
        rest += to.split("/")[::-1]
    return links, here or "/"


def _repository_of(folder: str) -> str:
    """The nearest folder at or above that is a repository's; nothing where there is none."""
    while folder not in ("", "/"):
        if os.path.lexists(f"{folder}/.git"):
            return folder
        folder = folder.rpartition("/")[0]
    return ""


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _leads_out(named: str, link: str, where: str, real: str) -> LeadsOut:
    itself = os.path.basename(named) == os.path.basename(link)  # noqa: PTH119  the same
    what = f"{named} is a link" if itself else f"{named} is behind {shown_from_here(link)}, a link"
    return LeadsOut(f"{what} that leads {where}, to {real}", hints=(_remove(link),), details=(_NOTHING,))


def _remove(link: str) -> str:
    from shlex import quote

    return f"rm {quote(shown_from_here(link))}"
