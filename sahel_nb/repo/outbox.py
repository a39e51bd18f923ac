"""A bare repository that stays, and that small commits are pushed from: nothing to set up or clear away each time.

It is kept apart from the person's own for the reasons that scratch.py gives, and holds nothing that would be missed:
every object that a push needs is written by that very call, so that no crash and no power cut can leave a torn one in
the way. Where its history is cut is told to git for each push (`git --shallow-file`), not kept in the repository, so
that any number of processes may use it at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.permissions import opener
from sahel_nb.repo.scratch import RawCommit, config_text, loose, sweep

_AGE = 7 * 24 * 3600
"""What was sent is forgotten with the repository: one is made each week, and goes after the next."""


@contextlib.contextmanager
def outbox(
    parent: Path, algorithm: str, old: RawCommit | None, new: RawCommit
) -> Iterator[tuple[tuple[str, ...], str]]:
    """`new`, and `old` without its parents, in a repository below `parent`; yields git's options that point there, and
    what a refspec to a full ref name begins with, see `exactly`."""
    store = store_at(parent, algorithm)
    put(store, new)
    if (
        old is not None and old.body and old.oid != new.oid
    ):  # without one it is no commit, and stands in the lease alone
        put(store, old)
    source, cut = f"refs/out/{os.urandom(8).hex()}", ""  # git pushes nothing that lies in refs/ itself
    make_folder(store / "refs" / "out")
    try:
        with open(f"{store}/{source}", "xb", opener=opener) as file:
            file.write(f"{new.oid}\n".encode("ascii"))
        if old is None or not old.parents:
            yield (f"--git-dir={store}",), source
            return
        handle, cut = tempfile.mkstemp(dir=store, prefix="cut-")
        os.write(handle, f"{old.oid}\n".encode("ascii"))
        os.close(handle)
        yield (f"--git-dir={store}", "--shallow-file", cut), source
    finally:
        for path in (f"{store}/{source}", cut):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108  cheaper, and this is counted in milliseconds


def exactly(source: str, ref: str) -> str:
    """The refspec that pushes the local ref `source` to `ref` and to nothing else.

    git completes a name that stands alone: `refs/x` is also `refs/tags/refs/x`, and whoever makes that tag would get
    the push, or have it refused as ambiguous. A pattern is not completed, and its star may stand for nothing, see
    remote.c, match_name_with_pattern.
    """
    return f"{source}*:{ref}*"


def put(store: Path, commit: RawCommit) -> None:
    """Written whatever is there already: what a power cut tore is mended, and readers never see a half."""
    folder = f"{store}/objects/{commit.oid[:2]}"
    draft = f"{store}/objects/draft-{os.getpid()}-{os.urandom(4).hex()}"
    with open(draft, "wb", opener=opener) as file:
        file.write(loose("commit", commit.body))
    make_folder(Path(folder))
    os.replace(draft, f"{folder}/{commit.oid[2:]}")  # noqa: PTH105  cheaper, and this is counted in milliseconds


def store_at(parent: Path, algorithm: str) -> Path:
    """The one of this person and of this week; only they can read it."""
    week = int(time.time()) // _AGE
    store = parent / f"outbox-{week}-{os.getuid()}-{algorithm}"
    if store.is_dir():
        return store
    make_folder(parent)
    sweep(parent)
    draft = Path(tempfile.mkdtemp(prefix="git-outbox-", dir=parent))  # mode 700
    try:
        for name in ("objects", "refs"):
            make_folder(draft / name)
        write_atomically(draft / "config", config_text(algorithm))
        write_atomically(draft / "HEAD", b"ref: refs/heads/none\n")
        with contextlib.suppress(OSError):  # somebody else was faster: theirs is as good
            draft.rename(store)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for old in parent.glob("outbox-*"):
        number = old.name.split("-")[1]
        if number.isdigit() and int(number) < week - 1:
            shutil.rmtree(old, ignore_errors=True)
    return store
