"""The generated pages are what the code says, every command is in them, and every command's help has an example."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and type hints look themselves up there
    spec.loader.exec_module(module)
    return module


generate = load("generate")
COMMANDS: dict[str, click.Command] = dict(generate.commands())
LEAVES = [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)]


def test_the_reference_is_up_to_date() -> None:
    stale = [path.relative_to(ROOT).as_posix() for path in generate.stale()]
    assert stale == [], f"regenerate with: {generate.COMMAND}"


def test_every_command_has_its_place_in_the_reference() -> None:
    headings = re.findall(r"^##+ sahel-nb (.+)$", (ROOT / "docs/reference/cli.md").read_text("utf-8"), re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("name", LEAVES)
def test_help_says_what_for_and_gives_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert (command.help or "").strip()
    examples = generate.examples(command)
    assert examples
    assert any(f"sahel-nb {name}" in example for example in examples)


@pytest.mark.parametrize("name", LEAVES)
def test_an_example_can_be_parsed(name: str) -> None:
    """Its options exist and its arguments are enough; nothing is executed."""
    for example in generate.examples(COMMANDS[name]):
        for part in re.split(r"&&|[<>|]", example):
            words = shlex.split(part)
            if words[:1] != ["sahel-nb"]:
                continue
            typed = next(n for n in sorted(COMMANDS, key=len, reverse=True) if words[1:][: len(n.split())] == n.split())
            with COMMANDS[typed].make_context(typed, words[1 + len(typed.split()) :]) as context:
                assert context.params is not None


def test_every_setting_says_what_it_is_for() -> None:
    page = (ROOT / "docs/reference/config.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `.*?` \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) >= 10
    assert [key for key, text in rows if len(text.strip()) < 10] == []


def test_the_picture_shows_the_captured_session() -> None:
    session = load("session")
    text = session.TEXT.read_text(encoding="utf-8")
    assert session.PICTURE.read_text(encoding="utf-8") == session.render(text), "draw it with: python docs/session.py"
    for letter in "ŋɓɗɲ":
        assert letter in text.lower()
