"""Signed mode: honest people notice nothing, and nobody else's records are believed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import SigningKind
from sahel_nb.errors import Refused
from sahel_nb.install import shipped
from sahel_nb.lock.backend import Verdict as Swapped
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import Home
from sahel_nb.lock.listing import list_locks
from sahel_nb.lock.record import State
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import step
from sahel_nb.repo.cmd import git
from sahel_nb.report.events import Check, Verdict
from support.git import Origin
from support.lock_records import AWA, BOB, arm, on, writer
from support.lock_signers import SIGNERS, Team
from support.locks import KERNEL, REF


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "keys").mkdir()
    made = Team(Origin.create(tmp_path / "origin.git"), tmp_path / "keys")
    made.trust("awa", "bob")
    return made


def refused(backend: GitRefs, text: str) -> None:
    with pytest.raises(Untrusted) as caught:
        backend.read()
    assert text in caught.value.message


def test_honest_people_notice_nothing(team: Team) -> None:
    remote = team.home("awa").remote_id
    for fence, name in enumerate(("awa", "bob"), start=1):
        backend, who = team.backend(name), {"awa": AWA, "bob": BOB}[name]
        tip = backend.read()
        armed = backend.swap(tip, step(tip and tip.record, arm(who, f"s{fence}", remote=remote), writer(who, name))).tip
        backend.swap(armed, step(armed.record, on(armed.record)["disarm"], writer(who, f"{name} 2")))
        assert armed.record.fence == fence
    history = team.origin("log", "--format=%an", REF).split("\n")
    assert history == ["Bob", "Bob", "Awa", "Awa"]
    assert all("gpgsig" in team.origin("cat-file", "commit", oid) for oid in team.origin("rev-list", REF).split())
    (listed,) = list_locks(team.home("awa").refs, "refs/sahel/locks", team.home("awa").rules)
    assert (listed.trouble, listed.record and listed.record.state) == ("", State.FREE)


def test_the_same_swap_twice_is_one_although_signatures_differ(team: Team) -> None:
    backend = team.backend("awa")
    record = step(None, arm(remote=team.home("awa").remote_id), writer(AWA, "n1"))
    first, again = backend.swap(None, record), backend.swap(None, record)
    assert again == first
    assert team.backend("bob").read() == first.tip
    assert team.backend("awa").swap(None, record).verdict is Swapped.LOST, "another process signs another commit"


def test_an_unsigned_record_is_not_believed(team: Team) -> None:
    home = team.home("awa")
    plain = replace(home, signing=SigningKind.OFF).chain(KERNEL)
    record = step(None, arm(remote=home.remote_id), writer(AWA, "n1"))
    tip = plain.swap(None, record).tip
    refused(team.backend("bob"), "no ssh signature")
    bob = team.backend("bob")
    with pytest.raises(Untrusted):
        bob.swap(tip, step(record, on(record, BOB)["reap"], writer(BOB, "n2")))
    (listed,) = list_locks(home.refs, home.prefix, home.rules)
    assert listed.record is None
    assert "no ssh signature" in listed.trouble


def test_a_record_in_somebody_elses_name_is_not_believed(team: Team) -> None:
    remote = team.home("bob").remote_id
    for actor, by in ((AWA, AWA), (AWA, BOB)):
        record = step(None, arm(actor, remote=remote), writer(by, f"n {by}"))
        assert team.backend("bob").swap(None, record).verdict is Swapped.WON
        refused(team.backend("awa"), "bob@example.org signed it")
        team.origin("update-ref", "-d", REF)


def test_a_key_that_nobody_vouches_for_counts_for_nothing(team: Team) -> None:
    team.clone("awa")("config", "user.signingkey", str(team.key("eve")))
    team.first("awa")
    refused(team.backend("bob"), "no ssh signature of anybody who counts")


def test_a_key_that_was_taken_away_counts_no_more(team: Team) -> None:
    team.first("bob")
    assert team.backend("awa").read() is not None
    team.trust("awa")
    refused(team.backend("awa"), "no ssh signature of anybody who counts")
    team.origin("update-ref", "-d", SIGNERS)
    refused(team.backend("awa"), "nobody's signature counts")


def test_a_record_of_another_kernel_is_not_believed(team: Team) -> None:
    tip = team.first().read()
    assert tip is not None
    team.origin("update-ref", "refs/sahel/locks/awa/another", tip.oid)
    refused(team.backend("bob", "awa/another"), "it was signed for another lock")


def test_a_record_of_another_remote_is_not_believed(team: Team, tmp_path: Path) -> None:
    team.first()
    copy = Origin.create(tmp_path / "copy.git")
    copy("fetch", "-q", str(team.origin.path), "+refs/*:refs/*")
    bob = team.clone("bob")
    bob("remote", "set-url", "origin", str(copy.path))
    refused(team.backend("bob"), "was signed for")


def test_an_older_record_is_not_believed_again(team: Team) -> None:
    backend = team.first()
    tip = backend.read()
    assert tip is not None
    free = backend.swap(tip, step(tip.record, on(tip.record)["disarm"], writer(AWA, "n2"))).tip
    again = arm(stamp="s7", remote=tip.record.lock_remote_id)
    backend.swap(free, step(free.record, again, writer(AWA, "n3")))
    bob = team.backend("bob")
    assert bob.read() is not None
    team.origin("update-ref", REF, tip.oid)
    refused(bob, "an older one came back")
    refused(team.backend("bob"), "an older one came back")


def test_changed_by_one_letter_it_is_not_believed(team: Team) -> None:
    tip = team.first().read()
    assert tip is not None
    raw = team.clone("bob").write("raw", tip.raw.replace(b'"laptop"', b'"desk!!"'))
    team.origin("hash-object", "-t", "tree", "-w", "/dev/null")
    oid = team.origin("hash-object", "-t", "commit", "-w", str(raw))
    team.origin("update-ref", REF, oid)
    refused(team.backend("bob"), "no ssh signature")


def test_without_a_key_nothing_is_written(team: Team) -> None:
    team.clone("awa")("config", "user.signingkey", "/nowhere/key")
    with pytest.raises(Refused, match="could not sign"):
        team.first("awa")
    assert team.origin("for-each-ref", "refs/sahel") == ""


def test_the_update_hook_wants_signatures_too(team: Team) -> None:
    hook = team.origin.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(shipped.hook("update"))
    hook.chmod(0o755)
    team.origin("config", "sahel.python", sys.executable)
    team.origin("config", "sahel.signing", "ssh")
    home = team.home("awa")
    record = step(None, arm(remote=home.remote_id), writer(AWA, "n1"))
    attempts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("no ssh signature", lambda: replace(home, signing=SigningKind.OFF).chain(KERNEL).swap(None, record)),
        ("bob@example.org signed it", lambda: team.backend("bob").swap(None, record)),
    )
    for text, attempt in attempts:
        with pytest.raises(Refused) as caught:
            attempt()
        assert any(text in line for line in caught.value.details), caught.value.details
    tip = team.first().read()
    assert tip is not None
    replayed = git(
        *("--git-dir=.", "push", "--porcelain", str(team.origin.path), f"{tip.oid}:refs/sahel/locks/awa/another"),
        cwd=team.origin.path,
        check=False,
    )
    assert replayed.returncode == 1
    assert b"the record is of awa/fula-lid" in replayed.stderr


def test_with_gpg(team: Team, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(tmp_path_factory.mktemp("g"))
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    quiet = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    try:
        lines = []
        for name in ("awa", "eve"):
            address = f"{name.title()} <{name}@example.org>"
            subprocess.run(
                (*quiet, "--quick-gen-key", address, "ed25519", "sign", "never"), check=True, capture_output=True
            )
            shown = subprocess.run(
                ("gpg", "--batch", "--with-colons", "--list-keys", f"{name}@example.org"),
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            lines.append(next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr")))
        team.kind = SigningKind.GPG
        admin = team.clone("admin")
        admin.write("allowed_signers", f"awa@example.org gpg {lines[0]}\n")
        admin("add", "-A")
        admin("commit", "-qm", "gpg")
        admin.push("origin", f"+HEAD:{SIGNERS}")
        team.clone("awa")("config", "user.signingkey", lines[0])
        tip = team.first().read()
        assert tip is not None
        assert team.backend("bob").read() == tip
        team.origin("update-ref", "-d", REF)
        team.clone("awa")("config", "user.signingkey", lines[1])
        team.first()
        refused(team.backend("bob"), "no gpg signature of anybody who counts")
    finally:
        subprocess.run(("gpgconf", "--kill", "gpg-agent"), capture_output=True)


def test_doctor_says_whether_records_are_signed_and_by_whom(team: Team) -> None:
    def row(home: Home) -> Check:
        return next(one for one in examine(home, FakeClock()).rows if one.name == "signing")

    home = team.home("awa")
    assert (row(home).verdict, "2 keys count" in row(home).found) == (Verdict.OK, True)
    assert "from before" not in row(home).found
    team.let_stand(f"# before\n{'a' * 40} {REF}\n")
    assert row(home).found.endswith("unsigned_tips lets 1 record from before stand")
    off = row(replace(home, signing=SigningKind.OFF))
    assert "the lock is advisory" in off.found
    team.origin("update-ref", "-d", SIGNERS)
    assert row(home).verdict is Verdict.FAILED
