"""Whatever looks at many files says how far it is, where that takes long: here nobody has any patience."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks import files, pair_files, pre_commit, pre_push
from sahel_nb.report import progress
from support.desk import SETTINGS
from support.git import Git, Origin
from support.lab import notebook
from support.service import BIN
from tests.integration.commit.story import executed
from tests.unit.notebook.shapes import simple

FILES = [f"n{number}.ipynb" for number in range(6)]


@pytest.mark.parametrize(
    ("verb", "run", "arguments", "words"),
    [
        ("pre-commit", pre_commit.run, [], ("checking what is staged (", "checking notebooks (", "writing pairs (")),
        ("pair", pair_files.run, FILES, ("pairing notebooks (6)",)),
        ("lint", files.run, FILES, ("checking files (6)",)),
        ("guard", files.run, FILES, ("looking for secrets (6)",)),
        ("pre-push", pre_push.run, ["origin", "url"], ("checking files (",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_many_files_are_counted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    verb: str,
    run: Callable[[str, list[str]], int],
    arguments: list[str],
    words: tuple[str, ...],
) -> None:
    git = Origin.create(tmp_path / "origin.git").clone("awa") if verb == "pre-push" else Git.init(tmp_path / "lab")
    for number, name in enumerate(FILES):
        git.write(name, notebook([f"print({number})"]))
    git("add", ".")
    if verb == "pre-push":
        git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "Notebooks")
        line = f"refs/heads/main {git('rev-parse', 'HEAD')} refs/heads/main {'0' * 40}\n"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    monkeypatch.chdir(git.root)
    monkeypatch.setattr(progress, "PATIENCE", {True: 0.0, False: 0.0})
    monkeypatch.setattr(progress, "_BEGAN", 0.0)
    with suppress(Refused):  # their pairs are missing; it was looked at all the same
        run(verb, arguments)
    said = capfd.readouterr().err
    assert [word for word in words if word not in said] == [], said


def test_each_command_says_on_a_terminal_how_far_it_is(tmp_path: Path) -> None:
    """git's own variable takes the patience away; the terminal is a real one, and so are git and its hooks."""
    origin = Origin.create(tmp_path / "origin.git")
    git = origin.clone("awa")
    env = {**os.environ, "GIT_PROGRESS_DELAY": "0", "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm"}
    env |= {"HOME": str(tmp_path), "SAHEL_NB_KAGGLE": "http://127.0.0.1:9", "KAGGLE_USERNAME": "awa", "KAGGLE_KEY": "x"}
    settings = {**SETTINGS, "code_file": "n0.ipynb"}
    git.write("nb/kernel-metadata.json", json.dumps(settings))
    for number in range(3):
        git.write(f"nb/n{number}.ipynb", executed(simple(f"x = {number}")))

    def shown(command: str, *words: str) -> None:
        said = on_a_terminal(command, git.root, env)
        assert [word for word in words if word not in said] == [], f"{command}: {said}"
        for word in words:
            assert "\r\x1b[K" in said.rpartition(word)[2], "it is taken away again"

    on_a_terminal("sahel-nb init && sahel-nb install", git.root, env)
    shown("git add -A", "stripping notebooks, 1")
    shown("git commit -qm Kernels", "checking what is staged (", "checking notebooks (3), 1 of 3")
    assert git("log", "--format=%s") == "Kernels"
    shown("git push -q origin HEAD:main", "checking files (")
    shown("sahel-nb install", "reading notebooks (3), 1 of 3")
    shown("sahel-nb status", "asking for locks and versions (1), 1 of 1")
    shown("sahel-nb vault list", "comparing with what is kept (3), 1 of 3", "reading notebooks of HEAD (3), 1 of 3")
    git.write("nb/n3.ipynb", executed(simple("x = 3")))
    on_a_terminal("git add -A", git.root, env)
    shown("sahel-nb vault gc", "sweeping the vault (4), 1 of 4")
    git.write("nb/n4.ipynb", executed(simple("x = 4")))
    shown("sahel-nb-hook strip nb/n4.ipynb", "stripping notebooks (1), 1 of 1")


def on_a_terminal(command: str, folder: Path, env: dict[str, str]) -> str:
    """What somebody sees, of stdout and stderr alike."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["sh", "-c", command], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the end of a terminal is an error
            while piece := os.read(ours, 1 << 16):
                seen += piece
        process.wait(timeout=60)
    os.close(ours)
    return seen.decode("utf-8", "replace")
