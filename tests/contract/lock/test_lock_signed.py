"""`lock.enforce = "signed"`: honest people notice nothing, nobody else's records are believed, and a lead repairs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import Enforcement
from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.backend import Verdict as Swapped
from sahel_nb.lock.chain import Chain
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import Home
from sahel_nb.lock.listing import list_locks
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.refusals import ArchiveMissing
from sahel_nb.lock.reset import reset
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import step
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.signature import sign
from sahel_nb.report.events import Check, Verdict
from support.git import Origin
from support.lock_records import AWA, BOB, LEAD, REMOTE, arm, on, ticket, writer
from support.lock_server import lay
from support.lock_signers import SIGNERS, Team
from support.locks import KERNEL, REF, Notes
from support.ssh import ssh_log, ssh_to_here

AT = "2026-01-02T03:04:05Z"
"""When the records of these stories are written, see support.lock_records."""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "keys").mkdir()
    made = Team(Origin.create(tmp_path / "origin.git"), tmp_path / "keys")
    made.trust("awa", "bob")
    return made


def armed(team: Team, who: str = "awa") -> Tip:
    tip = team.first(who).read()
    assert tip is not None
    return tip


def pushed(team: Team, who: str, old: Tip | None, record: Record, when: str = AT, parent: bool = True) -> Tip:
    """`who` signs `record`, whatever it says, at a date of their choice, and pushes it: no client of ours would."""
    refs = team.home(who).refs
    before = RawCommit(old.oid, old.raw) if old and parent else None
    commit = sign(refs, record.to_json(), before, _seconds(when))
    refs.swap(REF, RawCommit(old.oid, old.raw) if old else None, commit)
    assert team.origin("rev-parse", REF) == commit.oid
    return Tip(commit.oid, record, commit.body)


def _seconds(when: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp())


def unsigned(team: Team, who: str = "cem") -> GitRefs:
    """A clone that has not fetched the new settings yet."""
    home = team.home(who)
    return replace(home, config=replace(home.config, enforce=Enforcement.OFF)).chain(KERNEL)


def stolen(tip: Tip, by: str) -> Record:
    """What only the holder may write, in the name of `by`: as far as the record alone can show, it is in order."""
    return replace(step(tip.record, on(tip.record)["disarm"], writer(by, f"stolen by {by}")), actor=by)


def refused(backend: GitRefs, *texts: str) -> None:
    with pytest.raises(Untrusted) as caught:
        backend.read()
    said = " ".join((caught.value.message, *caught.value.details))
    assert all(text in said for text in texts), said
    lead = f"sahel-nb lock reset {KERNEL} --reason TEXT  # a lead, who has looked"
    assert caught.value.hints == (f"sahel-nb lock log {KERNEL} --verify", lead)


def repaired(team: Team, who: str = "awa", name: str = AWA) -> Tip:
    backend = team.backend(who)
    chain = Chain(backend, FakeClock(), Notes(), kernel=KERNEL, by=f"{name} on laptop")
    return reset(chain, backend, remote_id=REMOTE, actor=name, host="laptop", reason="it could not go on")


# -- honest people


def test_honest_people_notice_nothing(team: Team) -> None:
    for fence, name in enumerate(("awa", "bob"), start=1):
        backend, who = team.backend(name), {"awa": AWA, "bob": BOB}[name]
        tip = backend.read()
        armed = backend.swap(tip, step(tip and tip.record, arm(who, f"s{fence}"), writer(who, name))).tip
        backend.swap(armed, step(armed.record, on(armed.record)["disarm"], writer(who, f"{name} 2")))
        assert armed.record.fence == fence
    assert all("gpgsig" in team.origin("cat-file", "commit", oid) for oid in team.origin("rev-list", REF).split())
    (listed,) = list_locks(team.home("awa").refs, "refs/sahel/locks", team.home("awa").rules)
    assert (listed.trouble, listed.record and listed.record.state) == ("", State.FREE)


def test_the_same_swap_twice_is_one_although_signatures_differ(team: Team) -> None:
    backend = team.backend("awa")
    record = step(None, arm(), writer(AWA, "n1"))
    first, again = backend.swap(None, record), backend.swap(None, record)
    assert again == first
    assert team.backend("bob").read() == first.tip
    assert team.backend("awa").swap(None, record).verdict is Swapped.LOST, "another process signs another commit"


@pytest.mark.parametrize("before", ["awa@home.example,awa@example.org", "*@example.org", "AWA@elsewhere,*@example.org"])
def test_a_key_counts_for_every_address_that_it_has(team: Team, before: str) -> None:
    team.trust("bob", awa=before)
    assert armed(team) == team.backend("bob").read()


def test_an_address_in_capitals_is_the_same_person(team: Team) -> None:
    team.trust("bob", awa="Awa@Example.org")
    name = "Awa Ŋdiaye <Awa@Example.org>"
    backend = team.backend("awa")
    tip = backend.swap(None, step(None, arm(name), writer(name, "n1"))).tip
    assert team.backend("bob").read() == tip


def test_two_urls_of_one_server_are_one_remote(team: Team, tmp_path: Path) -> None:
    """What records call it is committed once, and not what a URL makes of it."""
    tip = armed(team)
    bob = team.clone("bob")
    bob("config", "core.sshCommand", ssh_to_here(tmp_path))
    bob("remote", "set-url", "origin", f"git@host.example:{team.origin.path}")
    assert team.home("bob").remote_id == team.home("awa").remote_id == REMOTE
    assert team.backend("bob").read() == tip


# -- who does not count


def test_a_client_vouches_for_its_own_record_before_it_is_pushed(team: Team) -> None:
    for name, who in (("cem", "Cem Sy <cem@example.org>"), ("bob", AWA)):
        with pytest.raises(Untrusted) as caught:
            team.backend(name).swap(None, step(None, arm(who), writer(who, name)))
        assert caught.value.message.startswith("not written, for nobody would believe it")
    team.clone("awa")("config", "user.signingkey", str(team.key("eve")))
    with pytest.raises(Untrusted, match=r"of a key that counts for awa@example\.org"):
        team.first("awa")
    assert team.origin("for-each-ref", "refs/sahel") == ""


def test_what_is_not_signed_is_not_believed(team: Team) -> None:
    unsigned(team).swap(None, step(None, arm(), writer(AWA, "n1")))
    refused(team.backend("bob"), "it carries no signature", "by Awa")
    (listed,) = list_locks(team.home("awa").refs, "refs/sahel/locks", team.home("awa").rules)
    assert (listed.record, "no signature" in listed.trouble) == (None, True)


def test_a_record_in_somebody_elses_name_is_not_believed(team: Team) -> None:
    pushed(team, "bob", None, step(None, arm(AWA), writer(AWA, "n1")))
    refused(team.backend("awa"), "no ssh signature of a key that counts for awa@example.org")
    team.origin("update-ref", "-d", REF)
    pushed(team, "bob", None, step(None, arm(AWA), writer(BOB, "n1")))
    refused(team.backend("awa"), "arm is for Awa")


def test_a_record_of_another_kernel_or_remote_or_changed_is_not_believed(team: Team) -> None:
    tip = armed(team)
    team.origin("update-ref", "refs/sahel/locks/awa/another", tip.oid)
    with pytest.raises(Untrusted, match="it was signed for another lock"):
        team.backend("bob", "awa/another").read()
    raw = team.clone("bob").write("raw", tip.raw.replace(b'"laptop"', b'"desk!!"'))
    team.origin("hash-object", "-t", "tree", "-w", "/dev/null")
    team.origin("update-ref", REF, team.origin("hash-object", "-t", "commit", "-w", str(raw)))
    refused(team.backend("bob"), "no ssh signature")
    team.origin("update-ref", "-d", REF)
    pushed(team, "awa", None, step(None, arm(remote="example.org/elsewhere"), writer(AWA, "n1")))
    refused(team.backend("bob"), "was signed for example.org/elsewhere, and this is example.org/team/nb")


def test_without_a_key_nothing_is_written(team: Team) -> None:
    team.clone("awa")("config", "user.signingkey", "/nowhere/key")
    with pytest.raises(Refused, match="could not sign"):
        team.first("awa")
    assert team.origin("for-each-ref", "refs/sahel") == ""


def test_a_signature_says_nothing_to_a_team_that_does_not_sign(team: Team) -> None:
    """Anybody can make one: neither that lock nor another becomes unreadable."""
    tip = pushed(team, "eve", None, step(None, arm(), writer(AWA, "n1")))
    for _ in range(2):
        assert unsigned(team, "bob").read() == tip
    assert unsigned(team, "cem").read() == tip


# -- who counted, and when


def test_what_counted_when_it_was_written_stays_believed(team: Team) -> None:
    tip = armed(team, "bob")
    team.trust("awa", at="2026-01-03T00:00:00Z")
    for name in ("awa", "cem"):
        assert team.backend(name).read() == tip, "a clone that knew it, and one that did not"
    broken = team.backend("awa").swap(tip, step(tip.record, on(tip.record)["break"], writer(AWA, "b"))).tip
    assert team.backend("cem").read() == broken


def test_and_what_comes_later_does_not(team: Team) -> None:
    tip = armed(team, "bob")
    team.trust("awa", at="2026-01-03T00:00:00Z")
    pushed(team, "bob", tip, stolen(tip, BOB), "2026-01-04T00:00:00Z")
    refused(team.backend("awa"), "of a key that counts for bob@example.org")


def test_a_key_that_has_expired_counts_for_what_was_before(team: Team) -> None:
    team.trust("awa", bob='bob@example.org valid-before="20260103"')
    tip = armed(team, "bob")
    assert team.backend("awa").read() == tip
    pushed(team, "bob", tip, step(tip.record, on(tip.record)["disarm"], writer(BOB, "d")), "2026-01-04T00:00:00Z")
    refused(team.backend("awa"), "of a key that counts for bob@example.org")


@pytest.mark.parametrize("records", [1, 2])
def test_a_leaver_does_not_go_on_by_an_old_date(team: Team, records: int) -> None:
    """Not below what somebody wrote since, and not in a clone that has looked since; two in a row hide nothing."""
    tip = armed(team, "bob")
    free = team.backend("bob").swap(tip, step(tip.record, on(tip.record)["disarm"], writer(BOB, "d"))).tip
    team.trust("awa", at="2026-01-02T12:00:00Z")
    looked = team.backend("cem")
    assert looked.read() == free
    old = free
    for number in range(records):
        command = arm(BOB, f"s{number}") if number == 0 else on(old.record, BOB)["disarm"]
        old = pushed(team, "bob", old, step(old.record, command, writer(BOB, f"x{number}")), "2026-01-02T03:05:00Z")
    refused(team.backend("cem"), "came after its writer's key had ceased to count")
    alarm = step(free.record, on(free.record)["alarm"], writer(AWA, "later"))
    team.origin("update-ref", REF, free.oid)
    later = pushed(team, "awa", free, alarm, "2026-01-03T00:00:00Z")
    old = later
    for number in range(records):
        command = arm(BOB, f"t{number}") if number == 0 else on(old.record, BOB)["disarm"]
        old = pushed(team, "bob", old, step(old.record, command, writer(BOB, f"y{number}")), "2026-01-02T03:05:00Z")
    refused(team.backend("dan"), "of a key that counts for bob@example.org")


def test_a_slow_clock_harms_nobody(team: Team) -> None:
    """The record is dated no earlier than the signers' commit that its writer knows, and than the one it stands on."""
    team.trust("awa", "bob", at="2027-01-01T00:00:00Z")
    tip = armed(team)
    assert team.backend("bob").read() == tip
    assert RawCommit(tip.oid, tip.raw).when == _seconds("2027-01-01T00:00:00Z")


def test_no_branch_of_signers_no_lock(team: Team) -> None:
    armed(team)
    team.origin("update-ref", "-d", SIGNERS)
    team.origin("update-ref", f"refs/tags/{SIGNERS}", REF)
    with pytest.raises(Refused, match="nobody's signature counts"):
        team.backend("bob").read()


# -- a signer who counts, and breaks the rules


def test_a_step_that_is_not_legal_names_who_signed_it(team: Team) -> None:
    """Which steps are, is tried by test_lock_replay.py."""
    tip = armed(team)
    pushed(team, "bob", tip, stolen(tip, BOB))
    refused(team.backend("awa"), "bob@example.org signed a record that may not follow on the one before it")
    refused(team.backend("cem"), "disarm does not lead to this actor", "on:     arm to ARMED, fence 1, by Awa Ŋdiaye")
    for _ in range(2):
        refused(team.backend("awa"))


def test_a_second_record_hides_no_illegal_one(team: Team) -> None:
    tip = armed(team)
    theft = pushed(team, "bob", tip, stolen(tip, BOB))
    pushed(team, "bob", theft, step(theft.record, arm(BOB, "s2"), writer(BOB, "n2")))
    refused(team.backend("awa"), "disarm does not lead to this actor")
    refused(team.backend("cem"), "disarm does not lead to this actor")


def test_a_legal_step_that_is_for_somebody_else(team: Team) -> None:
    """Cem, who counts too, copies the nonce of Bob, whose turn it is, and arms in Cem's own name."""
    team.trust("awa", "bob", "cem")
    tip = armed(team)
    queued = team.backend("bob").swap(tip, step(tip.record, on(tip.record, BOB)["enqueue"], writer(BOB, "q"))).tip
    offered = team.backend("awa").swap(queued, step(queued.record, on(queued.record)["disarm"], writer(AWA, "d"))).tip
    assert team.backend("bob").read() == offered
    cem = "Cem Sy <cem@example.org>"
    pushed(team, "cem", offered, step(offered.record, arm(cem, ticket(BOB, "t9").nonce), writer(cem, "c")))
    refused(team.backend("awa"), "cem@example.org signed", f"arm is for {BOB} alone")


def test_only_leads_break_where_there_are_some(team: Team) -> None:
    team.trust("awa", "bob", "lead")
    team.commit("leads", "# who leads\nlead@example.org\n")
    tip = armed(team)
    broken = step(tip.record, on(tip.record)["break"], writer(BOB, "b"))
    with pytest.raises(Untrusted, match="break is for Awa"):
        team.backend("bob").swap(tip, broken)
    pushed(team, "bob", tip, broken)
    refused(team.backend("awa"), f"break is for {AWA} alone")
    team.origin("update-ref", REF, tip.oid)
    done = team.backend("lead").swap(tip, step(tip.record, on(tip.record)["break"], writer(LEAD, "b")))
    assert team.backend("awa").read() == done.tip


def test_a_chain_that_begins_anew(team: Team) -> None:
    tip = armed(team)
    bob = team.backend("bob")
    bob.archive(tip)
    pushed(team, "bob", tip, replace(stolen(tip, BOB), actor=AWA, op=Op.COMPACT, archive=tip.oid), parent=False)
    refused(team.backend("awa"), "bob@example.org signed", "the lock is ARMED")
    team.origin("update-ref", "-d", archive_ref(REF, tip.oid))
    with pytest.raises(ArchiveMissing):
        team.backend("awa").read()
    team.origin("update-ref", REF, tip.oid)
    free = team.backend("awa").swap(tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d"))).tip
    assert bob.archive(free).verdict is Swapped.WON
    won = bob.swap(free, replace(step(free.record, on(free.record)["compact"], writer(BOB, "c")), archive=free.oid))
    assert team.backend("cem").read() == team.backend("awa").read() == won.tip
    next_ = team.backend("awa").swap(won.tip, step(won.tip.record, arm(stamp="s3"), writer(AWA, "n3")))
    assert team.backend("dan").read() == next_.tip
    assert verify(team).returncode == 0


# -- the whole chain


def verify(team: Team, *more: str) -> subprocess.CompletedProcess[str]:
    clone = team.clone("awa")
    clone.write("sahel-nb.toml", f'[lock]\nenforce = "signed"\nid = "{REMOTE}"\n')
    clone.commit("sahel-nb.toml")
    clone.push("origin", "+HEAD:refs/heads/main")
    command = (str(Path(sys.executable).with_name("sahel-nb")), "lock", "log", KERNEL, "--verify", *more)
    return subprocess.run(command, cwd=clone.root, capture_output=True, text=True, timeout=60)


def test_verify_judges_as_everybody_does_and_names_who(team: Team) -> None:
    tip = armed(team)
    theft = pushed(team, "bob", tip, stolen(tip, BOB))
    forged = pushed(team, "bob", theft, step(theft.record, arm(AWA, "s2"), writer(AWA, "n2")))
    done = verify(team, "--json")
    assert done.returncode == 3, done
    findings = json.loads(done.stdout)["findings"]
    assert [(one["id"], one["by"]) for one in findings] == [
        (forged.oid, f"{AWA} on laptop"),
        (theft.oid, f"{BOB} on laptop"),
    ]
    assert "counts for awa@example.org" in findings[0]["why"]


# -- repair, by a lead


def test_a_lead_resets_whatever_is_there(team: Team) -> None:
    team.trust("awa", "bob", "lead")
    team.commit("leads", "lead@example.org\n")
    tip = armed(team)
    free = team.backend("awa").swap(tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d"))).tip
    garbage = make_commit(b"not a record", parent=free.oid, name="n", email="e@x", when=1)
    large = make_commit(b"x" * 300_000, parent=free.oid, name="n", email="e@x", when=1)
    elsewhere = replace(step(free.record, arm(BOB, "s2"), writer(BOB, "n2")), lock_remote_id="example.org/elsewhere")
    for number, make in enumerate((garbage, large, elsewhere, stolen(tip, BOB))):
        if isinstance(make, RawCommit):
            lay(team.origin.path, make)
            team.origin("update-ref", REF, make.oid)
            what = make.oid
        else:
            team.origin("update-ref", REF, free.oid)
            what = pushed(team, "bob", free, make).oid
        with pytest.raises(Refused):
            team.backend("awa").read()
        with pytest.raises(Untrusted, match=r"reset is for a lead: lead@example\.org"):
            repaired(team, "bob", BOB)
        assert team.origin("rev-parse", REF) == what, "nobody else's is written"
        done = repaired(team, "lead", LEAD)
        assert team.origin("rev-parse", f"{REF}^") == what
        for name in ("awa", "cem", f"new{number}"):
            assert team.backend(name).read() == done
        assert (done.record.state, done.record.fence) == (State.FREE, free.record.fence + 2)
        assert f"what was there: record {what[:9]}" in done.record.alarms[-1]
        again = team.backend("awa").swap(done, step(done.record, arm(stamp=f"t{number}"), writer(AWA, f"t{number}")))
        assert team.backend(f"new{number}").read() == again.tip
        team.origin("update-ref", REF, free.oid)
        for clone in team.clones.values():  # each story begins where the others began
            for mark in (clone.root / ".git/sahel-nb/signed").glob("*.believed"):
                mark.unlink()


def test_a_date_of_the_future_ends_with_the_reset(team: Team) -> None:
    """Or every later record would count as written then, when its writer may have left."""
    tip = armed(team)
    late = pushed(team, "bob", tip, stolen(tip, BOB), "2099-01-01T00:00:00Z")
    refused(team.backend("awa"), "disarm does not lead to this actor")
    done = repaired(team)
    assert RawCommit(done.oid, done.raw).when < RawCommit(late.oid, late.raw).when
    again = team.backend("bob").swap(done, step(done.record, arm(BOB, "s4"), writer(BOB, "n4"))).tip
    team.trust("awa", at="2098-01-01T00:00:00Z")
    assert team.backend("cem").read() == again


def test_what_points_to_no_commit_is_reset_too(team: Team) -> None:
    blob = team.origin("hash-object", "-w", "config")
    (team.origin.path / REF).parent.mkdir(parents=True)
    (team.origin.path / REF).write_text(f"{blob}\n")
    done = repaired(team)
    assert team.backend("bob").read() == done
    assert "is no commit" in done.record.alarms[-1]


def test_a_member_does_not_reset_by_hand_either(team: Team) -> None:
    team.trust("awa", "bob", "lead")
    team.commit("leads", "lead@example.org\n")
    tip = armed(team)
    by_bob = replace(
        step(tip.record, on(tip.record)["disarm"], writer(BOB, "r")),
        op=Op.RESET, actor=BOB, stamp="", run_id="", git_commit="", src_digest="", fence=9,
        alarms=(f"reset by {BOB} on laptop: mine; what was there: nothing",), reason="mine",
    )  # fmt: skip
    bad = pushed(team, "bob", tip, by_bob)
    refused(team.backend("awa"), "reset is for a lead")
    pushed(team, "bob", bad, step(bad.record, arm(BOB, "s7"), writer(BOB, "s7")))
    refused(team.backend("awa"), "reset is for a lead")
    refused(team.backend("cem"), "reset is for a lead")


def test_a_lock_that_is_in_order_is_not_reset(team: Team) -> None:
    armed(team)
    with pytest.raises(Refused, match="there is nothing to reset"):
        repaired(team)


def test_signing_is_turned_on_by_a_leads_reset(team: Team) -> None:
    first = step(None, arm(), writer(AWA, "n1"))
    old = unsigned(team).swap(None, first).tip
    refused(team.backend("bob"), "it carries no signature")
    done = repaired(team, "bob", BOB)
    assert (team.backend("awa").read(), done.record.fence) == (done, 2)
    straggler = unsigned(team, "dan")
    behind = step(done.record, arm(AWA, "s5"), writer(AWA, "s5"))
    late = straggler.swap(done, behind).tip
    assert late.oid != old.oid
    refused(team.backend("awa"), "no signature")
    assert repaired(team).record.fence == 4


# -- what is looked up, and what it costs


def test_what_was_believed_costs_one_look(team: Team, tmp_path: Path) -> None:
    """One fetch of the records; one question for the signers and for the settings, within a minute."""
    tip = armed(team)
    clone = team.clone("bob")
    assert team.backend("bob").read() == tip
    clone("config", "core.sshCommand", ssh_to_here(tmp_path))
    clone("remote", "set-url", "origin", f"git@host.example:{team.origin.path}")
    backend = team.backend("bob")
    assert backend.read() == tip
    assert len(ssh_log(tmp_path)) == 1, "it is the very record that was believed"
    free = team.backend("awa").swap(tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "d"))).tip
    assert team.backend("bob").read() == free
    assert len(ssh_log(tmp_path)) == 3


def test_doctor_says_who_enforces_and_who_counts(team: Team) -> None:
    def row(home: Home) -> Check:
        return next(one for one in examine(home, FakeClock()).rows if one.name == "enforcement")

    home = team.home("awa")
    assert row(home).found.startswith("signed, your key counts as awa@example.org; 2 keys count; leads: everybody")
    cem = row(team.home("cem"))
    assert (cem.verdict, "signed, and your key does not count" in cem.found) == (Verdict.FAILED, True), cem
    off = row(replace(home, config=replace(home.config, enforce=Enforcement.OFF)))
    assert "the lock is advisory" in off.found
    team.origin("update-ref", "-d", SIGNERS)
    assert row(team.home("bob")).verdict is Verdict.FAILED
