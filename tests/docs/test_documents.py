"""Documents: their links lead somewhere, each can be reached from the README, none names somebody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
IDS = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def links(document: Path) -> list[str]:
    """Targets inside the project."""
    found = _LINK.findall(_CODE.sub("", document.read_text(encoding="utf-8")))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """Headings, as the usual hosts name them: lower case, spaces to dashes, punctuation gone."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document):
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{target} is not there"
        assert path.is_relative_to(ROOT), f"{target} lies outside the project"
        if anchor:
            assert anchor in anchors(path), f"{target}: no such heading"


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in seen or document.suffix != ".md" or not document.exists():
            continue
        seen.add(document)
        waiting += [
            (document.parent / target.partition("#")[0]).resolve() for target in links(document) if target[0] != "#"
        ]
    assert [name for path, name in zip(DOCUMENTS, IDS, strict=True) if path not in seen] == []


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "docs/session.txt", ROOT / "docs/session.svg"], ids=lambda p: p.name
)
def test_no_document_names_a_machine_or_leaves_something_open(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"/(?:root|work|home|Users)/\w+|/tmp/tmp\w+|\bTODO\b|\bFIXME\b|\bTBD\b", text) == []


@pytest.mark.parametrize("document", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_parts(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(document.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_the_commands_of_the_readme_exist() -> None:
    """make's targets, and the extras that its plain-pip equivalents ask for."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in readme
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = re.findall(r"pip install .*?\[(\w+)\]", readme)
    assert asked
    assert set(asked) <= set(extras)


def test_the_readme_names_every_command() -> None:
    from sahel_nb.cli.main import COMMANDS

    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z]+)[ `]", table))
    assert set(COMMANDS) <= named


def test_what_holds_a_promise_of_security_is_there_and_ships_with_it() -> None:
    named = re.findall(r"`((?:\w+/)*(?:\w+\.py|\w+/))`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "sahel_nb" / name).exists()] == []
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert "/*.md" in targets["sdist"]["include"]


def test_every_noqa_gives_its_reason() -> None:
    bare = re.compile(r"# (?:noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)*|type: ignore(?:\[[^]]*\])?)\s*$", re.MULTILINE)
    assert [str(file) for file in (ROOT / "sahel_nb").rglob("*.py") if bare.search(file.read_text("utf-8"))] == []
