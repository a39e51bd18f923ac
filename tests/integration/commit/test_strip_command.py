"""Proves that `sahel-nb strip` can be put in nbstripout's place: both are run, and what they leave is compared.

Compared are the exit code, stdout, whether a failure says anything, and every file: its bytes, mode, and whether it was
touched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.strip import strip
from support.git import Git
from tests.integration.commit.side_by_side import Ended, Programs
from tests.unit.notebook import shapes
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


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as ready:
        yield ready


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


def test_keys_from_git(programs: Programs, tmp_path: Path) -> None:
    home = Git.init(tmp_path / "w")
    (tmp_path / "settings").mkdir()
    for scope, key, value in (
        ("--global", "extrakeys", "metadata.kernelspec"),
        ("--local", "extrakeys", "metadata.ignored"),
        ("--local", "keepmetadatakeys", "metadata.widgets cell.metadata.hidden"),
    ):
        home("config", scope, f"filter.nbstripout.{key}", value)
    home("config", "--add", "filter.nbstripout.extrakeys", "metadata.kaggle nonsense")
    shutil.copytree(home.root / ".git", tmp_path / "git")
    for options in ([], ["--global"], ["--system"], ["--extra-keys", "cell.metadata.vscode"], ["-t", "rich.ipynb"]):
        outcomes = []
        for program in ("nbstripout", "sahel-nb"):
            root = world(tmp_path / "w")
            shutil.copytree(tmp_path / "git", root / ".git")
            found, ended = left(programs, program, options, root, RICH)
            outcomes.append((found, ended.err))
        (theirs, their_words), (ours, our_words) = outcomes
        assert ours == theirs
        assert our_words == their_words
    assert b"kaggle" not in ours.out
    assert b"kernelspec" in ours.out
    assert b"widgets" in ours.out


def test_every_option_of_nbstripout_is_known() -> None:
    helps = [
        subprocess.run([sys.executable, "-m", *module], capture_output=True, check=True, text=True).stdout
        for module in (("nbstripout", "--help"), ("sahel_nb.cli.main", "strip", "--help"))
    ]
    theirs = re.search(r"^options:\n(.*?)\n\n", helps[0], re.MULTILINE | re.DOTALL) or re.search(
        r"^optional arguments:\n(.*?)\n\n", helps[0], re.MULTILINE | re.DOTALL
    )
    assert theirs
    pattern = r"(?<![\w-])--?[a-z][a-z-]*"
    wanted = {
        option for line in theirs[1].splitlines() if line.startswith("  -") for option in re.findall(pattern, line)
    }
    assert len(wanted) > 25
    assert wanted <= set(re.findall(pattern, helps[1]))


@pytest.mark.parametrize("option", ["--install", "--uninstall"])
def test_setting_up_is_a_command_of_its_own(programs: Programs, tmp_path: Path, option: str) -> None:
    ended = programs.run("sahel-nb", ["strip", option], tmp_path)
    assert ended.code == 2
    assert re.search(r"\$ sahel-nb (init|uninstall)", ended.err)
    assert list(tmp_path.iterdir()) == []


def test_whether_it_is_set_up_is_told(programs: Programs, tmp_path: Path) -> None:
    """The same exit codes as `nbstripout`'s, each of its own filter."""
    git = Git.init(tmp_path / "w")

    def told(program: str, *argv: str) -> tuple[int, bool]:
        ended = programs.run(program, argv, git.root)
        return ended.code, bool(ended.out)

    def both(*argv: str) -> tuple[int, bool]:
        ours, theirs = told("sahel-nb", "strip", *argv), told("nbstripout", *argv)
        assert ours == theirs
        return ours

    assert both("--is-installed") == (1, False)
    assert both("--status") == (1, True)
    assert programs.run("nbstripout", ["--install"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (1, False)
    assert programs.run("nbstripout", ["--uninstall"], git.root).code == 0
    assert programs.run("sahel-nb", ["init"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (1, False)
    assert programs.run("sahel-nb", ["install"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (0, False)
    ended = programs.run("sahel-nb", ["strip", "--status"], git.root)
    assert ended.code == 0
    assert f"sahel-nb is installed in repository '{git.root}'" in ended.out.decode()
    assert re.search(r"^  clean = .* clean %f$", ended.out.decode(), re.MULTILINE)
    assert "filter: sahel-nb" in ended.out.decode()
    assert both("--is-installed", "--global") == (1, False)
    shutil.rmtree(git.root / ".git")
    assert both("--is-installed") == (1, False)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["half.ipynb"], "No valid notebook detected in 'half.ipynb'"),
        (["-t", "bom.ipynb"], "No valid notebook detected in 'bom.ipynb'"),
        (["--dry-run"], "No valid notebook detected on stdin"),
        (["contradicts.ipynb"], "cell metadata contradicts tags: `keep_output` is false, but `keep_output` in tags"),
        (["--extra-keys", "nonsense a.b", "a.ipynb"], "Ignoring invalid extra key `nonsense`"),
    ],
)
def test_the_words_that_a_script_may_look_for(programs: Programs, tmp_path: Path, argv: list[str], said: str) -> None:
    for program in ("nbstripout", "sahel-nb"):
        _, ended = left(programs, program, argv, world(tmp_path / "w"), RICH[:-9])
        assert said in ended.err


def test_real_processes_agree_with_the_forked_ones(programs: Programs, tmp_path: Path) -> None:
    """The server above is only a quicker way to start them."""
    root = world(tmp_path / "w")
    for argv, stdin in ((["--verify", "rich.ipynb"], b""), (["-t", "half.ipynb"], b""), ([], RICH)):
        done = subprocess.run(
            [sys.executable, "-m", "sahel_nb.cli.main", "strip", *argv], cwd=root, input=stdin, capture_output=True
        )
        forked = programs.run("sahel-nb", ["strip", *argv], root, stdin)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (forked.code, forked.out, forked.err)


# Where nbstripout would lose something.


def test_several_files_to_a_file_are_all_there(tmp_path: Path) -> None:
    """nbstripout goes back to the start of a stdout that is a file, once for each notebook."""
    root = world(tmp_path / "w")
    with open(tmp_path / "out", "wb") as out:
        out.write(b"before\n")
        out.flush()
        subprocess.run(
            [sys.executable, "-m", "sahel_nb.cli.main", "strip", "-t", "a.ipynb", "rich.ipynb"],
            cwd=root, stdout=out, check=True,
        )  # fmt: skip
    assert (tmp_path / "out").read_bytes() == b"before\n" + strip(FILES["a.ipynb"]) + strip(RICH)


def test_half_of_a_surrogate_pair_leaves_the_file_as_it_is(programs: Programs, tmp_path: Path) -> None:
    root = world(tmp_path / "w")
    lone = RICH.replace(b"print", b"\\ud83d")
    (root / "lone.ipynb").write_bytes(lone)
    assert programs.run("nbstripout", ["lone.ipynb"], root).code == 1
    assert (root / "lone.ipynb").read_bytes() == b""
    (root / "lone.ipynb").write_bytes(lone)
    ended = programs.run("sahel-nb", ["strip", "lone.ipynb"], root)
    assert (ended.code, ended.out) == (1, b"")
    assert "lone.ipynb" in ended.err
    assert "ud83d" in ended.err
    assert (root / "lone.ipynb").read_bytes() == lone


@pytest.mark.parametrize("closed", ["<&-", ">&-", "> /dev/full"])
def test_streams_that_are_not_there(tmp_path: Path, closed: str) -> None:
    (tmp_path / "in").write_bytes(RICH)
    command = f"'{sys.executable}' -m sahel_nb.cli.main strip < in {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"std" in done.stderr
    assert b"bug" not in done.stderr


def test_a_reader_that_has_enough_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "big.ipynb").write_bytes(simple("x = 1\n" * 50_000))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "sahel_nb.cli.main", "strip", "-t", "big.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_name_that_is_no_utf8_is_printed_as_it_is(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.ipynb")
    (tmp_path / name).write_bytes(RICH)
    done = subprocess.run(
        [sys.executable, "-m", "sahel_nb.cli.main", "strip", "--dry-run", name], cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"Dry run: would have stripped \xff\xfe.ipynb\n")


def test_what_is_no_regular_file_is_not_replaced(programs: Programs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["sh", "-c", "cat > pipe"], stdin=subprocess.PIPE, cwd=tmp_path)
    assert writer.stdin is not None
    writer.stdin.write(RICH)
    writer.stdin.close()
    ended = programs.run("sahel-nb", ["strip", "-f", "pipe"], tmp_path)
    writer.wait(30)
    assert ended.code == 1
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


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
