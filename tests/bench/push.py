"""The pre-push check: 1,000 commits of 200 notebooks that nobody has pushed, seen for the first time and again."""

from __future__ import annotations

import json
import shlex
import shutil
from functools import partial
from pathlib import Path
from statistics import median

from . import corpora, imports
from .bars import at_most
from .measure import Case, child, interleave
from .notebooks import notebook
from .repository import OURS, Repository, make
from .table import Section, timings
from .world import World

KNOWN, FIRST = "known clean", "seen for the first time"
ZERO = "0" * 40

TEXT = """200 kernel folders: notebook, `py:percent` mirror, `kernel-metadata.json`; 1,000 commits, each of which \
edits a line of one pair. The remote has none of them.
Measured is `sahel-nb-hook pre-push` as our `hooks/pre-push` starts it, with git's line for one branch in its stdin.
"Known clean": the same check of the same commits has passed before, in this clone."""


def measure(world: World) -> Section:
    folder = world.place("push")
    kernels, commits = (2, 6) if world.quick else (200, 1000)
    repository = _history(folder, kernels, commits)
    line = folder / "stdin"
    line.write_text(f"refs/heads/main {repository.told('rev-parse', 'HEAD').strip()} refs/heads/main {ZERO}\n")
    command = ("sh", "-c", f"{shlex.join(imports.hook('process')[:-1])} pre-push origin file:///nowhere")
    check = partial(child, command, cwd=repository.root, stdin=line)
    repository.save("unseen")
    what = f"pre-push check of {commits} commits"
    first = Case(f"{what}, {FIRST}", check, before=partial(repository.restore, "unseen"), patience=15.0)
    samples = interleave([first], 1 if world.quick else 2)
    repository.restore("unseen")
    check()
    repository.told("status", "--porcelain")  # as people have it: git has looked at files made in its last second again
    known = Case(f"{what}, {KNOWN}", check, patience=20.0)
    samples |= interleave([known], world.rounds(9))
    value = median(sample.wall for sample in samples[known.name]) * 1000
    bar = at_most(f"pre-push check of 1,000 commits with 200 notebooks, {KNOWN}", 100, value, " ms")
    return Section("A push", TEXT, (timings(samples, "check"),), (bar,))


def _history(folder: Path, kernels: int, commits: int) -> Repository:
    """Written with git fast-import: what is measured is how it is read."""
    from sahel_nb.notebook.pair import mirror_of
    from sahel_nb.notebook.strip import strip

    nothing = folder / "nothing"
    nothing.mkdir()
    made = make(folder, OURS, nothing)
    made.git("remote", "add", "origin", "file:///nowhere")
    pairs = []
    for number in range(kernels):
        stripped = strip(notebook(number))
        pairs.append((stripped, mirror_of(stripped, "py:percent")))
    stream = [_commit(1, [line for at, pair in enumerate(pairs) for line in (*_files(at, *pair), _metadata(at))])]
    for number in range(1, commits):
        at = (number * 7) % kernels
        edited = [corpora.edit(half, number) for half in pairs[at]]
        stream.append(_commit(number + 1, _files(at, *edited)))
    source = folder / "stream"
    source.write_bytes(b"".join(stream))
    child(("git", "fast-import", "--quiet", "--force"), cwd=made.root, stdin=source)
    shutil.rmtree(made.notebooks)
    made.git("reset", "-q", "--hard")
    return made


def _commit(number: int, changes: list[bytes]) -> bytes:
    start = b"from refs/heads/main^0\n" if number == 1 else b""
    who = b"committer Awa Diop <awa@example.org> %d +0000\n" % (1_704_164_645 + number)
    return b"commit refs/heads/main\n" + who + _data(b"Work %d\n" % number) + start + b"".join(changes) + b"\n"


def _files(number: int, notebook: bytes, mirror: bytes) -> list[bytes]:
    return [_file(number, f"{_slug(number)}.ipynb", notebook), _file(number, f"{_slug(number)}.py", mirror)]


def _metadata(number: int) -> bytes:
    slug = _slug(number)
    settings = {
        "id": f"awa/{slug}", "title": f"Measured {number:03}", "code_file": f"{slug}.ipynb", "language": "python",
        "kernel_type": "notebook", "is_private": True, "enable_gpu": False, "enable_tpu": False,
        "enable_internet": False, "dataset_sources": [], "kernel_sources": [], "competition_sources": [],
        "model_sources": [],
    }  # fmt: skip
    return _file(number, "kernel-metadata.json", (json.dumps(settings, indent=2) + "\n").encode())


def _slug(number: int) -> str:
    return f"measured-{number:03}"


def _file(number: int, name: str, content: bytes) -> bytes:
    return f"M 100644 inline notebooks/{_slug(number)}/{name}\n".encode() + _data(content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
