"""The benchmark itself works: a quick run measures everything and writes its page. How fast things are is no test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measure import Sample
from bench.notebooks import SIZE, conversation, notebook
from bench.table import Pair, ratios, span

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_quick_run_writes_a_page_with_every_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = subprocess.run(
        (sys.executable, "-m", "tests.bench", "--quick", "--out", str(page)),
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.M) == ["The machine", "Start-up", "The commit path", "A run", "The lock"]
    for row in ("`sahel-nb --help`", "`git add`, 2 notebooks: sahel-nb", "`sahel-nb run`", "HTTP: plain `git push`"):
        assert re.search(rf"^\| {re.escape(row)}.*\| 1 \| \*\*[\d.]+\*\* \|", text, re.M), (row, text)
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


def test_notebooks_are_the_same_everywhere_and_as_large_as_asked() -> None:
    assert notebook(7) == notebook(7) != notebook(8)
    assert len(notebook(7)) == SIZE


def test_the_conversation_is_one_that_the_filter_understands() -> None:
    from io import BytesIO

    from sahel_nb.repo.filter_process import serve

    seen: list[tuple[bytes, bytes]] = []

    def clean(path: bytes, content: bytes) -> bytes:
        seen.append((path, content))
        return b"{}\n"

    said = conversation(b"first", b"x" * 70_000)
    serve(BytesIO(said), BytesIO(), clean, clean, lambda path, exc: None)
    assert seen == [(b"notebooks/000.ipynb", b"first"), (b"notebooks/001.ipynb", b"x" * 70_000)]
