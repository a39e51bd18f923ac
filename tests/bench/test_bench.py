"""The benchmark itself works: a quick run measures everything and writes its page. How fast things are is no test."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import corpora, memory, repository
from bench.__main__ import SECTIONS
from bench.bars import at_least, at_most, times, wall
from bench.measure import Sample
from bench.notebooks import SIZE, conversation, notebook
from bench.table import Pair, ratios, span
from sahel_nb.notebook.strip import strip

ROOT = Path(__file__).resolve().parents[2]


# What each of two quick runs measures, and rows that its page must have; two, so that two workers share them.
QUICK = (
    (
        {"startup": "Start-up", "commit": "A commit", "run": "A run", "lock": "The lock"},
        ("`sahel-nb --help`", "`git commit`, 2 staged: sahel-nb", "`sahel-nb run`", "HTTP: plain `git push`"),
        11,
    ),
    (
        {
            "filter": "The filter",
            "hook": "The hook on clean notebooks",
            "memory": "Memory",
            "pair": "Pairs",
            "push": "A push",
        },
        (
            *("`git add` S: sahel-nb", "`git add` S: floor", "`git diff` S, all edited: nbstripout"),
            *("pre-commit: `sahel-nb-hook strip`", "one mirror edited: `jupytext --sync`"),
            "pre-push check of 6 commits, known clean",
        ),
        18,
    ),
)


def test_every_section_is_in_a_quick_run() -> None:
    assert sorted(name for sections, _, _ in QUICK for name in sections) == sorted(SECTIONS)


@pytest.mark.slow
@pytest.mark.parametrize(("sections", "rows", "bars"), QUICK)
def test_a_quick_run_writes_a_page_with_every_table(
    sections: dict[str, str], rows: tuple[str, ...], bars: int, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    only = [word for name in sections for word in ("--only", name)]
    done = subprocess.run(
        (sys.executable, "-m", "tests.bench", "--quick", *only, "--out", str(page)),
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    first = ["The machine", "The bars"] if bars else ["The machine"]
    assert re.findall(r"^## (.*)$", text, re.M) == [*first, *sections.values()]
    for row in rows:
        assert re.search(rf"^\| {re.escape(row)}.*\| 1 \| \*\*[\d.]+\*\* \|", text, re.M), (row, text)
    shown = re.findall(r"^\| .* \| [≤≥] .*$", text, re.M)
    assert len(shown) == bars
    assert all(bar.endswith(" | – |") for bar in shown), "a quick run judges nothing"
    assert str(ROOT) not in text, "the page names no path of the machine"
    assert str(Path.home()) not in text


def test_ratios_are_taken_pair_by_pair() -> None:
    samples = {
        "slow": [Sample(0.4, 0.2), Sample(1.2, 0.2)],
        "fast": [Sample(0.1, 0.1), Sample(0.2, 0.1), Sample(9.0, 9.0)],
    }
    row = ratios(samples, [Pair("slow", "fast")]).splitlines()[-1]
    assert row == "| slow | fast | 2 | **5** (4–6) | **2** (2–2) |"
    assert span([3.0, 1.0, 200.0]) == "**3.0** (1.0–200)"


def test_a_bar_is_met_or_says_by_how_much_it_was_missed() -> None:
    assert at_least("add", 250, 250.0).verdict == "yes"
    assert at_least("add", 250, 100.0).verdict == "**no**: 0.40 of it"
    assert at_most("memory", 20, 20.0, " MiB").verdict == "yes"
    assert at_most("memory", 20, 47.8, " MiB").verdict == "**no**: 2.39 times it"
    assert at_least("add", 3, None).verdict == "not available"


def test_one_run_is_held_against_the_median_of_many() -> None:
    samples = {
        "slow": [Sample(8.0, 8.0)],
        "fast": [Sample(9.0, 9.0), Sample(2.0, 2.0), Sample(1.0, 1.0)],
        "pair": [Sample(9.0, 1.0), Sample(4.0, 1.0), Sample(1.0, 1.0)],
    }
    assert times(samples, "slow", "fast", wall) == 4.0
    assert times(samples, "pair", "fast", wall) == 1.0
    assert times(samples, "slow", "nobody", wall) is None


def test_a_corpus_is_mixed_valid_and_the_same_everywhere() -> None:
    made = dict(corpora.mixed(20, 600_000))
    assert made == dict(corpora.mixed(20, 600_000))
    assert 500_000 < sum(map(len, made.values())) < 700_000
    notebooks = [json.loads(content) for content in made.values()]
    assert {notebook["nbformat_minor"] for notebook in notebooks} == {4, 5}
    outputs = [out for nb in notebooks for cell in nb["cells"] for out in cell.get("outputs", ())]
    assert {out["output_type"] for out in outputs} == {"display_data", "execute_result", "stream", "error"}
    for content in made.values():
        assert strip(corpora.edit(content, 1)) != strip(content), "what is edited is a source"


@pytest.mark.parametrize("made", [corpora.many_pictures, corpora.one_stream])
def test_a_large_notebook_is_as_large_as_asked(made: Callable[[int], bytes]) -> None:
    content = made(3_000_000)
    assert 2_900_000 < len(content) < 3_500_000
    assert len(strip(content)) < 10_000


def test_the_floor_answers_git(tmp_path: Path) -> None:
    """Two notebooks at once, one of several packets in and out."""
    corpora.write(corpora.small(1), tmp_path / "corpus")
    (tmp_path / "corpus" / "large.ipynb").write_bytes(corpora.many_pictures(1_000_000))
    setting = repository.floor(tmp_path, tmp_path / "corpus")
    made = repository.make(tmp_path, repository.FLOOR, tmp_path / "corpus", setting)
    made.git("add", ".")
    for path in (tmp_path / "corpus").iterdir():
        staged = made.told("cat-file", "blob", f":notebooks/{path.name}")
        assert staged.encode() == strip(path.read_bytes())


def test_the_peak_is_the_childs_own(tmp_path: Path) -> None:
    """Not that of this process, which is many times larger."""
    (tmp_path / "input").write_bytes(b"x" * 5_000_000)
    ballast = bytearray(200_000_000)
    ballast[:: 1 << 12] = b"x" * len(ballast[:: 1 << 12])
    small = memory.peak(tmp_path, tmp_path / "input", "cat")
    python = shlex.quote(sys.executable)
    large = memory.peak(tmp_path, tmp_path / "input", f"{python} -I -S -c 'import sys; x = sys.stdin.read() * 10'")
    assert small < 20 < 50 < large < 150


def test_notebooks_are_the_same_everywhere_and_as_large_as_asked() -> None:
    assert notebook(7) == notebook(7) != notebook(8)
    assert len(notebook(7)) == SIZE


def test_the_conversation_is_one_that_the_filter_understands() -> None:
    from io import BytesIO

    from sahel_nb.repo.filter_process import serve

    seen: list[tuple[bytes, bytes]] = []

    def clean(path: bytes, content: Iterator[bytes]) -> tuple[bytes]:
        seen.append((path, b"".join(content)))
        return (b"{}\n",)

    said = conversation(b"first", b"x" * 70_000)
    serve(BytesIO(said), BytesIO(), clean, clean, lambda path, exc: None)
    assert seen == [(b"notebooks/000.ipynb", b"first"), (b"notebooks/001.ipynb", b"x" * 70_000)]
