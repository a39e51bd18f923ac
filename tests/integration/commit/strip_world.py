"""A folder of notebooks of every kind, and the two programs that strip them, compared.

Compared are the exit code, stdout, whether a failure says anything, and every file: its bytes, mode, and whether it was
touched.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.notebook.strip import strip
from tests.integration.commit.side_by_side import Ended, Programs
from tests.unit.notebook.shapes import simple

LONG_AGO = 1_600_000_000

ZEPPELIN = (
    b'{"paragraphs": [{"text": "%sh \\u00e9", "results": {"code": "SUCCESS"}}, {"text": "\xc5\x8b"}], "name": "z"}'
)

RICH = json.dumps(
    {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 3,
                "id": "first",
                "metadata": {"collapsed": True, "vscode": {"languageId": "python"}, "tags": ["drop"]},
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": ["out\n"]},
                    {"output_type": "stream", "name": "stderr", "text": "errors in many a word\n"},
                    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []},
                    {
                        "output_type": "execute_result",
                        "data": {"text/plain": "3"},
                        "metadata": {},
                        "execution_count": 3,
                    },
                ],
                "source": "print('ŋ')\n3",
            },
            {"cell_type": "markdown", "id": "second", "metadata": {"hidden": True}, "source": ["  \n"]},
            {"cell_type": "code", "execution_count": 1, "id": "x", "metadata": {"init_cell": True}, "outputs": [
                {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": {}}], "source": []},
        ],
        "metadata": {"kaggle": {"a": 1}, "signature": "s", "widgets": {"b": 2}, "kernelspec": {"name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
).encode()  # fmt: skip

FILES = {
    "a.ipynb": simple("x = 'ŋ'", "y"),
    "rich.ipynb": RICH,
    "clean.ipynb": strip(RICH),
    "relaid.ipynb": json.dumps(json.loads(strip(RICH))).encode(),
    "old.ipynb": RICH.replace(b'"nbformat_minor": 5', b'"nbformat_minor": 2'),
    "crlf.ipynb": RICH.replace(b"\n", b"\r\n"),
    "dir/ŋ ɓ.ipynb": RICH,
    "notes.txt": RICH,
    "z.zpln": ZEPPELIN,
    "stripped.zpln": b'{"paragraphs": [{"results": {}}]}',
    "half.ipynb": RICH[:-100],
    "empty.ipynb": b"",
    "bom.ipynb": b"\xef\xbb\xbf" + RICH,
    "latin.ipynb": RICH.replace(b"print", b"\xff\xfe"),
    "list.ipynb": b"[]",
    "five.ipynb": RICH.replace(b'"nbformat": 4', b'"nbformat": 5'),
    "contradicts.ipynb": RICH.replace(b'"init_cell": true', b'"keep_output": false, "tags": ["keep_output"]'),
    "conflict.ipynb": RICH.replace(b' "metadata": {', b'<<<<<<< HEAD\n "metadata": {', 1),
    ".ipynb": RICH,
}


@dataclass(frozen=True)
class Left:
    """What a run leaves behind, as far as both must agree."""

    code: int
    out: bytes
    silent_failure: bool
    files: dict[str, tuple[bytes, int, bool]]


def world(root: Path) -> Path:
    """The same files for both, in a repository with settings of its own."""
    shutil.rmtree(root, ignore_errors=True)
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "sub.ipynb").mkdir()
    (root / "link.ipynb").symlink_to("dir/ŋ ɓ.ipynb")
    (root / "dangling.ipynb").symlink_to("gone.ipynb")
    (root / "a.ipynb").chmod(0o640)
    (root / "rich.ipynb").chmod(0o755)
    for name in FILES:
        os.utime(root / name, (LONG_AGO, LONG_AGO))
    return root


def state(root: Path) -> dict[str, tuple[bytes, int, bool]]:
    found = {}
    for path in sorted(root.rglob("*")):
        if ".git" in path.relative_to(root).parts or (path.is_dir() and not path.is_symlink()):
            continue
        shown = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        status = path.lstat()
        found[str(path.relative_to(root))] = (
            shown,
            stat.S_IMODE(status.st_mode),
            not path.is_symlink() and status.st_mtime != LONG_AGO,
        )
    return found


def left(programs: Programs, program: str, argv: Sequence[str], root: Path, stdin: bytes) -> tuple[Left, Ended]:
    words = ["strip", *argv] if program == "sahel-nb" else argv
    ended = programs.run(program, words, root, stdin)
    return Left(ended.code, ended.out, ended.code == 1 and not (ended.err or ended.out), state(root)), ended


def same(programs: Programs, root: Path, argv: Sequence[str], stdin: bytes = b"") -> Left:
    theirs, _ = left(programs, "nbstripout", argv, world(root), stdin)
    ours, ended = left(programs, "sahel-nb", argv, world(root), stdin)
    assert ours == theirs, ended.err
    assert ended.code == 1 or ended.code == 2 or "error" not in ended.err
    return ours
