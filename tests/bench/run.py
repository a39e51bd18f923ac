"""A run: what `sahel-nb run` adds to the kernel's own time, beside a script around the unmodified kaggle command."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from support.lab import Lab, Member, notebook

from . import outputs
from .bars import at_most, times
from .measure import Case, Sample, child, interleave
from .table import Pair, Section, cpus, markdown, ratios, span, walls
from .world import BIN, World

OURS, SCRIPT = "`sahel-nb run`", "script: push, poll every 5 s, output"
POLLING = """set -e
kaggle kernels push -p "$1" >/dev/null
while :; do
    case $(kaggle kernels status "$2") in
    *COMPLETE*) break ;;
    *ERROR* | *CANCEL*) exit 1 ;;
    esac
    sleep "$4"
done
kaggle kernels output "$2" -p "$3" >/dev/null
test -s "$3/result.txt"
"""
CELLS = ("print('ŋana')", "open('result.txt', 'w').write('done')")

TEXT = f"""A notebook of two cells that prints a word and writes a file, on the embedded service on loopback; both \
sides use it in turn, each with a kernel of its own.
"From its end to the outputs on disk" is from the end of the session in those books to `run.json`, which comes last.
"The kernel's own" is the time from start to end of the session in the service's books; what is beyond it is \
start-up, preflight, lock, push, waiting and outputs.
`sahel-nb run` checks, takes the lock, follows the log live and records the run; the script does less (`$4` is 5):

```sh
{POLLING}```

The outputs alone, fetched by both from a version that has ended: files of 200 B, 5, 50 and 300 KB on loopback, and \
through a relay that holds every byte back for {1000 * outputs.AWAY:g} ms each way; and the memory that one large \
file takes."""


def measure(world: World) -> Section:
    folder = world.place("run")
    with Lab(folder) as lab:
        awa = lab.join("awa")
        awa.kernel("bench-ours", CELLS)
        script = _plain_kernel(awa, folder / "script")
        cases = (
            Case(OURS, partial(_timed, lab, "bench-ours", partial(_sahel, awa))),
            Case(
                SCRIPT, partial(_timed, lab, "bench-script", partial(_script, lab, script, "1" if world.quick else "5"))
            ),
        )
        samples = interleave(cases, world.rounds(5))
        landed = _landed(lab, awa)
        tables, reached = outputs.measure(world, lab, awa)
    table = markdown(
        ("run", "runs", "whole, ms", "the kernel's own, ms", "beyond it, ms", "CPU, ms"),
        (
            (
                name,
                str(len(got)),
                span(walls(got)),
                span([sample.own * 1000 for sample in got]),
                span([(sample.wall - sample.own) * 1000 for sample in got]),
                span(cpus(got)),
            )
            for name, got in samples.items()
        ),
    )
    beyond = {
        f"{name}, beyond the kernel's own": [replace(sample, wall=sample.wall - sample.own) for sample in got]
        for name, got in samples.items()
    }
    ours, theirs = beyond
    bars = (
        at_most("a run: what is beyond the kernel's own, against the script's", 0.5, times(beyond, ours, theirs), "×"),
        at_most("a run: from its end to the outputs on disk", 1000, landed * 1000, " ms"),
    )
    shown = (table, ratios({**samples, **beyond}, (Pair(SCRIPT, OURS), Pair(theirs, ours))), *tables)
    return Section("A run", TEXT, shown, (*bars, *reached))


def _landed(lab: Lab, awa: Member) -> float:
    """Seconds from the end of each session, by the service's books, to its `run.json`, which is written last; the
    median."""
    ends = dict(_books(lab.service.data / "service.db", "bench-ours", "number, ended"))
    records = [json.loads(path.read_text("utf-8")) | {"at": path.stat().st_mtime} for path in _records(awa)]
    return median(record["at"] - ends[record["version"]] for record in records)


def _records(awa: Member) -> list[Path]:
    return sorted((awa.root / "runs" / "bench-ours").glob("*/run.json"))


def _timed(lab: Lab, slug: str, work: partial[Sample]) -> Sample:
    sample = work()
    return replace(sample, own=_session(lab.service.data / "service.db", slug))


def _sahel(awa: Member) -> Sample:
    return child((str(BIN / "sahel-nb"), "run"), cwd=awa.root, env=awa.env())


def _script(lab: Lab, folder: Path, pause: str) -> Sample:
    product = folder.with_name(f"outputs-{os.urandom(4).hex()}")
    product.mkdir()
    env = {**lab.service.env("awa"), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return child(
        ("sh", "-c", POLLING, "sh", str(folder), "awa/bench-script", str(product), pause), cwd=product, env=env
    )


def _plain_kernel(awa: Member, folder: Path) -> Path:
    """The same kernel under another name, in a folder without git."""
    folder.mkdir()
    metadata = json.loads((awa.root / "notebooks/bench-ours/kernel-metadata.json").read_text("utf-8"))
    metadata |= {"id": "awa/bench-script", "title": "Bench Script", "code_file": "bench-script.ipynb"}
    (folder / "kernel-metadata.json").write_text(json.dumps(metadata), "utf-8")
    (folder / "bench-script.ipynb").write_text(notebook(CELLS), "utf-8")
    return folder


def _session(database: Path, slug: str) -> float:
    """Seconds that the newest version of a kernel ran."""
    started, ended = _books(database, slug, "started, ended")[-1]
    return ended - started


def _books(database: Path, slug: str, columns: str) -> list[tuple[float, float]]:
    """Two columns of what the service keeps of a kernel's versions, oldest first."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(
            f"SELECT {columns} FROM versions WHERE kernel_id IN (SELECT id FROM kernels WHERE slug = ?) "
            "ORDER BY number",
            (slug,),
        ).fetchall()
    finally:
        connection.close()
