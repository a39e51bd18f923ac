"""Proves that `sahel-nb strip` can be put in nbstripout's place: both are run, and what they leave is compared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.commit.side_by_side import Programs
from tests.integration.commit.strip_world import FILES, LONG_AGO, RICH, left, same, world
from tests.unit.notebook import shapes

ALONE = [
    [],
    ["--keep-output"],
    ["--keep-count"],
    ["--keep-output", "--keep-count"],
    ["--keep-id"],
    ["--keep-output-type", "stream", "error"],
    ["--keep-output-type", "stream:stderr", "--keep-count"],
    ["--keep-output-type", "stream", "--keep-output-type", "error"],
    ["--keep-output-type", "stream error"],
    ["--keep-output-type", "a:b:c"],
    ["--keep-output", "--drop-output-type", "stream:stdout", "error"],
    ["--keep-output", "--drop-output-type=error"],
    ["--extra-keys", "metadata.kaggle cell.metadata.vscode.languageId"],
    ["--extra-keys=metadata.kernelspec.name nonsense other.key"],
    ["--keep-metadata-keys", "metadata.widgets cell.metadata.collapsed"],
    ["--extra-keys", "metadata.kaggle", "--keep-metadata-keys", "metadata.kaggle"],
    ["--drop-empty-cells"],
    ["--drop-tagged-cells", "drop"],
    ["--strip-init-cells"],
    ["--max-size", "10"],
    ["--max-size=1k"],
    ["--max-size", "1_0"],
    ["--max-size", "-3"],
    ["--unix-newlines"],
    ["--mode", "jupyter"],
    ["--keep-c"],
    ["--global"],
    ["--system"],
    ["--python", "x"],
    ["--attributes", "x"],
]


@pytest.mark.parametrize("options", ALONE, ids=" ".join)
def test_each_option_through_stdin_and_in_place(programs: Programs, tmp_path: Path, options: list[str]) -> None:
    root = tmp_path / "w"
    same(programs, root, options, RICH)
    # What takes several words would take the names, too.
    same(programs, root, ["rich.ipynb", "a.ipynb", "clean.ipynb", *options])


WHOLE = [
    ["--dry-run", "a.ipynb", "clean.ipynb", "relaid.ipynb", "./rich.ipynb"],
    ["--verify", "a.ipynb"],
    ["--verify", "clean.ipynb", "relaid.ipynb"],
    ["--verify", "--dry-run", "a.ipynb"],
    ["--verify", "-t", "a.ipynb"],
    ["--dry-run", "-t", "a.ipynb"],
    ["--dry-run"],
    ["--verify"],
    ["relaid.ipynb"],
    ["crlf.ipynb", "old.ipynb", "dir/ŋ ɓ.ipynb", ".ipynb"],
    ["link.ipynb"],
    ["--dry-run", "dir/ŋ ɓ.ipynb", "link.ipynb"],
    ["notes.txt"],
    ["-f", "notes.txt"],
    ["--force", "notes.txt", "a.ipynb"],
    ["-ft", "notes.txt"],
    ["dir", "."],
    ["sub.ipynb"],
    ["-f", "dir"],
    ["missing.ipynb"],
    ["missing.txt"],
    ["-f", "missing.txt"],
    ["-f", ""],
    ["dangling.ipynb"],
    ["a.ipynb", "missing.ipynb", "rich.ipynb"],
    ["a.ipynb", "half.ipynb", "rich.ipynb"],
    ["--dry-run", "a.ipynb", "half.ipynb", "rich.ipynb"],
    ["-t", "a.ipynb", "half.ipynb", "rich.ipynb"],
    *([f"{name}.ipynb"] for name in ("half", "empty", "bom", "latin", "list", "five", "contradicts", "conflict")),
    ["--verify", "half.ipynb"],
    ["-t", "rich.ipynb", "clean.ipynb"],
    ["-t", "--keep-output", "--extra-keys", "metadata.kaggle", "rich.ipynb", "a.ipynb"],
    ["z.zpln"],
    ["-m", "zeppelin", "z.zpln", "stripped.zpln"],
    ["-mzeppelin", "-t", "z.zpln", "stripped.zpln"],
    ["-m", "zeppelin", "--dry-run", "z.zpln", "stripped.zpln"],
    ["-m", "zeppelin", "--verify", "stripped.zpln"],
    ["--mode=zeppelin", "--keep-output", "z.zpln"],
    ["-m", "zeppelin", "a.ipynb"],
    ["-m", "zeppelin", "list.ipynb"],
    ["-m", "zeppelin", "half.ipynb"],
    ["-m", "zeppelin", "latin.ipynb"],
    ["-m", "zeppelin", "-f", "notes.txt"],
    ["-m", "zeppelin"],
    ["-m", "other"],
    ["--max-size", "ten", "a.ipynb"],
    ["--max-size", "ten", "notes.txt"],
    ["--max-size", "ten", "missing.ipynb"],
    ["--max-size", "", "a.ipynb"],
    ["--max-size", "K", "a.ipynb"],
    ["--max-size"],
    ["--keep-o"],
    ["--nonsense"],
    ["--dry-run", "--version"],
    ["--install", "--uninstall"],
    ["--global", "--system"],
    ["--global", "--python", "x"],
    ["--version"],
    ["--version", "a.ipynb"],
    ["--keep-output-type", "stream", "a.ipynb"],
    ["--keep-output-type", "stream", "--", "a.ipynb"],
    ["--", "a.ipynb", "-t"],
    ["a.ipynb", "a.ipynb"],
    ["-t", "--", "--keep-output"],
]  # fmt: skip


@pytest.mark.parametrize("argv", WHOLE, ids=" ".join)
def test_whole_command_lines(programs: Programs, tmp_path: Path, argv: list[str]) -> None:
    same(programs, tmp_path / "w", argv, RICH)


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_through_stdin(programs: Programs, tmp_path: Path, name: str) -> None:
    for options in ([], ["--verify"]):
        outcomes = [left(programs, one, options, tmp_path, FILES[name])[0] for one in ("nbstripout", "sahel-nb")]
        assert outcomes[0] == outcomes[1]


WORDS = [
    *("a.ipynb", "rich.ipynb", "clean.ipynb", "relaid.ipynb", "notes.txt", "z.zpln", "old.ipynb", "half.ipynb", "gone"),
    *("--dry-run", "--verify", "-t", "-f", "--force", "-ft", "-m", "zeppelin", "jupyter", "--", "--unix-newlines"),
    *("--keep-output", "--keep-count", "--keep-id", "--keep-", "--drop-empty-cells", "--strip-init-cells"),
    *("--keep-output-type", "--drop-output-type", "stream", "error", "stream:stderr", "display_data"),
    *("--extra-keys", "metadata.kaggle", "--keep-metadata-keys", "metadata.widgets cell.metadata.hidden"),
    *("--max-size", "12", "1K", "--drop-tagged-cells", "drop"),
]


@settings(
    max_examples=max(25, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_any_command_line(programs: Programs, tmp_path: Path, argv: list[str]) -> None:
    same(programs, tmp_path / "w", argv, RICH)


def test_real_processes_agree_with_the_forked_ones(programs: Programs, tmp_path: Path) -> None:
    """The server above is only a quicker way to start them."""
    root = world(tmp_path / "w")
    for argv, stdin in ((["--verify", "rich.ipynb"], b""), (["-t", "half.ipynb"], b""), ([], RICH)):
        done = subprocess.run(
            [sys.executable, "-m", "sahel_nb.cli.main", "strip", *argv], cwd=root, input=stdin, capture_output=True
        )
        forked = programs.run("sahel-nb", ["strip", *argv], root, stdin)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (forked.code, forked.out, forked.err)


@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
@given(shapes.notebooks, shapes.layouts, st.sampled_from([[], ["--keep-output"], ["--keep-count"], ["--max-size=9"]]))
def test_generated_notebooks_in_place(
    programs: Programs, tmp_path: Path, notebook: object, layout: dict[str, object], options: list[str]
) -> None:
    """The decision whether there is something to strip at all is nbstripout's, too."""
    outcomes = []
    for program in ("nbstripout", "sahel-nb"):
        root = tmp_path / program
        root.mkdir(exist_ok=True)
        path = root / "a.ipynb"
        path.write_bytes(shapes.written(notebook, layout))
        os.utime(path, (LONG_AGO, LONG_AGO))
        outcomes.append(left(programs, program, ["a.ipynb", *options], root, b"")[0])
    assert outcomes[0] == outcomes[1]
