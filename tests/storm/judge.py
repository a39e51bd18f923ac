"""What must hold after a run, whatever its line was like: by the service's books, the clone's disk, the shared lock."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.kernels.arrivals import ARRIVED
from sahel_nb.kernels.download import PART
from support.lab import OWNER

from . import kernel
from .person import Command, Stormy, Story

_NONCE = re.compile(r"sahel-nb-stamp .* nonce=([0-9a-f]{32})")
ALLOWED = {"run": (0, 3, 9, 10), "attach": (0, 9, 10), "output": (0, 9, 10)}


@dataclass(frozen=True)
class Version:
    number: int
    nonce: str
    status: str


@dataclass(frozen=True)
class Violation:
    kind: str
    seed: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} (run {self.seed}): {self.what}"


class Judge:
    """For one person's kernel. `data` is the service's folder."""

    def __init__(self, member: Stormy, data: Path) -> None:
        self._member, self._data = member, data
        self.found: list[Violation] = []

    def versions(self) -> list[Version]:
        """What the service was given of this kernel, oldest first."""
        query = (
            "SELECT number, source, status FROM versions v JOIN kernels k ON k.id = v.kernel_id "
            "WHERE k.slug = ? ORDER BY number"
        )
        with contextlib.closing(sqlite3.connect(f"file:{self._data / 'service.db'}?mode=ro", uri=True)) as books:
            rows = books.execute(query, (self._member.slug,)).fetchall()
        return [Version(number, _NONCE.findall(source)[-1], status) for number, source, status in rows]

    def after(self, story: Story) -> None:
        """Behind each command: it ended as it may, and no output that is there is wrong."""
        command = story.commands[-1]
        if command.code not in ALLOWED[command.verb] or "Traceback" in command.err:
            self._violation(story, "ended oddly", str(command))
        made = [version for version in self.versions() if version.number > story.base]
        if command.code in (0, 10) and command.verb != "output" and command.made:
            if len(made) != 1:
                return  # said in the end
            self._shown(story, command, made[0])
        for version in made:
            self._files(story, version, whole=False)

    def at_the_end(self, story: Story) -> None:
        """One version, its log and its outputs to the byte, and a lock that is free."""
        if not story.done:
            self._violation(story, "never done", "\n".join(map(str, story.commands)))
        made = [version for version in self.versions() if version.number > story.base]
        if len(made) != 1:
            kind = "pushed twice" if made else "no version"
            self._violation(story, kind, f"{made}\n" + "\n".join(map(str, story.commands)))
        told = set().union(*(command.made for command in story.commands))
        if told != {version.number for version in made}:
            self._violation(story, "another version was told", f"told {told}, made {made}")
        state = str((self._member.lock(story.slug) or {"state": "never locked"})["state"])
        if state != "FREE":
            self._violation(story, "lock left", f"{state}\n{story.commands[-1]}")
        for version in made[:1]:
            if version.status != "COMPLETE":
                self._violation(story, "did not complete", version.status)
            self._files(story, version, whole=True)
            self._log(story, version)

    def _violation(self, story: Story, kind: str, what: str) -> None:
        self.found.append(Violation(kind, story.seed, what))

    def _folder(self, version: Version) -> Path | None:
        found = list((self._member.root / "runs" / self._member.slug).glob(f"*-v{version.number}"))
        return found[0] if len(found) == 1 else None

    def _files(self, story: Story, version: Version, *, whole: bool) -> None:
        folder = self._folder(version)
        wanted = kernel.files(story.seed, version.nonce)
        there = dict(_below(folder / "outputs")) if folder is not None else {}
        for name, content in there.items():
            if name.endswith((PART, ARRIVED)) and not whole:
                continue
            if content != wanted.get(name):
                self._violation(story, "output wrong", f"{name}: {len(content)} bytes\n{story.commands[-1]}")
        missing = sorted(set(wanted) - set(there))
        if missing and (whole or (story.commands[-1].code == 0 and story.commands[-1].made)):
            self._violation(story, "output missing", f"{missing}\n{story.commands[-1]}")

    def _log(self, story: Story, version: Version) -> None:
        folder = self._folder(version)
        if folder is None:
            self._violation(story, "no folder", f"v{version.number}")
            return
        told = "".join(kernel.lines(story.seed, version.nonce))
        records = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        kept = "".join(json.loads(record)["data"] for record in records)
        shown = (folder / "log.txt").read_text(encoding="utf-8")
        if (kept, shown) == (told, told):
            return
        missed = [item["name"] for item in json.loads((folder / "run.json").read_bytes())["missed"]]
        cut = any(command.code == 10 for command in story.commands) and "log.jsonl" in missed
        if not cut or not (told.startswith(kept) and told.startswith(shown)):
            self._violation(story, "log wrong", _difference(told, kept) or _difference(told, shown))
            return
        # What was said to be missing must be there for who asks for it.
        logs = self._member.sahel("logs", f"{OWNER}/{story.slug}@v{version.number}")
        if logs.code != 0 or logs.out != told:
            self._violation(story, "log wrong", f"asked for again: {_difference(told, logs.out)}\n{logs}")

    def _shown(self, story: Story, command: Command, version: Version) -> None:
        """What the person read: each line once and in order, unless it was said that the log is not whole."""
        told = kernel.lines(story.seed, version.nonce)
        read = [line[4:] + "\n" for line in command.err.splitlines() if line.startswith("  | ")]
        if read != told and (command.code == 0 or read != told[: len(read)]):
            self._violation(story, "shown wrong", f"{_difference(''.join(told), ''.join(read))}\n{command}")


def _below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def _difference(told: str, read: str) -> str:
    """Where two texts part; empty where they do not."""
    ours, theirs = told.splitlines(), read.splitlines()
    for n, line in enumerate(ours):
        if n >= len(theirs) or theirs[n] != line:
            return f"{len(theirs)} lines of {len(ours)}; line {n + 1} is {theirs[n : n + 1]} and not {line!r}"
    return f"{len(theirs)} lines of {len(ours)}" if len(ours) != len(theirs) else ""
