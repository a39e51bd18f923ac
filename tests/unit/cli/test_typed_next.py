"""The command that an error ends with: there is one, it is about what was typed, and a shell takes it as meant."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sahel_nb.cli.hints import again
from sahel_nb.cli.main import _about_the_disk
from sahel_nb.errors import NetworkError, Refused, UsageError
from sahel_nb.hooks.lint import lint_paths
from sahel_nb.hooks.paths import typed
from sahel_nb.install.kernel import NewKernel, create
from sahel_nb.kernels.door import translated
from sahel_nb.kernels.metadata import Metadata
from sahel_nb.notebook.lint_scope import LintScope
from sahel_nb.repo.worktree import Worktree
from sahel_nb.run.preflight import examine_tree
from sahel_nb.run.select import select
from support.git import Git

ODD = "it's ŋ & $HOME.ipynb"


def test_a_name_is_one_word_of_a_command() -> None:
    assert shlex.split(f"git add {typed(ODD.encode())}") == ["git", "add", ODD]
    assert typed(b"notebooks/fula.ipynb") == "notebooks/fula.ipynb"


def test_what_was_typed_can_be_typed_again() -> None:
    assert shlex.split(again(["logs", "notebooks/it's ŋ", "--follow"]))[1:] == ["logs", "notebooks/it's ŋ", "--follow"]


def test_what_mends_a_notebook_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    path = tmp_path / ODD
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8")
    for here, name in ((tmp_path, ODD), (tmp_path / "below", f"../{ODD}")):
        monkeypatch.chdir(here)
        mends = {found.code: found.mend for found in lint_paths([path], tmp_path, LintScope())}
        assert shlex.split(mends["SNB102"]) == ["sahel-nb", "lint", "--fix", name]


def test_metadata_that_cannot_be_used_names_its_file() -> None:
    for data in (b"{nope", b"[1]", b"\xff", b"{}", b'{"id": "x"}'):
        with pytest.raises(UsageError) as caught:
            Metadata.from_json(data, "it's/kernel-metadata.json")
        assert shlex.split(caught.value.hints[0]) == ["${EDITOR:-vi}", "it's/kernel-metadata.json"]


@pytest.fixture
def lab(tmp_path: Path) -> Git:
    git = Git.init(tmp_path / "lab")
    for name in ("fula-words", "hausa-words"):
        git.write(f"notebooks/{name}/kernel-metadata.json", f'{{"id": "awa/{name}"}}')
    git.commit("notebooks", message="Kernels")
    return git


@pytest.mark.parametrize(
    ("typed_name", "meant"),
    [("fula-wrods", "notebooks/fula-words"), ("awa/hausa-word", "notebooks/hausa-words"), ("zzz", "KERNEL")],
)
def test_a_kernel_that_is_not_there_is_named_as_it_may_have_been_meant(lab: Git, typed_name: str, meant: str) -> None:
    worktree = Worktree.discover(lab.root)
    with pytest.raises(UsageError) as caught:
        select(worktree, worktree.head(), typed_name, lab.root, verb="lock show")
    assert caught.value.hints == (f"sahel-nb lock show {meant}",)


def test_an_empty_name_is_not_a_name_that_was_left_out(lab: Git) -> None:
    worktree = Worktree.discover(lab.root)
    with pytest.raises(UsageError, match="KERNEL is empty"):
        select(worktree, worktree.head(), "", lab.root)
    with pytest.raises(UsageError, match="there is more than one"):
        select(worktree, worktree.head(), None, lab.root)
    with pytest.raises(UsageError) as caught:
        select(worktree, worktree.head(), "x" * 100_000, lab.root)
    assert len(caught.value.message) < 300


def test_the_first_commit_is_one_that_git_can_make(tmp_path: Path) -> None:
    git = Git.init(tmp_path / "new")
    git.write("a.txt", "ŋ")
    with pytest.raises(Refused) as caught:
        Worktree.discover(git.root).head()
    assert caught.value.hints == ('git add -A && git commit --allow-empty -m "First commit"',)


def test_a_bisection_is_ended_by_the_command_that_ends_one(lab: Git) -> None:
    worktree = Worktree.discover(lab.root)
    lab("bisect", "start")
    assert examine_tree(worktree, worktree.config(environ={}), "notebooks/fula-words").mend == "git bisect reset"


@pytest.mark.parametrize(
    "wanted",
    [
        NewKernel("ab", "awa"),
        NewKernel("fula-words", "awa diop"),
        NewKernel("fula-words", "awa/diop"),
        NewKernel("fula-words", "awa", template="nope"),
        NewKernel("fula-words", "awa", source=Path("/nope.ipynb")),
        NewKernel("fula-words", "awa", source=Path("/etc/hostname")),
    ],
)
def test_a_kernel_that_cannot_be_made_leads_to_the_help(tmp_path: Path, wanted: NewKernel) -> None:
    with pytest.raises(UsageError) as caught:
        create(tmp_path / "k", wanted, "py:percent")
    assert caught.value.hints == ("sahel-nb new --help",)
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"cells": [', b"\xff"])
def test_a_notebook_to_begin_with_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "old ŋ.ipynb"
    source.write_bytes(data)
    with pytest.raises(UsageError, match=r"old ŋ\.ipynb: ") as caught:
        create(tmp_path / "k", NewKernel("fula-words", "awa", source=source), "py:percent")
    assert caught.value.hints == ("sahel-nb new --help",)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed_are_nobodys_bug(lab: Git, closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m sahel_nb.cli.main doctor --offline {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=lab.root, capture_output=True, timeout=60)
    assert done.returncode == 3, done.stderr.decode()


def test_a_title_that_makes_another_slug_is_quoted_with_its_owner(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        create(tmp_path / "k", NewKernel("fula-words", "awa", title="Awa's $10 words"), "")
    assert shlex.split(caught.value.hints[0])[-2:] == ["--title", "Awa's $10 words"]
    assert "--owner" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:8321/api/v1/x", "no answer from Kaggle at 127.0.0.1:8321 (connection refused)"),
        ("https://www.kaggle.com/api/v1/x", "no answer from Kaggle (connection refused)"),
    ],
)
def test_who_does_not_answer_is_named_where_it_is_not_kaggle_itself(url: str, asked: str) -> None:
    request = requests.Request("GET", url).prepare()
    with pytest.raises(NetworkError, match="reading") as caught, translated("reading"):
        raise requests.exceptions.ConnectionError("Connection refused", request=request)
    assert asked in caught.value.message


@pytest.mark.parametrize(
    ("code", "shown"),
    [(errno.EROFS, "ls -ld '/a b'"), (errno.EACCES, "ls -ld '/a b'"), (errno.ENOSPC, "df -h . ~ /tmp")],
)
def test_a_file_that_cannot_be_written_leads_to_what_shows_why(code: int, shown: str) -> None:
    assert _about_the_disk(OSError(code, os.strerror(code), "/a b/ŋ.json")) == shown
