"""Whatever looks at many files says how far it is, where that takes long: here nobody has any patience."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks import files, pair_files, pre_commit, pre_push
from sahel_nb.report import progress
from support.git import Git, Origin
from support.lab import notebook

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
