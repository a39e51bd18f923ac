"""Signing is turned on where locks are already: what was before stands, nothing unsigned follows, nobody goes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import FILE_NAME, LockConfig, SigningKind
from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Tip, Verdict
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import home_of
from sahel_nb.lock.listing import list_locks
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import step
from sahel_nb.repo.worktree import Worktree
from support.git import Origin
from support.lock_records import AWA, BOB, arm, on, writer
from support.lock_server import guard
from support.lock_signers import Team
from support.locks import KERNEL, REF


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "keys").mkdir()
    made = Team(Origin.create(tmp_path / "origin.git"), tmp_path / "keys")
    made.trust("awa", "bob")
    return made


def unsigned(team: Team, who: str = "awa") -> GitRefs:
    """A clone that has not pulled the new settings yet."""
    return replace(team.home(who), signing=SigningKind.OFF).chain(KERNEL)


def grant(team: Team, tip: Tip | None, stamp: str) -> Record:
    return step(tip and tip.record, arm(AWA, stamp, remote=team.home("awa").remote_id), writer(AWA, stamp))


def before(team: Team) -> Tip:
    """A lock from the time before signing; FREE."""
    backend = unsigned(team)
    armed = backend.swap(None, grant(team, None, "s0")).tip
    return backend.swap(armed, step(armed.record, on(armed.record)["disarm"], writer(AWA, "n0"))).tip


def listed(team: Team) -> str:
    """As the how-to says: what the remote shows, line by line."""
    return team.clone("admin")("ls-remote", "--refs", "origin", "refs/sahel/locks/*") + "\n"


def refused(backend: GitRefs, text: str) -> None:
    with pytest.raises(Untrusted) as caught:
        backend.read()
    assert text in caught.value.message


def test_the_next_record_is_the_first_signed_one(team: Team) -> None:
    old = before(team)
    refused(team.backend("bob"), "unsigned_tips of refs/heads/sahel-signers does not name it")
    team.let_stand(listed(team))
    awa = team.backend("awa")
    assert awa.read() == old
    assert list_locks(team.home("bob").refs, "refs/sahel/locks", team.home("bob").rules)[0].trouble == ""
    won = awa.swap(old, grant(team, old, "s1"))
    assert won.verdict is Verdict.WON
    tip = team.backend("bob").read()
    assert tip == won.tip
    assert (tip.record.fence, "gpgsig" in team.origin("cat-file", "commit", tip.oid)) == (2, True)
    assert [one.record.op for one in team.backend("bob").history(9)] == [Op.ARM, Op.DISARM, Op.ARM]


def test_a_clone_that_remembers_the_old_tip_goes_on_from_it_with_one_push(team: Team) -> None:
    old = before(team)
    team.let_stand(listed(team))
    assert team.backend("awa").swap(old, grant(team, old, "s1")).verdict is Verdict.WON


def test_nothing_else_that_is_unsigned_stands(team: Team) -> None:
    old = before(team)
    team.let_stand(listed(team))
    later = unsigned(team).swap(old, step(old.record, on(old.record)["alarm"], writer(AWA, "late"))).tip
    refused(team.backend("bob"), "does not name it")
    with pytest.raises(Untrusted):
        team.backend("bob").swap(later, grant(team, later, "s1"))
    team.origin("update-ref", "refs/sahel/locks/awa/another", old.oid)
    refused(team.backend("bob", "awa/another"), "signed for another lock")
    for lines in ("", f"{old.oid} refs/sahel/locks/awa/another\n", f"{later.oid}\n", f"# {later.oid} {REF}\n"):
        team.let_stand(lines)
        refused(team.backend("bob"), "does not name it")


def test_what_was_not_free_does_not_stand(team: Team) -> None:
    unsigned(team).swap(None, grant(team, None, "s0"))
    team.let_stand(listed(team))
    refused(team.backend("bob"), "the lock was ARMED when signing was turned on")


def test_who_has_seen_it_go_on_does_not_go_back(team: Team) -> None:
    """Not even where the remote is set back to the very record that was let stand, with the fence that it had."""
    old = before(team)
    team.let_stand(listed(team))
    awa, bob = team.backend("awa"), team.backend("bob")
    assert bob.read() == old
    warned = awa.swap(old, step(old.record, on(old.record)["alarm"], writer(AWA, "signed"))).tip
    assert warned.record.fence == old.record.fence
    assert bob.read() == warned
    team.origin("update-ref", REF, old.oid)
    for backend in (awa, bob, team.backend("awa"), team.backend("bob")):
        refused(backend, "signed ones of this lock were seen here")
    assert team.backend("cem").read() == old, "who has seen nothing cannot know: so take the line out"
    team.let_stand("")
    refused(team.backend("cem"), "does not name it")


def test_with_signing_off_nobody_goes_on_from_a_signed_record(team: Team) -> None:
    old = before(team)
    team.let_stand(listed(team))
    signed = team.backend("awa").swap(old, grant(team, old, "s1")).tip
    behind = unsigned(team, "cem")
    for _ in range(2):
        refused(behind, "a signed lock does not go back to unsigned")
    with pytest.raises(Untrusted):
        unsigned(team, "bob").swap(signed, step(signed.record, on(signed.record)["disarm"], writer(AWA, "x")))
    assert team.origin("rev-parse", REF) == signed.oid


def test_nor_where_signed_ones_were_seen_before(team: Team) -> None:
    """Settings say off, and the remote shows an unsigned record: of this kernel, or of one beside it."""
    old = before(team)
    team.let_stand(listed(team))
    team.backend("awa").swap(old, grant(team, old, "s1"))
    team.origin("update-ref", REF, old.oid)
    refused(unsigned(team), "this clone has seen signed records")
    beside = replace(team.home("awa"), signing=SigningKind.OFF).chain("awa/another")
    assert beside.read() is None
    with pytest.raises(Untrusted, match="does not go back"):
        beside.swap(None, replace(grant(team, None, "s9"), kernel="awa/another"))
    elsewhere = replace(team.home("awa"), signing=SigningKind.OFF, prefix="refs/sahel/other").chain(KERNEL)
    assert elsewhere.swap(None, grant(team, None, "s9")).verdict is Verdict.WON, "another prefix is another place"


def test_nor_where_the_committed_settings_say_signed(team: Team) -> None:
    """A personal setting, or an edit that is not committed, does not write what nobody would believe."""
    clone = team.clone("awa")
    clone.write(FILE_NAME, '[lock]\nsigning = "ssh"\n')
    clone.commit(FILE_NAME)
    with pytest.raises(Untrusted, match=r"committed sahel-nb\.toml"):
        unsigned(team).swap(None, grant(team, None, "s0"))
    (clone.root / FILE_NAME).unlink()
    with pytest.raises(Untrusted, match=r"committed sahel-nb\.toml"):
        home_of(Worktree.discover(clone.root), LockConfig()).chain(KERNEL).swap(None, grant(team, None, "s0"))
    assert team.origin("for-each-ref", "refs/sahel") == ""


def test_a_forged_signature_is_not_a_way_around_the_list(team: Team) -> None:
    old = before(team)
    team.let_stand(listed(team))
    raw = old.raw.replace(b"\n\n", b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n nonsense\n\n", 1)
    path = team.clone("bob").write("raw", raw)
    oid = team.origin("hash-object", "-t", "commit", "-w", str(path))
    team.origin("update-ref", REF, oid)
    refused(team.backend("bob"), "no ssh signature of anybody who counts")


def test_a_signed_chain_is_compacted_and_stays_signed(team: Team) -> None:
    old = before(team)
    team.let_stand(listed(team))
    awa = team.backend("awa")
    assert awa.archive(old).verdict is Verdict.WON
    compacted = step(old.record, on(old.record)["compact"], writer(BOB, "c"))
    bob = team.backend("bob")
    won = bob.swap(old, replace(compacted, archive=old.oid))
    assert won.verdict is Verdict.WON
    assert awa.read() == won.tip
    assert (won.tip.record.state, len(awa.history(9))) == (State.FREE, 3)


def test_the_update_hook_lets_a_signed_record_follow_and_no_unsigned_one(team: Team) -> None:
    old = before(team)
    guard(team.origin)
    team.let_stand(listed(team))
    signed = team.backend("awa").swap(old, grant(team, old, "s1")).tip
    freed = step(signed.record, on(signed.record)["disarm"], writer(AWA, "x"))
    plain = GitRefs(team.home("bob").refs, REF)
    with pytest.raises(Refused) as caught:
        plain.swap(signed, freed)
    assert any("does not go back to unsigned" in line for line in caught.value.details), caught.value.details
    assert team.backend("awa").swap(signed, freed).verdict is Verdict.WON
