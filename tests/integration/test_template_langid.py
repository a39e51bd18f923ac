"""The example kernel really works: the notebook runs from the data that ships with it and leaves honest outputs.

Shown with a real Jupyter kernel and real processes: it finds its data beside the working directory in the classic
layout and the new one; the numbers are of held-out sentences (text whose labels mean nothing scores as chance); two
runs write the same bytes; the edits that a demo makes change the result or fail where they should; and the corpus is
clean text with the letters of its languages.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates" / "kernels" / "langid"
NOTEBOOK = TEMPLATE / "notebook.py"
DATA = TEMPLATE / "data"
LANGUAGES = ("bam", "ful", "wol", "hau", "fra")
LETTERS = {"bam": "ŋɲɛɔ", "ful": "ŋɓɗñƴ", "wol": "ŋëñéàó", "hau": "ɓɗƙƴ", "fra": "éèêàçœ"}
FEWER_ROUNDS = ("ROUNDS = 3 ", "ROUNDS = 1 ")
NO_SMOOTHING = ("SMOOTHING = 0.1 ", "SMOOTHING = 0 ")

# Runs a notebook as a batch does, and keeps what it got to, also when a cell fails.
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(notebook, timeout=120).execute()
finally:
    nbformat.write(notebook, sys.argv[1])
"""


class Session:
    """A folder laid out as a kernel finds it: `working` to run in, `input` with the mounted text beside it."""

    def __init__(self, root: Path, home: Path, mount: str = "sahel-langid-text") -> None:
        self.working = root / "working"
        self.corpus = root / "input" / mount
        self.working.mkdir()
        shutil.copytree(DATA, self.corpus)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8"}

    def run_notebook(self, *edits: tuple[str, str]) -> tuple[subprocess.CompletedProcess[str], Any]:
        """Convert, execute in a Jupyter kernel, and return the process and the notebook it wrote."""
        import jupytext

        path = self.working.parent / "run.ipynb"
        jupytext.write(jupytext.reads(source(*edits), fmt="py:percent"), path)
        done = self._python("-c", EXECUTE, str(path))
        return done, json.loads(path.read_text(encoding="utf-8"))

    def run_script(self, *edits: tuple[str, str]) -> subprocess.CompletedProcess[str]:
        """The mirror is a Python script too; running it so spares the kernel's start."""
        path = self.working.parent / "mirror.py"
        path.write_text(source(*edits), encoding="utf-8")
        return self._python(str(path))

    def metrics(self) -> Any:
        return json.loads((self.working / "metrics.json").read_text(encoding="utf-8"))

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, *arguments)
        return subprocess.run(
            command, cwd=self.working, env=self.environment, capture_output=True, encoding="utf-8", timeout=120
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the module: matplotlib looks at the machine's fonts once and remembers."""
    return tmp_path_factory.mktemp("home")


def source(*edits: tuple[str, str]) -> str:
    text = NOTEBOOK.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, f"the notebook no longer has exactly one {old!r}"
        text = text.replace(old, new)
    return text


def sentences(code: str) -> list[str]:
    return (DATA / f"{code}.txt").read_text(encoding="utf-8").splitlines()


def printed(notebook: Any) -> str:
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", ()))
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


def identify(model: dict[str, Any], text: str) -> str:
    """What model.json.gz says of a text, by its description alone: log P(n-gram | language), summed."""
    padded = f" {text.casefold()} "
    sizes = range(1, model["ngram"] + 1)
    grams = [padded[start : start + size] for size in sizes for start in range(len(padded) - size + 1)]
    weights: dict[str, dict[str, float]] = model["log_probability"]
    return max(weights, key=lambda code: sum(weights[code].get(gram, 0.0) for gram in grams))


def test_a_run_leaves_real_outputs_and_the_same_ones_again(tmp_path: Path, home: Path) -> None:
    session = Session(tmp_path, home)
    done, notebook = session.run_notebook()
    assert done.returncode == 0, done.stderr

    text = printed(notebook)
    assert all(letter in text for letter in "ŋɓɗɲɛɔ")
    assert len(text.splitlines()) < 100

    metrics = session.metrics()
    confusion = metrics["confusion"]
    rounds = metrics["parameters"]["rounds"]
    hits = sum(confusion[code][code] for code in LANGUAGES)
    judged = sum(sum(row.values()) for row in confusion.values())
    assert judged == rounds * sum(metrics["sentences"].values()) == rounds * 5 * 120
    assert metrics["accuracy"] == pytest.approx(hits / judged, abs=1e-4)
    assert metrics["accuracy"] > 0.9
    assert all(score["recall"] > 0.8 and score["precision"] > 0.8 for score in metrics["languages"].values())
    by_length = list(metrics["accuracy_by_characters"].values())
    assert 0.4 < by_length[0] < by_length[-1]

    errors = (session.working / "errors.txt").read_text(encoding="utf-8").splitlines()
    assert sum(int(line.split("  ")[1].split("/")[0]) for line in errors) == judged - hits > 0
    for line in errors:
        languages, _, sentence = line.split("  ", 2)
        truth, guess = languages.split(" → ")
        assert sentence in sentences(truth)
        assert confusion[truth][guess] > 0

    picture = (session.working / "confusion.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.rstrip().endswith(b"IEND\xaeB`\x82")
    assert len(picture) > 20_000

    model = json.loads(gzip.decompress((session.working / "model.json.gz").read_bytes()))
    pairs = [(code, sentence) for code in LANGUAGES for sentence in sentences(code)]
    right = sum(identify(model, sentence) == code for code, sentence in pairs) / len(pairs)
    assert right > metrics["accuracy"]  # it has seen these sentences; the metrics are of sentences it had not
    samples = [line.split() for line in text.split("n-grams\n")[1].splitlines()]
    assert [code for code, *_ in samples] == list(LANGUAGES)
    for code, *words in samples:
        assert " ".join(words) not in sentences(code)
        assert identify(model, " ".join(words)) == code

    again = tmp_path / "again"
    again.mkdir()
    second = Session(again, home, mount="datasets/awa/sahel-langid-text")
    second.run_script().check_returncode()
    for name in ("metrics.json", "model.json.gz", "errors.txt"):
        assert (second.working / name).read_bytes() == (session.working / name).read_bytes(), name


def test_text_whose_labels_mean_nothing_scores_as_chance(tmp_path: Path, home: Path) -> None:
    session = Session(tmp_path, home)
    everything = [sentence for code in LANGUAGES for sentence in sentences(code)]
    random.Random(7).shuffle(everything)
    for number, code in enumerate(LANGUAGES):
        part = everything[number * 120 : (number + 1) * 120]
        (session.corpus / f"{code}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")

    session.run_script(FEWER_ROUNDS).check_returncode()

    assert session.metrics()["accuracy"] < 0.35


def test_single_letters_do_worse(tmp_path: Path, home: Path) -> None:
    session = Session(tmp_path, home)
    session.run_script(FEWER_ROUNDS, ("NGRAM = 3 ", "NGRAM = 1 ")).check_returncode()
    assert 0.6 < session.metrics()["accuracy"] < 0.96


def test_without_smoothing_the_run_fails_where_the_model_is_trained(tmp_path: Path, home: Path) -> None:
    done, notebook = Session(tmp_path, home).run_notebook(NO_SMOOTHING)

    assert done.returncode != 0
    code_cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    failed = [
        number
        for number, cell in enumerate(code_cells)
        if any(output["output_type"] == "error" for output in cell["outputs"])
    ]
    assert failed == [4]
    assert "hands = deal(" in "".join(code_cells[4]["source"])
    (error,) = (output for output in code_cells[4]["outputs"] if output["output_type"] == "error")
    assert error["ename"] == "ValueError"
    assert any("math.log" in line for line in error["traceback"])


def test_without_its_text_it_says_where_it_looked(tmp_path: Path, home: Path) -> None:
    session = Session(tmp_path, home)
    (session.corpus / "bam.txt").unlink()

    done = session.run_script()

    assert done.returncode != 0
    assert "FileNotFoundError: no folder with bam.txt" in done.stderr
    for place in (
        "/kaggle/input/datasets/*/",
        "/kaggle/input/sahel",
        "../input/sahel-langid-text",
        str(session.working),
    ):
        assert place in done.stderr
    assert "dataset_sources" in done.stderr


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_corpus_file_is_clean_text_of_its_language(code: str) -> None:
    raw = (DATA / f"{code}.txt").read_bytes()
    text = raw.decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert raw.endswith(b"\n")
    assert not raw.startswith("\ufeff".encode())
    assert b"\r" not in raw
    assert all(character.isalpha() or character in " '-,.!?\n" for character in text)
    assert set(LETTERS[code]) <= set(text.casefold())
    own = {character for character in text.casefold() if not character.isascii()}
    assert own <= set("àâçèéêîïôùûœ" if code == "fra" else LETTERS[code])
    assert len(sentences(code)) == 120
    assert all(line == " ".join(line.split()) and line[-1] in ".!?" for line in sentences(code))


def test_no_sentence_is_there_twice() -> None:
    bare = [
        "".join(character for character in sentence.casefold() if character.isalpha())
        for code in LANGUAGES
        for sentence in sentences(code)
    ]
    assert len(set(bare)) == len(bare)
    assert sorted(path.stem for path in DATA.glob("*.txt")) == sorted(LANGUAGES)


def test_the_metadata_says_everything_and_fits_kaggle() -> None:
    from slugify import slugify

    kernel = (TEMPLATE / "kernel-metadata.json").read_text(encoding="utf-8")
    for old, new in (("{owner}", "awa"), ("{slug}", "sahel-langid"), ("{title}", "Sahel langid")):
        assert old in kernel
        kernel = kernel.replace(old, new)
    assert json.loads(kernel) == {
        "id": "awa/sahel-langid",
        "title": "Sahel langid",
        "code_file": "sahel-langid.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": False,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": ["awa/sahel-langid-text"],
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
        "keywords": [],
    }
    dataset = json.loads((DATA / "dataset-metadata.json").read_text(encoding="utf-8"))
    assert dataset["id"] == "{owner}/sahel-langid-text"
    assert 6 <= len(dataset["title"]) <= 50
    assert slugify(dataset["title"]) == "sahel-langid-text"
    assert dataset["licenses"] == [{"name": "CC0-1.0"}]
    assert not any(word in source() for word in ("{owner}", "{slug}", "{title}"))


def test_the_mirror_survives_the_notebook() -> None:
    import jupytext

    notebook = jupytext.reads(source(), fmt="py:percent")
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    lines = jupytext.writes(notebook, fmt="py:percent").splitlines(keepends=True)
    assert "".join(line for line in lines if "jupytext_version" not in line) == source()
