"""What sahel-nb pushed is there for the unmodified `kaggle` command and for kagglehub, to the byte."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sahel_nb.notebook.strip import strip
from support.lab import CONFIG, OWNER, Done, Lab, Member, finished
from support.service import BIN

PAIRED = CONFIG.replace('format = ""', 'format = "py:percent"')
SLUG, SCRIPT, WHERE = "interop-lab", "interop-script", "notebooks/interop-lab"
CELLS = [
    "words = open('/kaggle/input/datasets/awa/fula-words/ŋ-words.txt', encoding='utf-8').read()\nprint(words)",
    "import os\n\n\nos.makedirs('ɓ/deep')\nopen('ɓ/deep/ɗ.txt', 'w', encoding='utf-8').write(words * 3)",
    "open('model.bin', 'wb').write(bytes(range(256)) * 40)\nopen('empty.txt', 'w').close()",
]
WORDS = "ŋana ɓiɗɗo ɲamri\n"
MANY = """
import contextlib, io, json, sys
from kaggle.cli import main
said = {}
for words in json.loads(sys.argv[1]):
    sys.argv = ["kaggle", "kernels", *words]
    out, code = io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main()
        except SystemExit as exc:
            code = exc.code or 0
    said[" ".join(words)] = [code, out.getvalue()]
print("=> " + json.dumps(said))
"""
"""The `kaggle` program is `kaggle.cli.main`; several of its commands in one process spare the imports."""


@dataclass(frozen=True)
class World:
    """Two versions of a notebook, its dev slug and a script as sahel-nb kept their runs, and what kaggle says."""

    awa: Member
    runs: tuple[Path, ...]
    pulls: Path
    said: dict[str, tuple[int, str]]

    def kaggle(self, *words: str) -> str:
        code, out = self.said[" ".join(words)]
        assert code == 0, out
        return out

    def committed(self, number: int) -> bytes:
        """The notebook of a run as git has it."""
        blob = ["git", "show", f"{self.record(number)['commit']}:{WHERE}/{SLUG}.ipynb"]
        return subprocess.run(blob, cwd=self.awa.root, check=True, capture_output=True).stdout

    @property
    def dev(self) -> str:
        return str(self.record(2)["kernel"]).partition("/")[2]

    def record(self, number: int) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.runs[number] / "run.json").read_text("utf-8"))
        return value


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("interop")
    with Lab(folder, people=(OWNER,)) as lab:
        dataset(lab)
        awa = lab.join(OWNER, config=PAIRED)
        runs = []
        for cells in (["open('first-ɲ.txt', 'w').write('ɲ')"], CELLS):
            paired(awa, cells)
            runs.append(folder_of(awa.sahel("run", WHERE)))
        awa.kernel(SCRIPT, [f"print('ɗ')\nopen('ŋ.txt', 'w').write({WORDS!r})"], kernel_type="script")
        both = [awa.start("run", WHERE, "--dev"), awa.start("run", f"notebooks/{SCRIPT}")]
        runs += [folder_of(finished(process)) for process in both]
        pulls = folder / "pulls"
        shared, own = (f"{OWNER}/{slug}" for slug in (SLUG, World(awa, tuple(runs), pulls, {}).dev))
        commands = [
            ["list", "--mine", "-v"],
            ["status", shared],
            ["status", f"{shared}/1"],
            ["status", own],
            ["logs", shared],
            ["files", shared, "-v"],
            ["output", shared, "-p", str(pulls / "output"), "-q"],
            ["output", own, "-p", str(pulls / "dev-output"), "-q"],
            ["pull", shared, "-p", str(pulls / "plain")],
            ["pull", shared, "-p", str(pulls / "whole"), "-m"],
            ["pull", f"{shared}/1", "-p", str(pulls / "first")],
            ["pull", own, "-p", str(pulls / "dev"), "-m"],
            ["pull", f"{OWNER}/{SCRIPT}", "-p", str(pulls / "script"), "-m"],
            ["output", f"{OWNER}/{SCRIPT}", "-p", str(pulls / "script-output"), "-q"],
        ]
        out = lab.service.python(OWNER, MANY, json.dumps(commands))
        said = json.loads(next(line for line in out.splitlines() if line.startswith("=> "))[3:])
        yield World(awa, tuple(runs), pulls, {words: (code, text) for words, (code, text) in said.items()})


def dataset(lab: Lab) -> None:
    files = lab.folder / "fula-words"
    files.mkdir()
    (files / "ŋ-words.txt").write_text(WORDS, encoding="utf-8")
    about = {"id": f"{OWNER}/fula-words", "title": "Fula words", "licenses": [{"name": "CC0-1.0"}]}
    (files / "dataset-metadata.json").write_text(json.dumps(about))
    lab.service.kaggle(OWNER, "datasets", "create", "-p", str(files), "-q")


def paired(awa: Member, cells: list[str]) -> None:
    awa.write_kernel(SLUG, cells, WHERE, dataset_sources=[f"{OWNER}/fula-words"], title="Interop Lab")
    subprocess.run([BIN / "sahel-nb", "pair"], cwd=awa.root, env=awa.env(), check=True, capture_output=True, timeout=60)
    awa.git("add", "--", WHERE)
    awa.git.commit(message=f"{len(cells)} cells")
    awa.git.push()


def folder_of(done: Done) -> Path:
    assert done.code == 0, done
    return Path(done.out.strip())


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, and its digest."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def recorded(world: World, number: int) -> dict[str, str]:
    return {file["name"]: file["sha256"] for file in world.record(number)["files"]}


def unstamped(pulled: Path) -> bytes:
    """A pulled notebook without the cell and the metadata that a push adds, stripped as git has it."""
    value = json.loads(pulled.read_text("utf-8"))
    last = value["cells"].pop()
    assert "sahel-nb-stamp commit=" in "".join(last["source"])
    del value["metadata"]["sahel_nb"]
    return strip((json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def test_what_was_pushed_is_listed_and_complete(world: World) -> None:
    listed = world.kaggle("list", "--mine", "-v").splitlines()[1:]
    assert {line.split(",")[0] for line in listed} == {f"{OWNER}/{slug}" for slug in (SLUG, SCRIPT, world.dev)}
    for ref in (SLUG, f"{SLUG}/1", world.dev):
        assert "COMPLETE" in world.kaggle("status", f"{OWNER}/{ref}")


def test_the_log_is_the_one_that_was_recorded(world: World) -> None:
    blob = json.loads(world.kaggle("logs", f"{OWNER}/{SLUG}"))
    kept = [json.loads(line) for line in (world.runs[1] / "log.jsonl").read_text("utf-8").splitlines()]
    assert [row["data"] for row in blob] == [row["data"] for row in kept]
    assert WORDS in "".join(row["data"] for row in blob)


def test_outputs_are_the_same_bytes_whoever_fetches_them(world: World) -> None:
    names = {"ɓ/deep/ɗ.txt", "model.bin", "empty.txt"}
    assert set(recorded(world, 1)) == names
    for number, slug, folder in ((1, SLUG, "output"), (2, world.dev, "dev-output"), (3, SCRIPT, "script-output")):
        fetched = tree(world.pulls / folder)
        assert fetched.pop(f"{slug}.log")
        assert fetched == recorded(world, number) == tree(world.runs[number] / "outputs")
    rows = world.kaggle("files", f"{OWNER}/{SLUG}", "-v").splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == names


@pytest.mark.parametrize(("folder", "number"), [("plain", 1), ("whole", 1), ("dev", 2)])
def test_a_pulled_source_is_what_git_has(world: World, folder: str, number: int) -> None:
    (pulled,) = (world.pulls / folder).glob("*.ipynb")
    assert unstamped(pulled) == world.committed(number)


def test_a_pulled_script_is_what_git_has_and_a_last_comment(world: World) -> None:
    pulled = (world.pulls / "script" / f"{SCRIPT}.py").read_bytes()
    source = (world.awa.root / "notebooks" / SCRIPT / f"{SCRIPT}.py").read_bytes()
    assert pulled.startswith(source)
    assert pulled[len(source) :].startswith(b"# sahel-nb-stamp commit=" + world.record(3)["commit"].encode())
    assert pulled.count(b"\n") == source.count(b"\n") + 1


def test_a_version_that_is_pulled_is_that_version_or_none(world: World) -> None:
    """Not every client can ask for one; what it asks for instead, the service refuses."""
    code, said = world.said[f"pull {OWNER}/{SLUG}/1 -p {world.pulls / 'first'}"]
    pulled = [unstamped(path) for path in (world.pulls / "first").glob("*.ipynb")]
    assert pulled == ([world.committed(0)] if code == 0 else []), said


def test_pulled_metadata_says_what_was_pushed(world: World) -> None:
    asked = json.loads((world.awa.root / WHERE / "kernel-metadata.json").read_text("utf-8"))
    for folder, slug in (("whole", SLUG), ("dev", world.dev)):
        pulled = json.loads((world.pulls / folder / "kernel-metadata.json").read_text("utf-8"))
        assert pulled["id"] == f"{OWNER}/{slug}"
        for key in ("language", "kernel_type", "is_private", "enable_gpu", "enable_internet", "dataset_sources"):
            assert pulled[key] == asked[key], key


def test_kagglehub_fetches_what_was_recorded(world: World) -> None:
    code = (
        "import kagglehub\n"
        f"for name in ('{OWNER}/{SLUG}', '{OWNER}/{SLUG}/versions/1', '{OWNER}/{world.dev}'):\n"
        "    print('=> ', kagglehub.notebook_output_download(name))\n"
        f"print('=> ', kagglehub.notebook_output_download('{OWNER}/{SLUG}', path='ɓ/deep/ɗ.txt'))\n"
        f"print('=> ', kagglehub.dataset_download('{OWNER}/fula-words', path='ŋ-words.txt'))\n"
    )
    said = world.awa.lab.service.python(OWNER, code)
    newest, first, dev, single, words = (Path(line[3:].strip()) for line in said.splitlines() if line.startswith("=> "))
    assert tree(newest) == recorded(world, 1)
    assert tree(first) == recorded(world, 0) == tree(world.runs[0] / "outputs")
    assert tree(dev) == recorded(world, 2)
    assert single.read_text("utf-8") == WORDS * 3
    assert words.read_text("utf-8") == WORDS


def test_what_was_pulled_can_be_pushed_again(world: World) -> None:
    """By hand, with the plain client: git's next run then sees a version that git never had."""
    whole = world.pulls / "whole"
    source = json.loads((whole / f"{SLUG}.ipynb").read_text("utf-8"))
    source["cells"][0]["source"] = "print('by hand: ɗ')"
    (whole / f"{SLUG}.ipynb").write_text(json.dumps(source, ensure_ascii=False), "utf-8")
    pushed = world.awa.lab.service.kaggle(OWNER, "kernels", "push", "-p", str(whole))
    assert "Kernel version 3 successfully pushed" in pushed.stdout
    shown = world.awa.sahel("drift", WHERE)
    assert "by hand: ɗ" in shown.out + shown.err, shown
