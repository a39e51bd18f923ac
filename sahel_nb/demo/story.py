"""The story: two people, one shared kernel, from an empty repository to a failure that is explained.

Every command below is really run, by real processes in real clones; a step that does not end as it should stops the
demo with an error.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

from sahel_nb.demo.teller import Teller
from sahel_nb.demo.world import DemoFailed, Person, World

PEOPLE = (
    ("Awa Diop", "awa@lab.example", "awa-diop"),
    ("Moussa Ɓah", "moussa@lab.example", "moussa-bah"),
)
NAME = "language-id"
KERNEL = f"awa-diop/{NAME}"
COLLABORATORS = (f"{KERNEL}=moussa-bah",)
FOLDER = f"notebooks/{NAME}"
NOTEBOOK = f"{FOLDER}/{NAME}.ipynb"
MIRROR = f"{FOLDER}/{NAME}.py"


def tell(world: World, teller: Teller) -> None:
    """Tell all of it. Raises `DemoFailed` where the world is not as the story says."""
    awa, moussa = world.people["awa"], world.people["moussa"]
    for sentence in world.without:
        teller.say(sentence)
    if world.without:
        teller.say("The demo's own notebook runs all the same; of others' notebooks, rehearse those that you trust.")
    _set_up(world, teller, awa)
    _commit(teller, awa)
    _refused_when_dirty(teller, awa)
    _run(teller, awa)
    _two_people(world, teller, awa, moussa)
    _failure(teller, awa)
    _who_ran_what(teller, moussa)


def _set_up(world: World, teller: Teller, awa: Person) -> None:
    teller.chapter("Awa sets up a repository, and a kernel from the example template")
    remote = shlex.quote(str(world.remote))
    teller.run(awa, f"git clone --quiet {remote} lab", where=awa.clone.parent)
    teller.run(awa, "sahel-nb init")
    teller.run(awa, "sahel-nb install")
    teller.run(awa, f"sahel-nb new {NAME} --template langid --owner awa-diop")
    teller.say("The text it trains on is a Kaggle dataset; Kaggle's own, unmodified client uploads it:")
    teller.run(awa, f"kaggle datasets create --quiet --public -p {FOLDER}/data", kaggle=True)
    teller.run(awa, "git add .")
    teller.run(awa, "git commit --quiet -m 'A language identifier for Bambara, Fula and neighbours'")
    teller.run(awa, "git push --quiet -u origin main")


def _commit(teller: Teller, awa: Person) -> None:
    teller.chapter("She runs it in Jupyter, changes a cell, commits: no outputs, and the mirror follows")
    teller.run(awa, f"jupyter-execute --inplace {NOTEBOOK}")
    _edit_notebook(awa, "ROUNDS = 3", "ROUNDS = 2")
    teller.say(f"(in Jupyter: ROUNDS = 3 → 2)  outputs in her worktree: {_outputs(awa.clone / NOTEBOOK)}")
    teller.run(awa, "git commit --quiet -am 'Two rounds are enough'")
    teller.run(awa, "git show --stat --format='%h %an: %s' HEAD")
    committed = _git(awa, "show", f"HEAD:{NOTEBOOK}")
    outputs = sum(len(cell.get("outputs", ())) for cell in json.loads(committed)["cells"])
    teller.say(f"outputs in the commit: {outputs}; in her worktree still: {_outputs(awa.clone / NOTEBOOK)}")
    if outputs or "ROUNDS = 2" not in _git(awa, "show", f"HEAD:{MIRROR}"):
        raise DemoFailed("the commit holds outputs, or its mirror is not in step")


def _refused_when_dirty(teller: Teller, awa: Person) -> None:
    teller.chapter("A run wants a clean and pushed checkout: every failing row at once, nothing spent")
    _edit(awa, MIRROR, "SMOOTHING = 0.1", "SMOOTHING = 0.2")
    teller.run(awa, f"sahel-nb run {NAME}", expect=3)


def _run(teller: Teller, awa: Person) -> None:
    teller.chapter("So she commits, pushes and runs: lock, push, live log, outputs, record")
    teller.run(awa, "git commit --quiet -am 'Smooth a little more'")
    teller.run(awa, "git push --quiet")
    lines = teller.run(awa, f"sahel-nb run {NAME}")
    folder = Path(lines[-1])
    teller.run(awa, f"find {shlex.quote(str(folder.relative_to(awa.clone)))} -type f")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if (
        record["status"] != "COMPLETE"
        or not record["files"]
        or record["commit"] != _git(awa, "rev-parse", "HEAD").strip()
    ):
        raise DemoFailed("run.json does not tie this commit to outputs")


def _two_people(world: World, teller: Teller, awa: Person, moussa: Person) -> None:
    teller.chapter("Moussa joins. While Awa runs, the kernel is hers; his personal slug is his own")
    teller.run(moussa, f"git clone --quiet {shlex.quote(str(world.remote))} lab", where=moussa.clone.parent)
    teller.run(moussa, "sahel-nb install")
    _edit(awa, MIRROR, "ROUNDS = 2", "ROUNDS = 30")
    teller.run(awa, "git commit --quiet -am 'Many rounds, for a good estimate'")
    teller.run(awa, "git push --quiet")
    running = teller.start(awa, f"sahel-nb run {NAME}", hide="  | ")
    teller.until("Awa's run", lambda: any("started from commit" in line for line in running.lines))
    teller.run(moussa, "git pull --quiet")
    _edit(moussa, MIRROR, "ROUNDS = 30", "ROUNDS = 1")
    teller.run(moussa, "git commit --quiet -am 'One round, to look at the plot'")
    teller.run(moussa, "git push --quiet")
    teller.run(moussa, f"sahel-nb run {NAME}", expect=3)
    teller.run(moussa, f"sahel-nb run {NAME} --dev")
    teller.wait(running, f"sahel-nb run {NAME}")
    teller.say("Awa's run is over, and Moussa is admitted:")
    teller.run(moussa, f"sahel-nb run {NAME}")


def _failure(teller: Teller, awa: Person) -> None:
    teller.chapter("A run that fails, and why")
    teller.run(awa, "git pull --quiet")
    _edit(awa, MIRROR, 'CORPUS = "sahel-langid-text"', 'CORPUS = "sahel-langid-texts"')
    teller.run(awa, "git commit --quiet -am 'A better name for the text'")
    teller.run(awa, "git push --quiet")
    teller.run(awa, f"sahel-nb run {NAME}", expect=5)


def _who_ran_what(teller: Teller, moussa: Person) -> None:
    teller.chapter("Who ran what: the lock's chain on the remote is the ledger")
    teller.run(moussa, "sahel-nb status")
    teller.run(moussa, f"sahel-nb lock log {NAME}")
    lines = teller.run(moussa, f"sahel-nb lock show {NAME}")
    if "FREE" not in " ".join(lines).upper():
        raise DemoFailed("the lock is not free at the end")


def _edit(person: Person, path: str, old: str, new: str) -> None:
    """What an editor would do to the mirror."""
    file = person.clone / path
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise DemoFailed(f"{path} should contain {old!r} once")
    file.write_text(text.replace(old, new), encoding="utf-8")


def _edit_notebook(person: Person, old: str, new: str) -> None:
    """What Jupyter would do to one cell of the notebook."""
    file = person.clone / NOTEBOOK
    notebook = json.loads(file.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        cell["source"] = text.replace(old, new).splitlines(keepends=True)
    file.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _outputs(path: Path) -> int:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(len(cell.get("outputs", ())) for cell in cells)


def _git(person: Person, *args: str) -> str:
    done = subprocess.run(
        ("git", *args), cwd=person.clone, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout
