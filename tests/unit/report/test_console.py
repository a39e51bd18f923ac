"""What people see: whole lines without a TTY, a status line redrawn with one, and errors that say what to type."""

from __future__ import annotations

import io

from sahel_nb.errors import NOTHING_STARTED, Refused
from sahel_nb.report.console import Console
from sahel_nb.report.crash import _SECRET
from sahel_nb.report.events import Check, Verdict


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
    text = "{'username': 'awa', 'key': '0123456789abcdef'} KAGGLE_API_TOKEN=KGAT_abcdef0123 Authorization: Basic_abcdef"
    redacted = _SECRET.sub(r"\1<redacted>", text)
    assert "0123456789abcdef" not in redacted
    assert "KGAT_abcdef0123" not in redacted
