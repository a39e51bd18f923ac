"""Killed with -9 at each of its steps, a run is brought to its end from another clone.

Never is anything pushed twice, never is an output lost that Kaggle has, and in the end the lock is free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import lab as lab_module
from support.lab import CONFIG, Done, Lab, Member, finished

DIES = Path(lab_module.__file__).with_name("dies.py")
CELLS = ["print('ŋana', flush=True)", "open('result.txt', 'w', encoding='utf-8').write('ɲ')"]

# victim, method, when, versions on Kaggle after the crash
BEFORE_THE_PUSH = [
    ("lock", "acquire_in_turn", "before", 0),
    ("lock", "acquire_in_turn", "after", 0),
    ("lock", "confirm", "after", 0),
    ("service", "push", "before", 0),
]
AFTER_THE_PUSH = [
    ("service", "push", "after", 1),
    ("lock", "started", "after", 1),
    ("service", "status", "before", 1),
    ("service", "log", "before", 1),
    ("service", "outputs", "before", 1),
    ("service", "outputs", "after", 1),
    ("lock", "finish", "before", 1),
    ("lock", "finish", "after", 1),
]


def slug_of(victim: str, method: str, when: str) -> str:
    return f"case-{victim}-{method}-{when}".replace("_", "-")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Member, Member]]:
    cases = [slug_of(victim, method, when) for victim, method, when, _ in BEFORE_THE_PUSH + AFTER_THE_PUSH]
    with Lab(tmp_path_factory.mktemp("crash"), shared=[*cases, "same-clone"]) as lab:
        # Short, for some of these wait until it is over; others have a third of it between the lock and the push.
        awa = lab.join("awa", config=CONFIG.replace("ttl = 30", "ttl = 6"))
        yield lab, awa, lab.join("binta")


def crash(lab: Lab, awa: Member, slug: str, victim: str, method: str, when: str) -> None:
    awa.kernel(slug, CELLS)
    done = finished(awa.python(DIES, slug, victim, method, when))
    assert done.code == -9, done


def crash_and_attach(
    world: tuple[Lab, Member, Member], victim: str, method: str, when: str, versions: int
) -> tuple[str, Done]:
    """Awa's run dies at the named point, with `versions` on Kaggle; Binta attaches from her clone."""
    lab, awa, binta = world
    slug = slug_of(victim, method, when)
    crash(lab, awa, slug, victim, method, when)
    assert lab.versions(slug) == versions
    binta.git("pull", "-q")
    attached = binta.sahel("attach", slug)
    assert attached.code == 0, attached
    return slug, attached


@pytest.mark.parametrize(("victim", "method", "when", "versions"), BEFORE_THE_PUSH)
def test_nothing_was_pushed_and_the_next_one_runs(
    world: tuple[Lab, Member, Member], victim: str, method: str, when: str, versions: int
) -> None:
    lab, awa, binta = world
    slug, attached = crash_and_attach(world, victim, method, when, versions)
    assert "no run is on" in attached.err, attached
    assert (awa.lock(slug) or {"state": "FREE"})["state"] == "FREE"
    run = binta.sahel("run", slug)
    assert run.code == 0, run
    assert lab.versions(slug) == 1
    assert (awa.lock(slug) or {})["state"] == "FREE"


@pytest.mark.parametrize(("victim", "method", "when", "versions"), AFTER_THE_PUSH)
def test_what_was_pushed_is_followed_to_its_end_from_another_clone(
    world: tuple[Lab, Member, Member], victim: str, method: str, when: str, versions: int
) -> None:
    lab, awa, _ = world
    slug, attached = crash_and_attach(world, victim, method, when, versions)
    assert lab.versions(slug) == 1, "nothing is pushed twice"
    lock = awa.lock(slug) or {}
    assert lock["state"] == "FREE"
    assert (lock["outcome"]["version"], lock["outcome"]["status"]) == (1, "COMPLETE")
    assert lock["outcome"]["actor"] == "Awa <awa@example.org>", "the run stays hers"
    if (method, when) != ("finish", "after"):
        folder = Path(attached.out.strip())
        assert (folder / "outputs/result.txt").read_bytes() == "ɲ".encode()
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert record["outputs_sha256"] == lock["outcome"]["outputs_digest"]
        assert record["commit"] == awa.git.head()


def test_the_same_clone_knows_at_once_that_its_run_is_dead(world: tuple[Lab, Member, Member]) -> None:
    lab, awa, _ = world
    crash(lab, awa, "same-clone", "service", "push", "before")
    assert (awa.lock("same-clone") or {})["state"] == "ARMED"

    run = awa.sahel("run", "same-clone")

    assert run.code == 0, run
    assert lab.versions("same-clone") == 1
    assert [entry["op"] for entry in awa.chain("same-clone")] == ["arm", "reap", "arm", "start", "finish"]


@pytest.mark.parametrize(
    ("method", "when", "said", "state"),
    [
        ("started", "unreachable", "away for a moment", "FREE"),
        ("finish", "unreachable", "", "FREE"),
        ("finish", "away", "the lock could not be released (the remote is away)", "RUNNING"),
    ],
)
def test_a_line_that_is_away_ends_no_run_and_frees_no_lock_that_it_should_not(
    world: tuple[Lab, Member, Member], method: str, when: str, said: str, state: str
) -> None:
    lab, awa, _ = world
    slug = f"{when}-{method}"
    awa.kernel(slug, CELLS)

    done = finished(awa.python(DIES, slug, "lock", method, when))

    assert done.code == 0, done
    assert said in done.err
    assert lab.versions(slug) == 1
    assert (awa.lock(slug) or {})["state"] == state
    again = awa.sahel("run", slug)
    assert again.code == 0, again
    assert (awa.lock(slug) or {})["state"] == "FREE"
    assert "RUNNING" in [entry["state"] for entry in awa.chain(slug)][:2]
