"""Shows commands as somebody types them, runs them for real, and stops at the first that does not do what it should."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from sahel_nb.demo.world import DemoFailed, Person, World

PATIENCE = 300.0


@dataclass
class Background:
    """A command that goes on while others are shown; its lines are marked with the person's name."""

    process: subprocess.Popen[str]
    reader: threading.Thread
    lines: list[str] = field(default_factory=list)


class Teller:
    """Writes the story to `out`. Lines of a command are indented below its prompt as they come."""

    def __init__(self, world: World, out: TextIO | None = None) -> None:
        self._world = world
        self._out = out or sys.stdout
        self._writing = threading.Lock()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        self._chapter += 1
        self._print(f"\n── {self._chapter}. {title} " + "─" * max(4, 92 - len(title)))

    def say(self, text: str) -> None:
        self._print(f"   {text}")

    def run(
        self, person: Person, command: str, *, expect: int = 0, where: Path | None = None, kaggle: bool = False
    ) -> list[str]:
        """Run `command` (words as a shell reads them) and show it. Raises `DemoFailed` for another exit code."""
        background = self.start(person, command, where=where, kaggle=kaggle, mark="   ")
        return self.wait(background, command, expect=expect)

    def start(
        self,
        person: Person,
        command: str,
        *,
        where: Path | None = None,
        kaggle: bool = False,
        mark: str = "",
        hide: str = "",
    ) -> Background:
        """Start `command`; its lines appear while the story goes on, but for those that begin with `hide`."""
        folder = where or person.clone
        env = self._world.kaggle_env(person) if kaggle else self._world.env(person)
        first = person.name.split()[0].lower()
        self._print(f" {first}$ {command}" + ("" if mark else " &"))
        process = subprocess.Popen(
            shlex.split(command), cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        lines: list[str] = []

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if not (hide and line.startswith(hide)):
                    self._print(f"{mark or f'   ({first}) '}{line.rstrip()}")

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return Background(process, reader, lines)

    def wait(self, background: Background, command: str, *, expect: int = 0) -> list[str]:
        try:
            code = background.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            background.process.kill()
            raise DemoFailed(f"`{command}` was still running after {PATIENCE:.0f} s") from None
        background.reader.join(10)
        if code != expect:
            raise DemoFailed(f"`{command}` ended with exit code {code}, and the story expects {expect}")
        if expect:
            self._print(f"   exit code {code}")
        return background.lines

    def until(self, what: str, seen: Callable[[], bool]) -> None:
        """Wait for something that another process brings about."""
        deadline = time.monotonic() + PATIENCE
        while not seen():
            if time.monotonic() > deadline:
                raise DemoFailed(f"{what} did not come about within {PATIENCE:.0f} s")
            time.sleep(0.2)

    def _print(self, text: str) -> None:
        with self._writing:
            self._out.write(text + "\n")
            self._out.flush()
