"""Who else may read what we write: nobody, or whom a shared repository lets in (git-config(1), core.sharedRepository).

    drwx------  .git/sahel-nb    of an ordinary clone
    drwxrws---  .git/sahel-nb    of one with core.sharedRepository=group

`.git/sahel-nb` is given its mode by `Worktree.state_dir`. What is made below a folder with the set-group-ID bit lets in
whom that folder lets in; everything else is its owner's alone. The umask has no part in it.

`regular` is for what we read: a link that a repository brought may lead to a device or a pipe.

On the path of every `git add`: it imports only what the interpreter has loaded already.
"""

from __future__ import annotations

import posix

SHARED = 0o2000
"""The bit of a folder whose files and folders are its group's, as git sets it on those of a shared repository."""
_FOLDER, _FILE = 0o700, 0o600


def make_folder(path: str) -> None:
    """Make it, and those above it that are missing. Raise `OSError`, also where a file is in its place."""
    above = path.rpartition("/")[0] or "."
    try:
        make_one_folder(path)
    except FileExistsError:
        if posix.stat(path).st_mode & 0o170000 != 0o040000:
            raise
    except FileNotFoundError:
        if above in (".", path):
            raise
        make_folder(above)
        make_folder(path)


def make_one_folder(path: str) -> None:
    """Make it where the one above it is. Raise `OSError`, as `mkdir` does."""
    posix.mkdir(path, _FOLDER)
    found = posix.stat(path.rpartition("/")[0] or ".").st_mode
    if found & SHARED:
        posix.chmod(path, found & 0o2777)


def file_mode(folder: str) -> int:
    """The mode of a new file in `folder`. Raise `OSError`."""
    found = posix.stat(folder).st_mode
    return _FILE | found & 0o066 if found & SHARED else _FILE


def opener(path: str, flags: int) -> int:
    """For `open`: a file that is made by it is a new one of its folder. Raise `OSError`."""
    file = posix.open(path, flags | posix.O_CLOEXEC, _FILE)
    try:
        if flags & posix.O_CREAT:
            mode = file_mode(path.rpartition("/")[0] or ".")
            found = posix.fstat(file)
            if mode != _FILE and not found.st_size and found.st_uid == posix.geteuid():
                posix.fchmod(file, mode)
    except BaseException:
        posix.close(file)
        raise
    return file


def regular(path: str | bytes, flags: int) -> int:
    """For `open`, of a file that somebody else may have made a link of: raise `OSError` where it is no regular file.

    Reading /dev/zero never ends, and opening a pipe or /dev/tty waits for somebody.
    """
    file = posix.open(path, flags | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOCTTY)
    kind = posix.fstat(file).st_mode & 0o170000
    if kind != 0o100000:
        posix.close(file)
        raise IsADirectoryError(21, "Is a directory") if kind == 0o040000 else OSError(22, "it is no regular file")
    return file


def read_regular(path: str) -> bytes:
    """All of it. Raise `OSError`, also where it is no regular file."""
    with open(path, "rb", opener=regular) as file:
        return file.read()


def heed_umask() -> None:
    """Let nothing of this process be written by everybody, also where the umask takes nothing away (000)."""
    mask = posix.umask(0o077)
    posix.umask(mask if mask & 0o022 else mask | 0o022)
