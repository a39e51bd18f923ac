"""Somebody on a bad line: types `sahel-nb run`, and then what they are told to type, until the run is done.

After so many commands their line is good again; what they were told before must hold then.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.lab import OWNER, Done, Lab, Member, finished

from . import kernel
from .line import Line
from .weather import Weather

BAD_LUCK = 9
"""Commands, after which the line is mended."""
MOST = BAD_LUCK + 6
PATIENCE = 400.0
GHOSTS = 10.0
_HINT = re.compile(r"\$ sahel-nb (attach|output|run)\b(.*)$", re.MULTILINE)
_NOTHING_ON = re.compile(r": the lock is free, and no run is on|: no run is on; the last one, v(\d+) ")
_MADE = re.compile(r" v(\d+)(?: started from commit|, started by) ")


@dataclass(frozen=True)
class Command:
    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def verb(self) -> str:
        return self.arguments[0]

    @property
    def made(self) -> set[int]:
        """The versions that this command spoke of as the run's."""
        return {int(number) for number in _MADE.findall(self.err)}

    def __str__(self) -> str:
        return f"$ sahel-nb {shlex.join(self.arguments)} → {self.code}\n{self.err}"


@dataclass
class Story:
    """One run, from the first command to the last."""

    seed: str
    slug: str
    base: int
    """The newest version before it."""
    weather: Weather
    commands: list[Command] = field(default_factory=list)
    done: bool = False


class Stormy(Member):
    """A clone of their own and a kernel of their own, behind a line of their own."""

    def __init__(self, lab: Lab, folder: Path, line: Line, slug: str) -> None:
        folder.mkdir()
        super().__init__(lab, OWNER, lab.origin.clone(OWNER, folder=folder / "clone"))
        self.line, self.slug = line, slug
        self.git("switch", "-q", "-c", slug)

    def env(self) -> dict[str, str]:
        return {**super().env(), "SAHEL_NB_KAGGLE": self.line.url}

    def run(self, seed: str, weather: Weather, base: int, after: Callable[[Story], None]) -> Story:
        """Run a kernel of this seed through this weather. `after` is called behind each command."""
        source = Path(kernel.__file__).read_text(encoding="utf-8").replace('SEED = ""', f'SEED = "{seed}"')
        self.kernel(self.slug, source.splitlines(), kernel_type="script")
        story = Story(seed, self.slug, base, weather)
        self.line.weather = weather
        arguments: tuple[str, ...] = ("run", self.slug)
        while arguments and len(story.commands) < MOST:
            if len(story.commands) == BAD_LUCK:
                self.line.weather = Weather.calm()
            done = finished(self.start(*arguments), PATIENCE)
            story.commands.append(Command(arguments, done.code, done.out, done.err))
            after(story)
            arguments = following(arguments, done, base)
        self.line.weather = Weather.calm()
        deadline = time.monotonic() + GHOSTS
        while self.line.ghosts and time.monotonic() < deadline:
            time.sleep(0.05)
        story.done = not arguments
        return story


def following(arguments: tuple[str, ...], done: Done, base: int) -> tuple[str, ...]:
    """What is typed next; nothing where it is done."""
    if "the lock could not be released" in done.err:
        return ("attach", arguments[-1])
    _, error, behind = done.err.rpartition("error: ")
    hints = [(verb, *shlex.split(rest)) for verb, rest in _HINT.findall(behind if error else done.err)]
    if done.code == 0:
        nothing_on = _NOTHING_ON.search(done.err) if arguments[0] == "attach" else None
        if nothing_on is None:
            return ()
        # Either the run was ended by an earlier command, or it never came to be.
        return hints[0] if int(nothing_on[1] or 0) > base else ("run", arguments[-1].rpartition("/")[2])
    return hints[0] if hints else arguments
