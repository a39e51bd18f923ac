"""Secrets are in no message, no crash log and no answer. They are made here at run time, from pieces."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from sahel_nb.notebook.secrets import search
from sahel_nb.repo.cmd import GitFailed, GitResult
from sahel_nb.report import crash
from sahel_nb.report.redact import redacted, without_user
from sahel_nb.report.terminal import Protected

TOKEN = "glob" + "al-" + "t0ken" * 4
HEX32 = "0123456789abcdef" * 2
GITHUB = "gh" + "p_" + "A1b2C3d4E5f6" + "Kq7RwZ0mTx9V" + "8uLs5JhYc2Pd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://{TOKEN}@host/x.git", "https://<redacted>@host/x.git"),
        (f"https://awa:{TOKEN}@host/x.git", "https://<redacted>@host/x.git"),
        (f"http://awa:p@{TOKEN}@host:80", "http://<redacted>@host:80"),
        (f"ssh://git:{TOKEN}@host/x", "ssh://git:<redacted>@host/x"),
        (f"postgres+psycopg://awa:{TOKEN}@db/x", "postgres+psycopg://<redacted>@db/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("git@host:x.git, https://host/a@b?c=d@e", "git@host:x.git, https://host/a@b?c=d@e"),
        (f"Authorization: Basic {TOKEN}", "Authorization: Basic <redacted>"),
        (f"{{'Authorization': 'Bearer {TOKEN}'}}", "{'Authorization': 'Bearer <redacted>'}"),
        (f"http.https://host/.extraHeader=PRIVATE-TOKEN: {TOKEN}", "http.https://host/.extraHeader=<redacted>"),
        (f"'http.extraheader', 'X-Key: {TOKEN}'", "'http.extraheader', '<redacted>'"),
    ],
)
def test_what_git_and_http_are_told_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert TOKEN not in redacted(text, search)
    assert redacted(redacted(text, search), search) == redacted(text, search)


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "KAGGLE_KEY", "DB_PASSWORD", "MY_API_KEY", "WANDB_APIKEY", "GH_PAT", "my_secret"]
)
def test_a_variable_that_says_it_is_secret_is_hidden_wherever_it_turns_up(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "of-" + TOKEN)
    assert redacted(f"fatal: of-{TOKEN} was refused") == "fatal: <redacted> was refused"


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSH_AUTH_SOCK", "/run/agent.sock"), ("PWD", "/home/awa"), ("TOKENIZERS_PARALLELISM", "disabled"),
     ("GIT_ASKPASS", "/usr/bin/askpass"), ("TOKEN_FILE", "/run/token"), ("KEYBOARD", "querty-latin")],
)  # fmt: skip
def test_a_variable_that_is_no_secret_is_shown(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redacted(f"in {value}", search) == f"in {value}"


def test_settings_that_reach_git_by_the_environment_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.extraheader")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"X-Lab: {TOKEN}")
    assert redacted(f"sent X-Lab: {TOKEN}") == "sent <redacted>"


def test_a_command_to_type_asks_the_credential_helper() -> None:
    assert without_user(f"git push https://awa:{TOKEN}@host/x main") == "git push https://host/x main"
    assert without_user("git push ssh://git@host/x") == "git push ssh://git@host/x"


def test_a_command_that_failed_is_quoted_without_its_secrets() -> None:
    args = ("-c", f"http.extraHeader=Authorization: Basic {TOKEN}", "push", f"https://{TOKEN}@host/x", "main")
    failed = GitFailed(args, GitResult(128, b"", f"fatal: unable to access 'https://{TOKEN}@host/x/'".encode()))
    assert TOKEN not in f"{failed.message} {failed.details}"


def test_an_answer_in_json_stays_json() -> None:
    stream = io.StringIO()
    value = {"remote": f"https://awa:{TOKEN}@host/x", "header": f'"Authorization: Basic {TOKEN}"', "at": "a@b"}
    Protected(stream).write(json.dumps(value))
    assert json.loads(stream.getvalue()) == {
        "remote": "https://<redacted>@host/x", "header": '"Authorization: Basic <redacted>"', "at": "a@b"
    }  # fmt: skip


def test_a_crash_log_holds_no_secret_and_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle = tmp_path / ".kaggle"
    kaggle.mkdir()
    (kaggle / "kaggle.json").write_text(json.dumps({"username": "awa", "key": HEX32}))
    (kaggle / "access_token").write_text(f"{TOKEN[::-1]}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("KAGGLE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("LAB_PASSWORD", "correct-horse")
    monkeypatch.setattr("sys.argv", ["sahel-nb", "local", "serve", "--user", f"awa:{TOKEN}", "--token", f"{TOKEN}=awa"])
    found = f"{HEX32} {TOKEN[::-1]} {GITHUB} correct-horse https://{TOKEN}@host/x password={TOKEN}"
    said = crash.report(ValueError(found), search)
    (log,) = (tmp_path / "state" / "sahel-nb" / "crash").iterdir()
    for secret in (HEX32, TOKEN[::-1], GITHUB, "correct-horse", TOKEN):
        assert secret not in log.read_text()
        assert secret not in said
    assert str(log) in said
    assert "ValueError" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
