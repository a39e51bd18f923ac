"""The picture in the README: a session that really happened, drawn as a terminal.

    python docs/session.py capture   plays the session on the embedded service, into docs/session.txt
    python docs/session.py           draws docs/session.svg from docs/session.txt

session.txt has every line as it was printed, but for the temporary folder, which becomes `~`. The picture leaves out
the middle of the kernel's log and says how many lines that are; colours are those of a terminal (report/console.py).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
TEXT, PICTURE = HERE / "session.txt", HERE / "session.svg"
KERNEL = "language-id"
FOLDER = f"notebooks/{KERNEL}"
COLUMNS, FIRST, LAST = 104, 7, 6
"""Columns of the drawn terminal, and how much of the log's beginning and end it shows."""
RESULT = re.compile(r"  \| accuracy ")
"""The line of the log's middle that is shown, too."""

SIZE, WIDTH, HEIGHT = 14, 8.43, 20
INK = {
    "text": "#c9d1d9",
    "dim": "#8b949e",
    "green": "#56d364",
    "red": "#ff7b72",
    "yellow": "#e3b341",
    "blue": "#79c0ff",
}
RULES = tuple(
    # A group is drawn in the colour of its name.
    re.compile(pattern)
    for pattern in (
        r"^(?P<blue>\$ )(?P<bold>.*)$",
        r"^ +(?P<green>ok)  ",
        r"^ +(?P<yellow>warn)  ",
        r"^ +(?P<red>FAIL)  ",
        r"^(?P<red>error: )",
        r"^  (?P<blue>\|) ",
        r"^(?P<dim> +….*)$",
    )
)


def render(text: str) -> str:
    """The picture of a session."""
    lines = [line[: COLUMNS - 1] + "…" if len(line) > COLUMNS else line for line in _shortened(text.splitlines())]
    width, height = COLUMNS * WIDTH + 40, len(lines) * HEIGHT + 64
    rows = "".join(
        f'<text x="20" y="{56 + number * HEIGHT}" xml:space="preserve">{_spans(line)}</text>\n'
        for number, line in enumerate(lines)
        if line
    )
    dots = "".join(
        f'<circle cx="{22 + 20 * n}" cy="20" r="6" fill="{color}"/>'
        for n, color in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" role="img" aria-label="A session of sahel-nb; docs/session.txt has its text">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{dots}\n'
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, &quot;DejaVu Sans Mono&quot;, monospace" '
        f'font-size="{SIZE}" fill="{INK["text"]}">\n{rows}</g>\n</svg>\n'
    )


def _shortened(lines: list[str]) -> Iterator[str]:
    log: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("  |"):
            log.append(line)
            continue
        left_out = 0
        for number, entry in enumerate(log):
            if FIRST <= number < len(log) - LAST and not RESULT.match(entry):
                left_out += 1
                continue
            if left_out:
                yield f"  … {left_out} more lines of the log"
            left_out = 0
            yield entry
        log.clear()
        yield line


def _spans(line: str) -> str:
    for pattern in RULES:
        if match := pattern.match(line):
            done, spans = 0, []
            for name in match.groupdict():
                start, end = match.span(name)
                style = 'font-weight="bold" fill="#ffffff"' if name == "bold" else f'fill="{INK[name]}"'
                spans.append(f"{escape(line[done:start])}<tspan {style}>{escape(line[start:end])}</tspan>")
                done = end
            return "".join(spans) + escape(line[done:])
    return escape(line)


def capture() -> str:
    """Play it: a change that is refused, committed, pushed and run."""
    from sahel_nb.demo.world import make_world

    with tempfile.TemporaryDirectory(prefix="sahel-nb-") as name:
        folder = Path(name).resolve()
        with make_world(folder, [("Awa Diop", "awa@lab.example", "awa-diop")], ()) as world:
            awa = world.people["awa"]
            session = Session(awa.clone, world.env(awa), world.kaggle_env(awa))
            session.quietly(f"git clone -q {shlex.quote(str(world.remote))} .", kaggle=False)
            for command in ("init", "install", f"new {KERNEL} --template langid --owner awa-diop"):
                session.quietly(f"sahel-nb {command}")
            session.quietly(f"kaggle datasets create -q --public -p {FOLDER}/data", kaggle=True)
            for command in ("add .", "commit -qm Begin", "push -qu origin main"):
                session.quietly(f"git {command}")
            session.shown(f"sed -i 's/NGRAM = 3/NGRAM = 4/' {FOLDER}/{KERNEL}.py")
            session.shown("sahel-nb run", expect=3)
            session.shown("git commit -qam 'Count up to four letters' && git push -q")
            session.shown("sahel-nb run")
            session.shown(f"ls -x runs/{KERNEL}/*/outputs")
        return session.text.replace(str(folder / "awa"), "~")


class Session:
    """Commands in one folder, and what a person would have seen."""

    def __init__(self, clone: Path, env: dict[str, str], kaggle_env: dict[str, str]) -> None:
        clone.mkdir(parents=True)
        self._clone, self._env, self._kaggle_env = clone, env, kaggle_env
        self.text = ""

    def quietly(self, command: str, *, kaggle: bool = False) -> None:
        self._run(command, 0, self._kaggle_env if kaggle else self._env)

    def shown(self, command: str, *, expect: int = 0) -> None:
        self.text += f"{'' if not self.text else chr(10)}$ {command}\n{self._run(command, expect, self._env)}"

    def _run(self, command: str, expect: int, env: dict[str, str]) -> str:
        done = subprocess.run(  # noqa: S602  the commands above, which need a shell, in a folder of their own
            command, shell=True, cwd=self._clone, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip
        if done.returncode != expect:
            raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout


if __name__ == "__main__":
    if "capture" in sys.argv[1:]:
        TEXT.write_text(capture(), encoding="utf-8")
    PICTURE.write_text(render(TEXT.read_text(encoding="utf-8")), encoding="utf-8")
