"""A world that is hostile in every text it can choose: none of our commands lets it command the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.lab import Lab, Member, notebook
from support.service import BIN

HOSTILE = "h\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[2J\x9b2J\x1bP1$r\x1b\\\b\u202ee\u2066"
NAME = HOSTILE.replace("/", "")
OURS = re.compile(r"\x1b\[[0-9;:]*m|\r\x1b\[K|\r\n|\r(?=running|queued|fetching)")
"""Colours, a status line that is erased, and what the terminal makes of a newline."""
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SLUG = "hostile-lab"
CELLS = [
    f"import sys\nprint({HOSTILE!r}, end='')\nprint({HOSTILE!r}, file=sys.stderr)",
    f"open('a' + {NAME!r}, 'w').write('x')",
    f"raise KeyError({HOSTILE!r})  # {HOSTILE[1:4]}",
]
LOOKING = [
    "status", "logs", "logs --json", "output", "output --json", "debug", "debug --json", "drift", "rescue", "stop",
    "lock list", "lock log", "doctor", "lint", "check", "pair --check", "run --dry-run", "run " + NAME, NAME,
]  # fmt: skip
LOCKED = ["status", "attach", "lock list --json", "lock log --verify", "run", f"lock acquire {SLUG} --reason x"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), shared=(SLUG,)) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Member:
    """Her kernel has run and failed; its commit, its cells, her folder's files and its lock are hostile."""
    awa = lab.join("awa")
    awa.write_kernel(SLUG, CELLS, f"notebooks/{SLUG}")
    awa.git.write(f"notebooks/{SLUG}/{NAME}.ipynb", notebook([f"x = 1  # {HOSTILE}", "def ("]))
    awa.git("add", "-A")
    awa.git.commit(message=f"Kernel {HOSTILE}")
    awa.git.push()
    assert "KeyError" in sahel(awa, f"run notebooks/{SLUG}")
    return awa


def seen(member: Member, *command: str, **env: str) -> str:
    """What a terminal gets of a command."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=member.root, env=member.env() | {"TERM": "xterm"} | env,
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # EIO: the other side was closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    process.wait(60)
    return b"".join(pieces).decode("utf-8")


def commands_of(text: str) -> list[str]:
    return OBEYED.findall(OURS.sub("", text))


def sahel(member: Member, line: str, **env: str) -> str:
    words = ["run", NAME] if line == f"run {NAME}" else [line] if line == NAME else line.split()
    text = seen(member, str(BIN / "sahel-nb"), *words, **env)
    assert commands_of(text) == [], (line, text)
    return text


def test_what_a_kernel_files_commits_locks_and_a_remote_say(lab: Lab, awa: Member) -> None:
    for line in LOOKING:
        sahel(awa, line)
    binta = lab.join("binta")
    assert binta.sahel("lock", "acquire", SLUG, "--reason", "moving").code == 0
    ref = f"refs/sahel/locks/awa/{SLUG}"
    value = json.loads(lab.origin("log", "-1", "--format=%B", ref)) | {"reason": HOSTILE}
    forged = lab.origin(
        "-c", "user.name=b", "-c", "user.email=b@x",
        "commit-tree", f"{ref}^{{tree}}", "-p", f"{ref}^", "-m", json.dumps(value),
    ).strip()  # fmt: skip
    held = lab.origin("rev-parse", ref).strip()
    lab.origin("update-ref", ref, forged)
    for line in LOCKED:
        sahel(awa, line)
    assert "cannot be understood" in sahel(awa, f"lock show {SLUG}")
    lab.origin("update-ref", ref, held)
    lab.origin.hook("pre-receive", f"printf '%b' '{_octal(HOSTILE)}\\n' >&2; exit 1")
    assert "\\u001b]52" in sahel(awa, f"lock break {SLUG} --fence {value['fence']} --reason x")


def test_what_a_hook_says_of_a_commit(lab: Lab, awa: Member) -> None:
    assert awa.sahel("install").code == 0
    for verb in ("lint", "guard", "pair", "strip"):
        name = f"notebooks/{SLUG}/{NAME}.ipynb"
        (awa.root / name).write_text("{", encoding="utf-8")
        text = seen(awa, str(BIN / "sahel-nb-hook"), verb, name)
        assert commands_of(text) == [], (verb, text)


def test_what_kaggle_says(awa: Member) -> None:
    class Hostile(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"code": 403, "message": HOSTILE}).encode()
            self.send_response(403, "no")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  the base class looks for it

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        said = [
            sahel(awa, line, SAHEL_NB_KAGGLE=url) for line in ("quota", f"logs awa/{SLUG}@v1", f"output awa/{SLUG}@v1")
        ]
    finally:
        server.shutdown()
        server.server_close()
    assert all("\\u001b]52" in text for text in said), said


def test_a_log_in_a_pipe_is_what_the_kernel_wrote(awa: Member, tmp_path: Path) -> None:
    done = awa.sahel("logs", f"awa/{SLUG}@v1")
    assert HOSTILE.split("\b")[0] in done.out


def _octal(text: str) -> str:
    return "".join(f"\\0{byte:03o}" for byte in text.encode())
