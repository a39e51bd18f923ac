"""Who else may read what we write: nobody, or whom a shared repository lets in (git-config(1), core.sharedRepository).

    drwx------  .git/sahel-nb    of an ordinary clone
    drwxrws---  .git/sahel-nb    of one with core.sharedRepository=group

`.git/sahel-nb` is given its mode by `Worktree.state_dir`. What is made below a folder with the set-group-ID bit lets in
whom that folder lets in; everything else is its owner's alone. The umask has no part in it.

On the path of every `git add`: it imports only what the interpreter has loaded already.
"""

from __future__ import annotations

import posix

SHARED = 0o2000
"""The bit of a folder whose files and folders are its group's, as git sets it on those of a shared repository."""
_FOLDER, _FILE = 0o700, 0o600


def make_folder(path: str) -> None:
    """Make it, and those above it that are missing. Raise `OSError`."""
    above = path.rpartition("/")[0] or "."
    try:
        posix.mkdir(path, _FOLDER)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(above)
        make_folder(path)
        return
    found = posix.stat(above).st_mode
    if found & SHARED:
        posix.chmod(path, found & 0o2777)


def file_mode(folder: str) -> int:
    """The mode of a new file in `folder`. Raise `OSError`."""
    found = posix.stat(folder).st_mode
    return _FILE | found & 0o066 if found & SHARED else _FILE


def let_in(file: int, folder: str) -> None:
    """Give a file that was just made in `folder`, and is its owner's alone, the mode of a new one there."""
    mode = file_mode(folder)
    if mode != _FILE:
        posix.fchmod(file, mode)


def heed_umask() -> None:
    """Let nothing of this process be written by everybody, also where the umask takes nothing away (000)."""
    mask = posix.umask(0o077)
    posix.umask(mask if mask & 0o022 else mask | 0o022)
