"""Runs what the samples beside this file were made of, and writes their logs anew.

    python tests/data/debug/record.py NAME…                        on the executor of the embedded service
    python tests/data/debug/record.py --papermill PATH NAME…       those with a "runner": PATH is papermill's program

A sample's "made" is what ran: `cells` or `script` (or `raw`, a notebook that is none); `internet`; `limit` in seconds;
`inputs`, files below /kaggle; `memory`, MiB that it may take (a memory cgroup, which only root may make); `cancel`,
after so many seconds; `runner`, papermill or nbclient, where the service's executor is not; `no_loopback`, a machine
on which nobody can talk to a kernel; `cell_limit`, papermill's; `kernelspec`, another name than python3, or empty for
none. "at" is the line that fails. Paths of this machine are written as those of Kaggle's image.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from sahel_nb.localkaggle.executor.job import Job, Mount
from sahel_nb.localkaggle.executor.launch import launch

HERE = Path(__file__).parent
SPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
GROUP = Path("/sys/fs/cgroup/memory/sahel-nb-sample")


def notebook(made: dict[str, Any]) -> str:
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [], "source": text}
        for n, text in enumerate(made["cells"])
    ]
    spec = made.get("kernelspec", "python3")
    metadata = {"kernelspec": SPEC | {"name": spec}} if spec else {}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False)


def on_the_service(made: dict[str, Any], folder: Path) -> dict[str, Any]:
    inputs: dict[str, Path] = {}
    for name, text in made.get("inputs", {}).items():
        top, _, rest = name.rpartition("/")
        inputs.setdefault(top, folder / f"input-{len(inputs)}").mkdir(exist_ok=True)
        (inputs[top] / rest).write_text(text, encoding="utf-8")
    script = "script" in made
    job = Job(
        folder=folder,
        source=(made["script"] if script else made.get("raw") or notebook(made)).encode(),
        kernel_type="script" if script else "notebook",
        language="python",
        mounts=tuple(Mount(source, (target,)) for target, source in inputs.items()),
        environment={"KAGGLE_KERNEL_INTEGRATIONS": ""},
        time_limit=made.get("limit", 120),
        internet=made.get("internet", False),
    )
    if "memory" in made:
        GROUP.mkdir(exist_ok=True)
        (GROUP / "memory.limit_in_bytes").write_text(str(made["memory"] << 20))
        (GROUP / "cgroup.procs").write_text(str(os.getpid()))
    run = launch(job)
    if "memory" in made:
        (GROUP.parent / "cgroup.procs").write_text(str(os.getpid()))
    if "cancel" in made:
        time.sleep(made["cancel"])
        run.cancel()
    result = run.wait(300)
    assert result is not None
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    outputs = sum(1 for path in (folder / "working").rglob("*") if path.is_file())
    log = [json.loads(line) for line in lines]
    return {"state": result.outcome.value, "message": result.failure_message, "outputs": outputs, "log": log}


def by_papermill(made: dict[str, Any], folder: Path, program: str) -> dict[str, Any]:
    (folder / "in.ipynb").write_text(made.get("raw") or notebook(made), encoding="utf-8")
    streams = ("--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr", "--no-progress-bar")
    limit = ("--execution-timeout", str(made["cell_limit"])) if "cell_limit" in made else ()
    command = [program, *streams, *limit, "in.ipynb", "out.ipynb"]
    if made["runner"] == "nbclient":
        command = [str(Path(program).with_name("jupyter-execute")), "in.ipynb"]
    if not made.get("internet", False):
        loopback = "true" if made.get("no_loopback") else "ip link set lo up"
        command = ["unshare", "--net", "sh", "-c", f'{loopback} && exec "$@"', "sh", *command]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    said = (("stdout", done.stdout), ("stderr", done.stderr))
    log = [{"stream_name": name, "time": 2.5, "data": text} for name, text in said if text]
    return {"state": "ERROR" if done.returncode else "COMPLETE", "message": "", "log": log}


def ends(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A long log by its ends: a flood need not be kept whole."""
    kept = log if len(log) <= 24 else [*log[:4], *log[-20:]]
    return [{**record, "data": record["data"][-60_000:]} for record in kept]


def plain(text: str, folder: Path, program: str) -> str:
    """The same text without the paths of this machine."""
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sysconfig.get_paths()["stdlib"]).parents[1])}
    if program:
        top = Path(program).parents[1]
        prefixes |= {str(top), str((top / "bin" / "python").resolve().parents[1])}
    for name in sorted(prefixes, key=len, reverse=True):
        home = re.sub(f"^{re.escape(str(Path.home()))}(?=/)", "~", name)
        text = text.replace(name, "/usr/local").replace(home, "/usr/local")
    return text.replace(str(folder), "/kaggle/working")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--papermill", default="")
    asked = parser.parse_args()
    for name in asked.names:
        path = HERE / f"{name}.json"
        sample = json.loads(path.read_text(encoding="utf-8"))
        made = sample["made"]
        with tempfile.TemporaryDirectory() as made_in:
            folder = Path(made_in)
            got = by_papermill(made, folder, asked.papermill) if "runner" in made else on_the_service(made, folder)
            text = json.dumps(got, ensure_ascii=False)
            got = json.loads(plain(text, folder, asked.papermill))
        outputs = got.pop("outputs", None)
        if outputs is not None and got["state"] == "COMPLETE":
            sample["facts"]["outputs"] = outputs
        log = ends(got.pop("log"))
        sample = {**{key: value for key, value in sample.items() if key != "log"}, **got, "log": log}
        path.write_text(json.dumps(sample, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
