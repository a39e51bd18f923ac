"""No text that is not ours commands a terminal, and none of anybody's language is lost to that."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from shlex import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sahel_nb.errors import Refused
from sahel_nb.hooks.findings import show
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.report.console import Console
from sahel_nb.report.events import Check, Level, Verdict
from sahel_nb.report.jsonl import JsonLines
from sahel_nb.report.redact import redacted
from sahel_nb.report.terminal import LONGEST, Protected, log_line, one_line, visible

ANY = st.text(st.characters(exclude_categories=()) | st.sampled_from("\x1b\x07\x9b\x9d\r\b\\[];m52\u202e\u2066\udcff"))
"""Every character, half surrogates too; those that sequences are made of more often."""
OBEYED = frozenset(chr(number) for number in (*range(32), *range(127, 160))) - {"\n", "\t"}
HIDING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
HOSTILE = "a\x1b]52;c;ZXZpbA==\x07b\x9b2Jc\x1bP1$r\x1b\\d\re\bf\u202eg\x1b[31mh\x1b[2K\x90i"
SGR = re.compile(r"\x1b\[[0-9;:]*m")


def _obeyed(text: str) -> set[str]:
    halves = {letter for letter in text if "\ud800" <= letter <= "\udfff"}
    return halves | (set(text) & (OBEYED | HIDING))


@given(ANY)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = visible(text)
    assert not _obeyed(shown)
    assert visible(shown) == shown
    shown.encode("utf-8")


@given(ANY)
def test_every_letter_mark_digit_and_sign_stays(text: str) -> None:
    kept = [letter for letter in text if unicodedata.category(letter)[0] in "LMNPS" or letter in "\n\t \u200c\u200d"]
    shown = iter(visible(text))
    assert all(letter in shown for letter in kept)


@pytest.mark.parametrize(
    "text",
    [
        "ŋana ɓiɗɗo ɲ",
        "ߒߞߏ",
        "𞤀𞤣𞤤𞤢𞤥",
        "ግዕዝ",
        "العَرَبِيَّة",
        "می\u200cخواهم",
        "ന്\u200d",
        "👩\u200d🔬",
        "e\u0301",
        "\xa0",
        "𐵀𐵁",
    ],
    ids=["latin", "nko", "adlam", "ethiopic", "arabic", "persian", "malayalam", "emoji", "mark", "nbsp", "garay"],
)
def test_the_scripts_of_the_world_are_shown_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_what_is_hidden_is_spelled_as_json_does() -> None:
    assert visible("a\x1b[2Jb\u202ec\udcffd\U000e0041\r\n") == "a\\u001b[2Jb\\u202ec\\udcffd\\udb40\\udc41\n"


@given(st.dictionaries(ANY, ANY | st.lists(ANY)))
def test_json_keeps_its_meaning(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assume(redacted(text) == text)
    stream = io.StringIO()
    Protected(stream).write(text)
    assert _obeyed(stream.getvalue()) == set()
    assert json.loads(stream.getvalue()) == json.loads(json.dumps(value))


@pytest.mark.parametrize("name", ["http.extraHeader", "EXTRAHEADER", "Authorization"])
@pytest.mark.parametrize("value", [[], {}, None, 0, "", "0", ["x"], "Basic abcdef"])
def test_an_answer_in_json_is_one_without_its_secrets_too(name: str, value: object) -> None:
    stream = io.StringIO()
    Protected(stream).write(json.dumps({name: value, "z": [name]}))
    said = json.loads(stream.getvalue())
    assert said.keys() == {name, "z"}
    assert said["z"] == [name]
    assert said[name] == value or "<redacted>" in said[name]


@given(ANY, st.booleans())
def test_a_line_of_a_log_keeps_its_colours_alone(text: str, color: bool) -> None:
    line = log_line(text, color=color)
    assert bool(SGR.search(line)) <= color
    assert not SGR.search(line) or line.endswith("\x1b[0m")
    assert not _obeyed(SGR.sub("", line))


@given(ANY)
def test_a_name_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text, 50)


@given(ANY)
def test_a_reporter_is_commanded_by_nothing_that_it_is_given(text: str) -> None:
    for reporter in (Console, JsonLines):
        stream = io.StringIO()
        events = reporter(Protected(stream))  # type: ignore[abstract,arg-type]  # either class; a text stream in all that they use
        events.say(text, Level.WARN)
        events.check(Check(text, Verdict.FAILED, text, text))
        events.log(text, text)
        events.status(text, text)
        events.error(Refused(text, details=(text,), kaggle=text, hints=(text,)))
        assert not _obeyed(stream.getvalue())


def test_on_a_terminal_only_our_own_colours_are_left() -> None:
    stream = io.StringIO()
    console = Console(Protected(stream), tty=True, color=True)  # type: ignore[arg-type]  # as above
    console.say(HOSTILE)
    console.error(Refused(HOSTILE, details=(HOSTILE,), hints=(HOSTILE,)))
    assert _obeyed(SGR.sub("", stream.getvalue())) == set()
    assert SGR.findall(stream.getvalue()) == ["\x1b[31m", "\x1b[0m"]


def test_a_newline_in_a_message_forges_no_message() -> None:
    stream = io.StringIO()
    Console(stream).error(Refused("cut.ipynb\nerror: no", details=("a\n  $ rm -rf /",)))
    Console(stream).check(Check("tree", Verdict.FAILED, "x\n  ok  tree  clean", "git status"))
    assert [line for line in stream.getvalue().splitlines() if not line.startswith("  ")] == ["error: cut.ipynb"]
    assert "\n  $ rm" not in stream.getvalue()
    assert "\n  ok" not in stream.getvalue()


def test_a_newline_in_a_name_forges_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    finding = Finding("SNB101", Severity.ERROR, "a\n error  b.ipynb", "", "x" * 9000, "mend")
    show([finding])
    first, mend = capsys.readouterr().err.splitlines()
    assert first.startswith("error  a\\n error  b.ipynb: SNB101 x")
    assert len(first) < LONGEST + 20
    assert mend == "       -> mend"


def test_a_message_without_end_is_cut_and_a_command_is_not() -> None:
    stream = io.StringIO()
    Console(stream).error(Refused("m" * 9000, details=("d" * 9000,), hints=("h" * 9000,)))
    message, detail, hint = stream.getvalue().splitlines()
    assert message == f"error: {'m' * LONGEST}…"
    assert detail == f"  {'d' * LONGEST}…"
    assert hint == f"  $ {'h' * 9000}"


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
@example("b\x1b]52;c;eA==\x07\nerror: forged")
@example("it's\n'\u202e\udcff")
@settings(max_examples=30, deadline=None)
def test_a_command_is_one_line_and_works_as_it_is_typed(name: str) -> None:
    stream = io.StringIO()
    Console(stream).error(Refused("no", hints=(f"printf %s {quote(name)}",)))
    lines = stream.getvalue().split("\n")
    assert (len(lines), lines[2]) == (3, ""), "a message, a command and nothing more"
    assert visible(lines[1]) == lines[1]
    assert subprocess.run(["bash", "-c", lines[1].removeprefix("  $ ")], capture_output=True).stdout == os.fsencode(
        name
    )


def test_bytes_are_not_taken_for_text() -> None:
    with pytest.raises(TypeError):
        Protected(sys.stderr).write(b"")  # type: ignore[arg-type]  # what click tries
