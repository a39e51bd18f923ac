"""git is started in a known environment, its refusals carry their evidence, and nothing hangs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.repo.cmd import GitFailed, environment, git, told_to_hooks
from support.git import Git


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    return Git.init(tmp_path / "nb")


def test_another_repository_is_never_forced_on_us(repo: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("GIT_TRACE", "1")
    answer = git("rev-parse", "--absolute-git-dir", cwd=repo.root)
    assert answer.text == str(repo.root / ".git")
    assert answer.stderr == b""


def test_how_to_reach_a_server_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    env = environment({"GIT_DIR": "x"})
    assert (env["GIT_SSH_COMMAND"], env["GIT_CONFIG_COUNT"], env["GIT_DIR"]) == ("ssh -v", "0", "x")
    assert (env["LC_ALL"], env["GIT_TERMINAL_PROMPT"], env["GIT_OPTIONAL_LOCKS"]) == ("C", "0", "0")
    assert (env["GIT_NO_REPLACE_OBJECTS"], env["GIT_GRAFT_FILE"]) == ("1", "/dev/null/grafts")


def test_a_hook_can_look_at_the_index_that_is_being_committed(repo: Git) -> None:
    """`git commit FILE` builds an index of its own: the hook must see that one, not everything that is staged."""
    repo.write("one.txt")
    repo.write("two.txt")
    repo("add", "one.txt", "two.txt")
    seen = repo.root / "seen"
    hook = repo.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nenv > {seen}\ncp "$GIT_INDEX_FILE" {seen}.index\n')
    hook.chmod(0o755)
    repo("commit", "-q", "-m", "one", "--", "one.txt")
    environ = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    told = told_to_hooks(environ)
    assert "GIT_INDEX_FILE" in told
    told["GIT_INDEX_FILE"] = f"{seen}.index"  # the original is gone by now
    staged = git("ls-files", "-z", cwd=repo.root, env=told)
    assert staged.stdout == b"one.txt\0"


def test_a_refusal_says_what_was_asked_and_what_was_answered(repo: Git) -> None:
    with pytest.raises(GitFailed) as caught:
        git("rev-parse", "--verify", "nothing", cwd=repo.root)
    assert caught.value.args_run == ("rev-parse", "--verify", "nothing")
    assert caught.value.result.returncode == 128
    assert "Needed a single revision" in caught.value.details[0]
    assert git("rev-parse", "--verify", "nothing", cwd=repo.root, check=False).returncode == 128


def test_stdin_and_bytes_pass_untouched(repo: Git) -> None:
    data = "ŋana ɓiɗɗo ɲ\r\n".encode() + b"\xff\x00\xfe"
    oid = git("hash-object", "-w", "--stdin", cwd=repo.root, stdin=data).text
    assert git("cat-file", "blob", oid, cwd=repo.root).stdout == data


def test_a_remote_that_is_not_there_is_a_network_error(repo: Git) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"git://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(NetworkError, match="ls-remote"):
            git("ls-remote", url, cwd=repo.root)
    with pytest.raises(NetworkError):
        git("-c", "a.b=c", "fetch", str(repo.root / "missing.git"), cwd=repo.root)


def test_a_remote_that_is_silent_ends_at_the_timeout(repo: Git) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for scheme in ("git", "http"):
            begun = time.monotonic()
            with pytest.raises(NetworkError, match=r"within 0\.3 s"):
                git("ls-remote", f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/x", cwd=repo.root, timeout=0.3)
            assert time.monotonic() - begun < 30


def test_without_git_the_person_is_told(repo: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SahelError, match="git is not installed"):
        git("version", cwd=repo.root)


def test_a_url_is_shown_without_its_password(repo: Git) -> None:
    with pytest.raises(SahelError) as caught:
        git("clone", "--bogus", "https://awa:hunter2@example.org/x", cwd=repo.root)
    assert "hunter2" not in caught.value.message
    assert "https://example.org/x" in caught.value.message


def test_nothing_heavy_is_imported_on_the_commit_path() -> None:
    """An editable install's start-up files load modules before us: what counts is the difference."""
    before, after = (_modules_after(f"import subprocess{more}") for more in ("", ", sahel_nb.repo.cmd"))
    assert not {"dataclasses", "typing", "pathlib", "click", "kaggle", "json"} & (after - before)


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True).stdout.split())


def test_environment_is_not_ours_to_change() -> None:
    before = dict(os.environ)
    environment({"X": "y"})
    assert dict(os.environ) == before
