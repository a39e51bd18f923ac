"""A few runs through a network that fails at random; for hundreds: `python -m tests.storm --runs 500 --seed 1`."""

from __future__ import annotations

from pathlib import Path

from storm.judge import Judge
from storm.line import lines
from storm.loop import CONFIG, lab_of, storm
from storm.person import Stormy, Story
from storm.weather import Weather
from support.lab import OWNER

# Their pushes are served, some unheard; where one is not, half a minute of looking for it goes by.
SEEDS = ("1/7", "1/75", "1/97")


def test_runs_in_a_storm_end_once_and_whole(tmp_path: Path) -> None:
    tally = storm(tmp_path, SEEDS, workers=3)
    assert tally.violations == []
    assert (tally.runs, tally.versions) == (3, 3)
    assert tally.faults.total() > 5


def test_what_a_storm_could_break_is_seen(tmp_path: Path) -> None:
    with lab_of(tmp_path, 1) as lab, lines(lab.service.port, 1) as (line,):
        lab.join(OWNER, config=CONFIG)
        awa = Stormy(lab, tmp_path / "awa", line, "storm-alone")
        judge = Judge(awa, lab.service.data)

        def found(story: Story) -> list[str]:
            judge.found.clear()
            judge.after(story)
            judge.at_the_end(story)
            return sorted({violation.kind for violation in judge.found})

        story = awa.run("1/7", Weather.calm(), 0, judge.after)
        assert (judge.found, found(story)) == ([], [])

        (folder,) = awa.root.glob("runs/storm-alone/*-v1")
        for path, kind in ((folder / "log.txt", "log wrong"), (folder / "log.jsonl", "log wrong")):
            whole = path.read_bytes()
            first = whole.splitlines(keepends=True)[0]
            for other in (first + whole, whole.removeprefix(first)):
                path.write_bytes(other)
                assert found(story) == [kind]
            path.write_bytes(whole)
        output = max((folder / "outputs").rglob("*"), key=lambda path: path.stat().st_size)
        content = output.read_bytes()
        output.write_bytes(content[:-1])
        assert found(story) == ["output wrong"]
        output.unlink()
        assert found(story) == ["output missing"]
        output.write_bytes(content)

        awa.lab.origin("update-ref", "-d", f"refs/sahel/locks/{OWNER}/storm-alone")
        assert found(story) == ["lock left"]
        assert awa.sahel("lock", "ack", "storm-alone", "--reason", "its ref was deleted").code == 0
        awa.sahel("run", "storm-alone")
        assert found(story) == ["another version was told", "pushed twice"]
