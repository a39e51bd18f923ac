"""Signed mode, and a signer who counts who breaks the rules: whoever reads it refuses it, and says who signed it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import SigningKind
from sahel_nb.lock.backend import Tip, Verdict
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.refusals import ArchiveMissing
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import step
from support.git import Origin
from support.lock_records import AWA, BOB, arm, on, ticket, writer
from support.lock_signers import Team
from support.locks import KERNEL, REF
from support.ssh import ssh_log, ssh_to_here


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "keys").mkdir()
    made = Team(Origin.create(tmp_path / "origin.git"), tmp_path / "keys")
    made.trust("awa", "bob")
    return made


def signed(team: Team, who: str, tip: Tip, record: Record) -> Tip:
    """`who` signs `record`, legal or not, and swaps it in: no client of ours would."""
    backend = team.backend(who)
    assert backend.swap(tip, record).verdict is Verdict.WON
    return Tip(team.origin("rev-parse", REF), record, backend._keep(backend.history(1)[0]).raw)


def armed(team: Team) -> Tip:
    tip = team.first().read()
    assert tip is not None
    return tip


def freed(tip: Tip, by: str) -> Record:
    """What only the holder may write, in the name of `by`: as far as the record alone can show, it is in order."""
    return replace(step(tip.record, on(tip.record)["disarm"], writer(by, f"stolen by {by}")), actor=by)


def refused(backend: GitRefs, *texts: str) -> None:
    with pytest.raises(Untrusted) as caught:
        backend.read()
    said = " ".join((caught.value.message, *caught.value.details))
    assert all(text in said for text in texts), said
    assert caught.value.hints == (f"sahel-nb lock log {KERNEL} --verify", "sahel-nb lock doctor")


def test_a_step_that_is_not_legal_names_who_signed_it(team: Team) -> None:
    """Which steps are, is tried by test_lock_replay.py."""
    tip = armed(team)
    signed(team, "bob", tip, freed(tip, BOB))
    refused(team.backend("awa"), "bob@example.org signed a record that may not follow on the one before it")
    refused(team.backend("cem"), "disarm does not lead to this actor", "on:     arm to ARMED, fence 1, by Awa Ŋdiaye")


def test_a_legal_step_that_is_for_somebody_else(team: Team) -> None:
    """Cem, who counts too, copies the nonce of Bob, whose turn it is, and arms in Cem's own name."""
    team.trust("awa", "bob", "cem")
    remote = team.home("awa").remote_id
    tip = armed(team)
    queued = signed(team, "bob", tip, step(tip.record, on(tip.record, BOB)["enqueue"], writer(BOB, "q")))
    offered = signed(team, "awa", queued, step(queued.record, on(queued.record)["disarm"], writer(AWA, "d")))
    assert team.backend("bob").read() == offered
    cem = "Cem Sy <cem@example.org>"
    taken = step(offered.record, arm(cem, ticket(BOB, "t9").nonce, remote=remote), writer(cem, "c"))
    signed(team, "cem", offered, taken)
    refused(team.backend("awa"), "cem@example.org signed", f"arm is for {BOB} alone")


def test_what_was_refused_is_not_remembered(team: Team) -> None:
    """Or one record with a great fence would make every clone refuse the lock for good."""
    tip = armed(team)
    signed(team, "bob", tip, replace(freed(tip, BOB), fence=999))
    awa = team.backend("awa")
    refused(awa, "bob@example.org signed")
    team.origin("update-ref", REF, tip.oid)
    assert awa.read() == tip
    assert team.backend("awa").read() == tip


def test_nobody_goes_on_from_it(team: Team) -> None:
    tip = armed(team)
    signed(team, "bob", tip, freed(tip, BOB))
    awa = team.backend("awa")
    for _ in range(2):
        with pytest.raises(Untrusted):
            awa.read()


def test_a_chain_that_begins_anew_with_something_else(team: Team) -> None:
    tip = armed(team)
    bob = team.backend("bob")
    bob.archive(tip)
    free = replace(freed(tip, BOB), actor=AWA, op=Op.COMPACT, archive=tip.oid)
    assert bob.swap(tip, free).verdict is Verdict.WON
    refused(team.backend("awa"), "bob@example.org signed", "the lock is ARMED")
    team.origin("update-ref", "-d", archive_ref(REF, tip.oid))
    with pytest.raises(ArchiveMissing):
        team.backend("awa").read()


def test_a_chain_that_begins_anew_as_it_should(team: Team) -> None:
    tip = armed(team)
    free = signed(team, "awa", tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d")))
    bob = team.backend("bob")
    assert bob.archive(free).verdict is Verdict.WON
    record = replace(step(free.record, on(free.record)["compact"], writer(BOB, "c")), archive=free.oid)
    won = bob.swap(free, record)
    assert team.backend("awa").read() == won.tip
    assert verify(team).returncode == 0


def verify(team: Team, *more: str) -> subprocess.CompletedProcess[str]:
    clone = team.clone("awa")
    clone.write("sahel-nb.toml", '[lock]\nsigning = "ssh"\n')
    command = (str(Path(sys.executable).with_name("sahel-nb")), "lock", "log", KERNEL, "--verify", *more)
    return subprocess.run(command, cwd=clone.root, capture_output=True, text=True, timeout=60)


def test_what_lies_further_back_is_found_by_replaying_everything(team: Team) -> None:
    tip = armed(team)
    stolen = signed(team, "bob", tip, freed(tip, BOB))
    next_ = step(stolen.record, arm(BOB, "s2", remote=tip.record.lock_remote_id), writer(BOB, "n2"))
    again = signed(team, "bob", stolen, next_)
    assert team.backend("awa").read() == again, "only the last step is looked at: two wrong ones in a row hide one"
    done = verify(team)
    assert done.returncode == 3
    assert "1 of what 3 records say is not as it must be" in done.stderr
    assert f"{stolen.oid[:9]}  disarm to FREE, fence 1, by {BOB} on laptop" in done.stderr
    findings = json.loads(verify(team, "--json").stdout)["findings"]
    assert [(one["id"], one["by"]) for one in findings] == [(stolen.oid, f"{BOB} on laptop")]


def test_replaying_also_looks_at_who_signed(team: Team) -> None:
    tip = armed(team)
    signed(team, "awa", tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d")))
    done = verify(team)
    assert (done.returncode, "2 records, each follows legally" in done.stdout) == (0, True), done.stderr
    team.trust("bob")
    done = verify(team)
    assert (done.returncode, "2 of what 2 records say" in done.stderr) == (3, True), done.stderr
    assert "no ssh signature of anybody who counts" in done.stderr


def test_what_is_past_may_be_followed_and_not_come_back(team: Team) -> None:
    plain = replace(team.home("awa"), signing=SigningKind.OFF).chain(KERNEL)
    first = plain.swap(None, step(None, arm(remote=team.home("awa").remote_id), writer(AWA, "n1"))).tip
    old = plain.swap(first, step(first.record, on(first.record)["disarm"], writer(AWA, "n2"))).tip
    team.let_stand(f"{old.oid} {REF}\n")
    follow = arm(AWA, "s2", remote=old.record.lock_remote_id)
    new = team.backend("awa").swap(old, step(old.record, follow, writer(AWA, "n3"))).tip
    team.let_stand(f"{old.oid}\t{REF} past\n")
    assert team.backend("bob").read() == new
    assert verify(team).returncode == 0
    team.let_stand("")
    refused(team.backend("cem"), "that one is not signed")
    assert verify(team).returncode == 3
    team.let_stand(f"{old.oid}\t{REF} past\n")
    team.origin("update-ref", REF, old.oid)
    refused(team.backend("eve"), "does not name it")


def test_looking_at_the_step_costs_no_further_connection(team: Team, tmp_path: Path) -> None:
    tip = armed(team)
    free = signed(team, "awa", tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d")))
    clone = team.clone("bob")
    clone("config", "core.sshCommand", ssh_to_here(tmp_path))
    clone("config", "url.ssh://git@host.example/.insteadOf", "/")
    home = team.home("bob")
    assert home.chain(KERNEL).read() == free
    before = len(ssh_log(tmp_path))
    assert before >= 2, "the lock, and whose signatures count"
    assert home.chain(KERNEL).read() == free
    assert len(ssh_log(tmp_path)) == before + 1
