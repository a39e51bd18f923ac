"""What people see: whole lines without a TTY, a status line redrawn with one, and errors that say what to type."""

from __future__ import annotations

import io
import os

from sahel_nb.errors import NOTHING_STARTED, Refused
from sahel_nb.report.console import Console
from sahel_nb.report.crash import redacted
from sahel_nb.report.events import Check, Verdict
from sahel_nb.report.jsonl import JsonLines
from sahel_nb.report.terminal import LONGEST


def test_without_a_tty_every_line_is_plain_and_whole() -> None:
    out = io.StringIO()
    console = Console(out)
    console.status("queued", "1 s")
    console.status("queued", "2 s")
    console.log("stdout", "ŋana ")
    console.log("stdout", "ɓiɗɗo\n10%\r50%\r100%\nrest")
    console.status("running")
    console.status("")
    assert out.getvalue() == "queued\n  | ŋana ɓiɗɗo\n  | 100%\nrunning\n  | rest\n"


def test_on_a_tty_the_status_line_is_erased_before_a_line() -> None:
    out = io.StringIO()
    console = Console(out, tty=True, color=False)
    console.status("running", "1 s")
    console.say("done")
    assert out.getvalue() == "running, 1 s\r\x1b[Kdone\nrunning, 1 s"


def test_an_error_says_what_happened_what_it_cost_and_what_to_type() -> None:
    out = io.StringIO()
    Console(out).error(Refused("no", hints=("git push",), kaggle=NOTHING_STARTED, details=("because",)))
    assert out.getvalue().splitlines() == ["error: no", "  because", f"  {NOTHING_STARTED}", "  $ git push"]


def test_a_mend_is_shown_only_where_something_is_to_be_mended() -> None:
    out = io.StringIO()
    console = Console(out)
    console.check(Check("tree", Verdict.OK, "clean", "git commit"))
    console.check(Check("pushed", Verdict.FAILED, "1 commit is not", "git push"))
    assert "git commit" not in out.getvalue()
    assert "$ git push" in out.getvalue()


def test_a_crash_log_keeps_no_secret() -> None:
    text = redacted(
        "{'username': 'awa', 'key': '0123456789abcdef'} KAGGLE_API_TOKEN=KGAT_abcdef0123\n"
        "Authorization: Basic YXdhOmtl\n"
        "'Authorization': 'Bearer ya29.abcdefgh' git fetch https://awa:ghp_secret1@example.org/lab.git"
    )
    for secret in ("0123456789abcdef", "KGAT_abcdef0123", "YXdhOmtl", "ya29", "ghp_secret1"):
        assert secret not in text, text
    assert "https://<redacted>@example.org/lab.git" in text


def test_a_kernel_commands_no_terminal() -> None:
    hostile = "\x1b[31mŋ\x1b[0m \x1b]0;title\x07\x1b[2J\x1b[Hgone?\x08\x07 \x1bP1;2\x1b\\b\x9b2Jc\td\x1b(B\n"
    plain, colored = io.StringIO(), io.StringIO()
    Console(plain, tty=False).log("stdout", hostile)
    Console(colored, tty=True, color=True).log("stdout", hostile)
    assert plain.getvalue() == "  | ŋ gone? b2Jc\td\n"
    assert colored.getvalue() == "  \x1b[36m|\x1b[0m \x1b[31mŋ\x1b[0m gone? b2Jc\td\x1b[0m\n"


def test_a_progress_bar_that_never_ends_its_line_takes_no_memory() -> None:
    out = io.StringIO()
    console = Console(out)
    for frame in range(20_000):
        console.log("stderr", f"\r{frame:>100}%")
    assert max(map(len, console._partial.values())) < 200
    console.log("stderr", "\r")
    console.log("stderr", "\n")
    assert out.getvalue() == f"  | {19_999:>100}%\n"


def test_a_huge_line_is_shown_by_its_beginning() -> None:
    out = io.StringIO()
    console = Console(out)
    for _ in range(1000):
        console.log("stdout", "x" * 1000)
    console.log("stdout", "\n")
    assert out.getvalue() == f"  | {'x' * LONGEST}  … (the whole line is in the log)\n"


def test_a_terminal_that_is_gone_ends_no_work() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8", closefd=True) as stream:
        for reporter in (Console(stream, tty=True), JsonLines(stream)):
            reporter.status("running", "1 s")
            reporter.log("stdout", "ŋ\n")
            reporter.error(Refused("no"))
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)  # what is still in the buffer has somewhere to go
