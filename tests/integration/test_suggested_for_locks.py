"""What is suggested around the lock is typed where it is suggested; see test_suggested_commands.py."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.desk import NOTEBOOK, RUN, Desk, commands_in, fits, types
from support.lab import Done, notebook
from support.service import Service, wait_until

LOCK = "refs/sahel/locks/awa/fula-lid"
DOCTOR = "sahel-nb lock doctor"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """One that no other test has run anything on."""
    with Service(tmp_path / "service", "--admin", users=("awa",)) as running:
        yield running


@pytest.fixture
def member(desk: Desk, service: Service) -> Desk:
    desk.env |= {"SAHEL_NB_KAGGLE": service.url, "KAGGLE_USERNAME": "awa", "KAGGLE_KEY": service.key("awa")}
    return desk


def start(desk: Desk, command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", "-c", f"exec {command}"], cwd=desk.here, env=desk.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


@types("sahel-nb lock release {}  # if it is yours", "sahel-nb lock show {}", "sahel-nb run {} --wait",
       "sahel-nb run {} --dev", "sahel-nb stop --dev --delete{}", "sahel-nb stop --dev --delete --yes {}",
       "sahel-nb output {}@v{}")  # fmt: skip
def test_a_kernel_that_somebody_holds_by_hand(member: Desk) -> None:
    hold = "sahel-nb lock acquire fula-lid --reason moving"
    assert member.type(hold).code == 0
    assert "moving" in member.follow("sahel-nb run fula-lid", "sahel-nb lock show {}").out
    assert "/fula-lid-" in member.follow("sahel-nb run fula-lid", "sahel-nb run {} --dev").out
    member.follow("sahel-nb stop fula-lid --dev --delete", "sahel-nb stop --dev --delete --yes {}")
    done = member.type(member.suggested("sahel-nb stop fula-lid --delete", "sahel-nb stop --dev --delete{}"))
    assert "there is no awa/fula-lid-" in done.err
    waiting = start(member, member.suggested("sahel-nb run fula-lid", "sahel-nb run {} --wait"))
    wait_until(lambda: json.loads(member.origin("log", "-1", "--format=%B", LOCK))["queue"], "somebody to wait")
    assert member.type("sahel-nb lock release fula-lid").code == 0
    waited = ended(waiting)
    assert waited.code == 0, waited
    kept = re.search(r"Its outputs: \$ (.+)", member.type("sahel-nb attach fula-lid").err)
    assert kept is not None
    assert member.type(kept[1]).code == 0
    assert member.type(hold).code == 0
    member.mends("sahel-nb run fula-lid", "sahel-nb lock release {}  # if it is yours")


@types("sahel-nb attach {}", "sahel-nb logs --follow {}@v{}", "sahel-nb stop {}", "sahel-nb attach{}{} {}",
       "sahel-nb debug {}@v{}")  # fmt: skip
def test_a_run_that_is_on_and_is_cancelled(member: Desk, service: Service) -> None:
    member.write(NOTEBOOK, notebook(["import time; time.sleep(600)"]))
    assert member.type("sahel-nb pair && git commit -qam Sleeps && git push -q").code == 0
    assert member.type("sahel-nb run fula-lid --detach").code == 0
    stop = member.suggested("sahel-nb lock break fula-lid --fence 1 --reason x", "sahel-nb stop {}")
    assert "Kaggle's API has no way to end a session" in member.type(stop).err
    attach, follow = "sahel-nb attach {}", "sahel-nb logs --follow {}@v{}"
    asked = {
        "sahel-nb run fula-lid": attach, "sahel-nb lock release fula-lid": attach, stop: attach,
        "sahel-nb logs fula-lid": follow, "sahel-nb output fula-lid": follow,
    }  # fmt: skip
    found = {member.suggested(*each) for each in asked.items()}
    assert len(found) == 3
    following = {line: start(member, line) for line in found}
    cancelled = {"owner": "awa", "slug": "fula-lid", "version": 1}
    requests.post(f"{service.url}/admin/cancel", auth=service.owner, json=cancelled, timeout=30).raise_for_status()
    debug: list[str] = []
    for line, process in following.items():
        done = ended(process)
        assert done.code in ((0,) if " logs " in line else (0, 6)), f"{line}: {done}"
        debug += [one for one in commands_in(done.err) if fits("sahel-nb debug {}@v{}", one)]
    assert set(debug) == {"sahel-nb debug awa/fula-lid@v1"}
    assert "cancelled" in member.type(debug[0]).err
    assert member.type(RUN).code == 0


@types("sahel-nb lock break {} --fence {} --reason TEXT", "sahel-nb lock break{} --fence N --reason TEXT",
       "sahel-nb lock ack{} --reason \"what the alarms were\"")  # fmt: skip
def test_a_lock_of_somebody_else(runner: Desk) -> None:
    hold = "sahel-nb lock acquire fula-lid --reason moving"
    assert runner.type(f"{hold} && git config user.name Binta && git config user.email binta@example.org").code == 0
    runner.mends("sahel-nb lock release fula-lid", "sahel-nb lock break {} --fence {} --reason TEXT")
    assert runner.type(hold).code == 0
    line = runner.suggested("sahel-nb lock break fula-lid", "sahel-nb lock break{} --fence N --reason TEXT")
    shown = re.search(r"fence +(\d+)", runner.type("sahel-nb lock show fula-lid").out)
    assert shown is not None
    assert runner.type(line.replace(" N ", f" {shown[1]} ")).out == "awa/fula-lid: FREE\n"
    for fence, reason in ((9, "x"), (2, "' '")):
        refused = f"sahel-nb lock break fula-lid --fence {fence} --reason {reason}"
        assert "FREE" in runner.follow(refused, "sahel-nb lock show {}").out
    runner.follow("sahel-nb lock ack fula-lid --reason ''", 'sahel-nb lock ack{} --reason "what the alarms were"')


@types("git ls-remote {}", "sahel-nb lock doctor", "git fetch", "sahel-nb doctor")
def test_a_remote_that_is_away_for_a_while(runner: Desk) -> None:
    assert runner.type("sahel-nb lock acquire fula-lid --reason x && sahel-nb lock release fula-lid").code == 0
    away = runner.origin.root.with_name("away.git")
    runner.origin.root.rename(away)
    asked = {
        "sahel-nb lock show fula-lid": ("git ls-remote {}", "sahel-nb lock doctor"),
        "sahel-nb lock acquire fula-lid --reason x": ("git ls-remote {}", "sahel-nb lock doctor"),
        "sahel-nb doctor": ("git ls-remote {}",),
        DOCTOR: ("git ls-remote {}", "sahel-nb lock doctor"),
        RUN: ("git fetch",),
    }
    typed = {runner.suggested(command, one) for command, templates in asked.items() for one in templates}
    for command in typed:
        assert "does not appear to be a git repository" in str(runner.type(command)), command
    away.rename(runner.origin.root)
    for command in typed:
        done = runner.type(command)
        assert done.code == 0, done


@types("git push {} :{}", "git push {} --delete {}", "git fetch {} {}", "rm {}",
       "rm {}  # on the server, if no git process is at work there")  # fmt: skip
def test_refs_that_are_in_the_way_on_the_remote(runner: Desk) -> None:
    hook = on_server(runner, 'case $3 in *[!0]*) ;; *) echo "nobody deletes"; exit 1 ;; esac')
    left = runner.suggested(DOCTOR, "git push {} :{}")
    hook.unlink()
    assert runner.type(left).code == 0
    assert runner.type(DOCTOR).code == 0
    assert "refs/sahel" not in runner.origin("for-each-ref")

    (runner.root.parent / "words").write_text("ŋ")
    blob = runner.origin("hash-object", "-w", str(runner.root.parent / "words"))
    runner.origin("update-ref", LOCK, blob)
    runner.mends("sahel-nb lock show fula-lid", "git push {} --delete {}")
    tree = runner.origin("hash-object", "-t", "tree", "-w", "/dev/null")
    commit = runner.origin("-c", "user.name=x", "-c", "user.email=x", "commit-tree", "-m", "Not one of ours", tree)
    runner.origin("update-ref", LOCK, commit)
    runner.follow(DOCTOR, "git fetch {} {}")
    assert "Not one of ours" in runner.type("git log -1 FETCH_HEAD").out
    runner.origin("update-ref", "-d", LOCK)

    file = runner.origin.root / f"{LOCK}.lock"
    for command, template in (
        (DOCTOR, "rm {}"),
        ("sahel-nb lock acquire fula-lid --reason x", "rm {}  # on the server, if no git process is at work there"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        runner.mends(command, template)
        assert not file.exists()


@types("git ls-remote {} {}", "sahel-nb lock log {} -n 1", "sahel-nb lock log {} --all")
def test_records_that_are_archived_away_or_forged(runner: Desk) -> None:
    once = "sahel-nb lock acquire fula-lid --reason x && sahel-nb lock release fula-lid"
    assert runner.type(f"{once} && sahel-nb lock compact fula-lid && {once}").code == 0
    (archive,) = (ref for ref in runner.origin("for-each-ref", "--format=%(refname)").split() if "archive" in ref)
    oid = runner.origin("rev-parse", archive)
    runner.origin("update-ref", "-d", archive)
    asked = "sahel-nb lock log fula-lid --all"
    look = runner.suggested(asked, "git ls-remote {} {}")
    assert runner.type(look).out == ""
    runner.follow(asked, "sahel-nb lock log {} -n 1")
    runner.origin("update-ref", archive, oid)
    assert oid in runner.type(look).out

    newest = runner.origin("log", "-1", "--format=%B", LOCK)
    tree = runner.origin("rev-parse", f"{LOCK}^{{tree}}")
    again = ("-c", "user.name=x", "-c", "user.email=x", "commit-tree", "-p", LOCK, "-m", newest, tree)
    runner.origin("update-ref", LOCK, runner.origin(*again))
    runner.follow("sahel-nb lock log fula-lid --verify", "sahel-nb lock log {} --all")


@types("sahel-nb lock doctor --fix",
       'git add {} && git commit -m "Keep the locks where the host takes them" -- {} && git push',
       "git diff HEAD -- {}", "git diff HEAD -- {}; git config --get-regexp sahel-nb.lock",
       "unset SAHEL_NB_LOCK_TTL")  # fmt: skip
def test_where_the_locks_are(runner: Desk) -> None:
    on_server(runner, 'case $1 in refs/heads/*) ;; *) echo "branches only"; exit 1 ;; esac')
    mend = runner.suggested(DOCTOR, "sahel-nb lock doctor --fix")
    runner.follow(mend, 'git add {} && git commit -m "Keep the locks where the host takes them" -- {} && git push')
    assert runner.type(DOCTOR).code == 0
    assert runner.git("status", "--porcelain") == ""

    runner.env["SAHEL_NB_LOCK_TTL"] = "77"
    mend = runner.suggested(DOCTOR, "unset SAHEL_NB_LOCK_TTL")
    assert "only the latter counts" in runner.type(DOCTOR).out
    assert "only the latter counts" not in runner.type(f"{mend}; {DOCTOR}").out
    del runner.env["SAHEL_NB_LOCK_TTL"]
    toml = (runner.root / "sahel-nb.toml").read_text(encoding="utf-8")
    runner.write("sahel-nb.toml", toml.replace("[lock]\n", "[lock]\nttl = 99\n"))
    assert "+ttl = 99" in runner.follow(DOCTOR, "git diff HEAD -- {}").out
    runner.write("sahel-nb.toml", toml.replace('\nprefix = "refs/heads/sahel-locks"', '\nprefix = "refs/sahel/others"'))
    both = runner.suggested(DOCTOR, "git diff HEAD -- {}; git config --get-regexp sahel-nb.lock")
    runner.git("config", "sahel-nb.lock.ttl", "600")
    shown = runner.type(both).out
    assert "+prefix" in shown
    assert "sahel-nb.lock.ttl 600" in shown


@types("sahel-nb lock reset {} --reason TEXT  # a lead, who has looked", "sahel-nb lock list",
       'git add {} && git commit -m "Name the remote with the locks" -- {} && git push',
       "git fetch origin")  # fmt: skip
def test_what_a_lead_types(runner: Desk) -> None:
    tree = runner.origin("hash-object", "-t", "tree", "-w", "/dev/null")
    who = ("-c", "user.name=x", "-c", "user.email=x")
    runner.origin("update-ref", LOCK, runner.origin(*who, "commit-tree", "-m", "Not one of ours", tree))
    acquire = "sahel-nb lock acquire fula-lid --reason x"
    runner.follow("sahel-nb lock reset fula-lid --reason ''", "sahel-nb lock list")
    runner.follow(acquire, "sahel-nb lock reset {} --reason TEXT  # a lead, who has looked")
    assert runner.type(acquire).code == 0
    runner.follow(
        "sahel-nb lock init", 'git add {} && git commit -m "Name the remote with the locks" -- {} && git push'
    )
    assert runner.type("sahel-nb lock release fula-lid").code == 0

    toml = (runner.root / "sahel-nb.toml").read_text(encoding="utf-8")
    other = runner.origin.root.parent / "other"
    runner.git("clone", "-q", str(runner.origin.root), str(other))
    runner.write(str(other / "sahel-nb.toml"), toml.replace("[lock]\n", '[lock]\nenforce = "server"\n'))
    runner.git("-C", str(other), *who, "commit", "-qam", "Enforce")
    runner.git("-C", str(other), "push", "-q")
    signed = "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----"
    body = runner.origin("cat-file", "commit", LOCK).replace("\n\n", f"\n{signed}\n\n", 1)
    (runner.origin.root / "body").write_text(f"{body}\n", encoding="utf-8")
    runner.origin("update-ref", LOCK, runner.origin("hash-object", "-t", "commit", "-w", "body"))
    fetch = runner.suggested("sahel-nb lock show fula-lid", "git fetch origin")
    assert runner.type(f"{fetch} && sahel-nb lock show fula-lid").code == 0


@types("git remote add {} URL", "git remote -v", "git config --show-origin --get-regexp '^(url|sahel-nb.lock)'",
       "git push --dry-run {}")  # fmt: skip
def test_settings_of_the_lock_that_cannot_be(runner: Desk) -> None:
    asked = "sahel-nb lock show fula-lid"
    runner.git("config", "sahel-nb.lock.remote", "locks")
    line = runner.suggested(asked, "git remote add {} URL").replace("URL", '"$PWD/../../origin.git"')
    assert runner.type(line).code == 0
    assert runner.type(asked).code == 0

    inside = runner.root / "inside.git"
    runner.git("init", "-q", "--bare", str(inside))
    runner.git("config", "sahel-nb.lock.remote", str(inside))
    assert "origin" in runner.follow(asked, "git remote -v").out
    where = "git config --show-origin --get-regexp '^(url|sahel-nb.lock)'"
    assert "inside.git" in runner.follow(asked, where).out
    runner.git("config", "--unset", "sahel-nb.lock.remote")

    on_server(runner, 'echo "nobody pushes"; exit 1')
    runner.follow(DOCTOR, "git push --dry-run {}")


def on_server(desk: Desk, script: str) -> Path:
    hook = desk.origin.root / "hooks/update"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    return hook
