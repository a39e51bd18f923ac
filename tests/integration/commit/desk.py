"""A desk at which notebooks were executed: the words in which stories about their outputs are told.

Each story is told with all kinds of notebooks at once: edited and executed, only executed again, new, two that are the
same but for their outputs, and a renamed one. Every output says whose it is, and of which execution.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, set_up
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple

SOURCES = ("a", "b", "c", "d", "e")
MINE = ("a", "b, mine", "c", "d", "e")
THEIRS = ("a", "b", "c", "d, theirs", "e")
EDITED, AGAIN, NEW, RENAMED, BEFORE = "edited ŋ.ipynb", "k/again.ipynb", "new.ipynb", "renamed.ipynb", "before.ipynb"
TWINS = ("one/twin.ipynb", "two/twin.ipynb")
MOVED = {EDITED: "moved/edited.ipynb", AGAIN: "moved again.ipynb"}
WHO = {RENAMED: BEFORE, **{moved: path for path, moved in MOVED.items()}}
KINDS = (EDITED, AGAIN, *TWINS, RENAMED)
COMMITTED = (EDITED, AGAIN, *TWINS, BEFORE)


def called(who: str) -> str:
    """The last cell: no two notebooks are the same but the twins."""
    return f"name = {Path(who).stem!r}"


def ran(who: str, when: str, sources: tuple[str, ...] = SOURCES) -> bytes:
    """As Jupyter saves it. Every output says whose it is, and of which execution."""
    notebook = json.loads(simple(*sources, called(who)))
    for cell in notebook["cells"]:
        cell["outputs"][0]["text"] = [f"{who}: {''.join(cell['source'])}: {when}\n"]
        cell["metadata"] = {"scrolled": when == "second"}
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def theirs(path: str, sources: tuple[str, ...] = THEIRS) -> bytes:
    return strip(simple(*sources, called(WHO.get(path, path))))


@dataclass(frozen=True)
class Desk:
    """A clone in which notebooks were executed and committed once, and worked on since."""

    clone: Clone
    bob: Git

    def do(self, command: str) -> None:
        self.clone.must(*command.split())

    def work(self) -> dict[str, bytes]:
        """A second day: nothing of it is staged but the renaming."""
        self.clone.must("mv", BEFORE, RENAMED)
        done = {path: ran(path, "second") for path in (AGAIN, *TWINS, NEW)}
        done[EDITED] = ran(EDITED, "second", MINE)
        done[RENAMED] = ran(BEFORE, "second")
        for path, raw in done.items():
            self.clone.git.write(path, raw)
        return done

    def commit(self, message: str = "Mine") -> None:
        self.clone.must("add", ".")
        self.clone.must("commit", "-qm", message, "--no-verify")

    def on_disk(self, *paths: str) -> dict[str, bytes]:
        return {path: self.clone.disk(path) for path in paths}

    def lost(self, *paths: str) -> list[str]:
        """Each cell that was computed here, stands on disk as it was then, and has not the output it had."""
        found = []
        for path in paths:
            who = WHO.get(path, path)
            computed = (*SOURCES, *MINE, called(who)) if who == EDITED else (*SOURCES, called(who))
            cells = json.loads(self.clone.disk(path))["cells"]
            assert cells
            for cell in cells:
                source = "".join(cell["source"])
                text = "".join(line for out in cell["outputs"] for line in out["text"])
                if source in computed and not text.startswith(f"{who}: {source}: "):
                    found.append(f"{path}: {source}: {text!r}")
        return found

    def lost_of(self, work: Mapping[str, bytes]) -> list[str]:
        """Each cell of these notebooks that does not stand on disk with the output that it had."""
        found = []
        for path, raw in work.items():
            there = [(cell["source"], cell["outputs"]) for cell in json.loads(self.clone.disk(path))["cells"]]
            had = [(cell["source"], cell["outputs"]) for cell in json.loads(raw)["cells"]]
            found += [f"{path}: {''.join(source)}" for source, outputs in had if (source, outputs) not in there]
        return found

    def sources(self, path: str) -> list[str]:
        return ["".join(cell["source"]) for cell in json.loads(self.clone.disk(path))["cells"]]

    def bob_edits(self, *paths: str, sources: tuple[str, ...] = THEIRS) -> None:
        """Somebody without our outputs edits one cell of every notebook, and pushes."""
        for path in paths:
            self.bob.write(path, theirs(path, sources))
        self.bob("add", ".")
        self.bob("commit", "-qm", "Theirs", "--no-verify")
        self.bob("push", "-q", "origin", "HEAD:main")

    def branch_of_bob(self, *paths: str) -> None:
        """The same, as a branch of this clone."""
        self.bob_edits(*paths)
        self.do("fetch -q origin main:other")


def desk_in(tmp_path: Path) -> Desk:
    """Notebooks were executed yesterday, committed and pushed; bob has a clone without sahel-nb."""
    clone = set_up(tmp_path / "o ŋ 'q")
    for path in COMMITTED:
        # Yesterday: what was written in the same second as the index, git looks at more often than at other files.
        yesterday = clone.git.write(path, ran(path, "first")).stat().st_mtime - 86400
        os.utime(clone.root / path, (yesterday, yesterday))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Notebooks", "--no-verify")
    origin = Origin.create(tmp_path / "origin.git")
    clone.must("remote", "add", "origin", str(origin.path))
    clone.must("push", "-q", "-u", "origin", "main", "--no-verify")
    bob = origin.clone("bob")
    bob("reset", "-q", "--hard", "origin/main")
    return Desk(clone, bob)


def counted(command: str, work: Sequence[str], lost: Sequence[str]) -> None:
    """A row of the table that `pytest -rP` shows: how many outputs of each kind there were, and how many are lost."""
    cells = []
    for kind, paths in (("edited", (EDITED,)), ("re-executed", (AGAIN, *TWINS, RENAMED)), ("new", (NEW,))):
        mine = [path for path in work if WHO.get(path, path) in (*paths, BEFORE * (kind == "re-executed"))]
        gone = sum(line.partition(": ")[0] in mine for line in lost)
        cells.append(f"{kind} {gone} of {len(mine) * (len(SOURCES) + 1)}")
    print(f"outputs lost over {command}: {', '.join(cells)}")
