"""`python -m sahel_nb.lock.server_hook`: what git's pre-receive hook asks on a server, see githooks(5).

    <old id> <new id> <ref>     a line on stdin for each ref of the push

The server knows who pushes, and judges all of a push, which is taken or refused as a whole. A lock's ref moves only by
one legal transition, brought by somebody who may make it. An archive is made of what a lock ends with just now, and
never moved or removed; only then may its chain begin anew. A commit that ran is kept under its own name. The signers'
branch is for leads. Settings are the repository's:

    sahel.identity      the variable that says who pushes: REMOTE_USER (http), GL_USER (gitolite), SAHEL_USER (a forced
                        command of sshd); without it nothing of ours is taken
    sahel.<user>.email  an address of that user, as in their records; a user that is an address is its own
    sahel.lead          an address that may break and reset locks and take others out of the queue; nobody named: all
    sahel.ttl           seconds that somebody else's grant must have stood still here to be ended or adopted; an offer:
                        120. Not set: the committed lock.ttl
    sahel.signers       the branch that is for leads alone (refs/heads/sahel-signers)
    sahel.remoteId      what records must call this remote; not set: the committed lock.id, or what the chain calls it

What is committed is sahel-nb.toml of the branch that HEAD of this repository names.

Exit code 0: git goes on; 1: it refuses, and the pusher reads why. Anything unexpected refuses.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sahel_nb.config import FILE_NAME, LockConfig, committed_lock
from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.errors import SahelError
from sahel_nb.lock.expiry import OFFER_TTL
from sahel_nb.lock.names import ARCHIVE, archive_ref, kernel_of, lock_of_archive
from sahel_nb.lock.probe import JUDGES, asks_who, is_probe
from sahel_nb.lock.record import CorruptRecord, Op, Record, State
from sahel_nb.lock.replay import IDENTITIES, Forbidden, Pusher, check, check_author, check_runner, is_early
from sahel_nb.lock.transition import Illegal
from sahel_nb.repo.cmd import git, told_to_hooks
from sahel_nb.repo.kept_commits import COMMITS, ref_of
from sahel_nb.repo.scratch import LARGEST, RawCommit, object_id
from sahel_nb.repo.worktree import shared_mode
from sahel_nb.report.terminal import protect_streams

_OWN = "refs/sahel/"
_BRANCHES = "refs/heads/sahel-locks"
_HEADERS = (b"tree ", b"parent ", b"author ", b"committer ", b"encoding ", b"gpgsig ", b"gpgsig-sha256 ", b" ")
_TICKETS = 3
"""Of one person: where they wait, and what a killed process has left."""
_ALIKE = ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")


@dataclass(frozen=True)
class Move:
    """What a push asks of one ref. Ids of zeros stand for none."""

    old: str
    new: str
    ref: str

    @property
    def makes(self) -> bool:
        return not self.old.strip("0")

    @property
    def removes(self) -> bool:
        return not self.new.strip("0")


def _prefix_of(ref: str) -> str:
    """The `lock.prefix` below which a ref lies, whichever a team has chosen in our own room, or its archives' place;
    empty for other refs."""
    ours = (_OWN, f"{_BRANCHES}/", f"{_BRANCHES}{ARCHIVE}/")
    return "/".join(ref.split("/")[:3]) if ref.startswith(ours) else ""


@dataclass(frozen=True)
class Server:
    """The repository that is pushed to, as its hook sees it. `environ` is what git and the login told it."""

    folder: Path
    environ: Mapping[str, str]
    settings: Mapping[str, tuple[str, ...]]
    _objects: dict[str, tuple[str, bytes]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Server:
        folder = Path.cwd()
        answer = git("config", "-z", "--get-regexp", r"^sahel\.", cwd=folder, check=False, env=told_to_hooks(environ))
        settings: dict[str, tuple[str, ...]] = {}
        for item in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
            key, _, value = item.partition("\n")
            settings[key] = (*settings.get(key, ()), value.strip())
        return cls(folder, environ, settings)

    def judge(self, moves: Sequence[Move]) -> None:
        """Raises `Illegal`, `Forbidden`, or `SahelError` for what cannot be understood: nothing is to be moved then."""
        self._read(oid for move in moves if _prefix_of(move.ref) for oid in (move.old, move.new) if oid.strip("0"))
        noted = []
        for move in moves:
            try:
                noted += self._judge(move)
            except (Illegal, Forbidden) as exc:
                raise type(exc)(f"{move.ref} was not moved: {exc}") from exc
            except SahelError as exc:
                exc.message = f"{move.ref} was not moved: {exc.message}"
                raise
        for ref, record, oid in noted:
            self._note(ref, record, oid)

    def _judge(self, move: Move) -> list[tuple[str, Record, str]]:
        """What is to be noted, when all of the push is in order."""
        prefix = _prefix_of(move.ref)
        if not prefix:
            self._judge_other(move)
        elif asks_who(prefix, move.ref):
            raise Forbidden(self._introduce())
        elif is_probe(prefix, move.ref):
            self._require_known()
        elif prefix == COMMITS:
            self._judge_kept(move)
        elif prefix.endswith(ARCHIVE):
            self._judge_archive(move)
        else:
            return self._judge_lock(prefix, move)
        return []

    def _judge_other(self, move: Move) -> None:
        if move.ref == self._setting("sahel.signers", LockConfig().signers):
            if not self._leads(self._pusher):
                raise Forbidden("whose signatures count is for a lead to say")
            if move.removes:
                raise Illegal("whose signatures count is on record, and is not removed")
        if not move.removes and move.ref == _BRANCHES:
            raise Illegal("no lock could be made beside it")
        for short in _ALIKE:
            if not move.removes and move.ref.startswith(short) and _prefix_of(move.ref[len(short) :]):
                raise Illegal("git would take it for a lock")

    def _judge_lock(self, prefix: str, move: Move) -> list[tuple[str, Record, str]]:
        kernel = kernel_of(prefix, move.ref)
        if kernel is None or kernel != kernel.lower():
            raise Illegal("it is no kernel's lock")
        if move.removes:
            raise Illegal("a lock's chain is the ledger, and is never removed")
        after, commit = self._record(move.new)
        reset = after.op is Op.RESET
        before = None if move.makes or (reset and not self._is_record(move.old)) else self._record(move.old)[0]
        anew = before is not None and after.op is Op.COMPACT
        stands_on = () if move.makes or anew or not self._is_commit(move.old) else (move.old,)
        if commit.parents != stands_on:
            raise Illegal("a transition is one commit on the newest record")
        if after.kernel != kernel:
            raise Illegal(f"the record is of {after.kernel}")
        here = self._setting("sahel.remoteid", self._team.id)
        if here and after.lock_remote_id != here:
            raise Illegal(f"the record is of {after.lock_remote_id}, and this is {here}")
        check(before, after)
        if anew:
            self._check_archived(move.ref, move.old, after)
        check_author(before, after, self._pusher)
        check_runner(after, self._team.runners)
        if after.op is Op.ENQUEUE and sum(one.actor == after.queue[-1].actor for one in after.queue) > _TICKETS:
            raise Forbidden(f"{_TICKETS} tickets of one person are enough")
        self._check_patience(move, before, after)
        begins = before is None or before.observed != after.observed or before.state is not after.state
        return [(move.ref, after, move.new)] if begins else []

    def _check_patience(self, move: Move, before: Record | None, after: Record) -> None:
        """What nobody but the holder could know has to be waited out here: the server cannot ask Kaggle."""
        ttl = float(self._setting("sahel.ttl", str(self._team.ttl)))
        if after.op is Op.PASS:
            ttl = min(ttl, OFFER_TTL)
        if before is None or not is_early(before, after, 0.0, ttl, self._pusher):
            return
        stood = self._stood_still(move.ref, before, move.old)
        if stood is None:
            self._note(move.ref, before, move.old)
            stood = 0.0
        if is_early(before, after, stood, ttl, self._pusher):
            left = max(1, round(ttl - stood))
            raise Forbidden(f"{after.op.value} is for {ttl:g} s after the lock last moved, in {left} s from now")

    def _judge_kept(self, move: Move) -> None:
        """A commit that ran is kept under its own name; a lead may let it go, where there are leads."""
        if move.removes:
            if not self._leads(self._pusher):
                raise Forbidden("a commit that ran is let go by a lead")
            return
        if move.new == move.old:
            return
        if not move.makes:
            raise Illegal("a commit that ran is kept under its own name: the ref is never moved")
        if move.ref != ref_of(move.new):
            raise Illegal(f"a commit that ran is kept under its own name: {ref_of(move.new)}")
        if not self._is_commit(move.new):
            raise Illegal(f"{move.new[:9]} is no commit")
        self._require_known()

    def _judge_archive(self, move: Move) -> None:
        """What is kept is what the lock ends with: whoever dies before it begins anew has changed nothing."""
        archived = lock_of_archive(move.ref)
        if archived is None:
            raise Illegal("it is no lock's archive")
        lock, kept = archived
        if not move.makes:
            raise Illegal("an archive is what it is for ever: it is never moved, and never removed")
        if move.new != kept:
            raise Illegal(f"an archive has the name of what it keeps: that is {move.new}")
        if self._points_to(lock) != move.new:
            raise Illegal(f"{lock} does not end with {move.new[:9]}: an archive is made of what it ends with")
        if self._record(move.new)[0].state is not State.FREE:
            raise Illegal("a lock is archived only while it is free")
        self._require_known()

    def _check_archived(self, ref: str, old: str, after: Record) -> None:
        if after.archive != old:
            raise Illegal("a chain begins anew with the name of the record that it ended with")
        if self._points_to(archive_ref(ref, old)) != old:
            raise Illegal("a chain begins anew only when it is archived")

    # -- what is in the repository

    def _git(self, *args: str, stdin: bytes | None = None) -> bytes:
        return git(*args, cwd=self.folder, check=False, env=told_to_hooks(self.environ), stdin=stdin).stdout

    def _points_to(self, ref: str) -> str:
        # Not rev-parse, which takes a tag of that name where there is no such ref.
        return self._git("show-ref", "--verify", "--hash", ref).decode("ascii").strip()

    def _read(self, oids: Iterable[str]) -> None:
        """All at once, but what is far larger than a record: see git-cat-file(1), BATCH OUTPUT."""
        asked = list(dict.fromkeys(oids))
        shown = (
            self._git("cat-file", "--batch-check", stdin=_lines(asked)).decode("ascii").splitlines() if asked else []
        )
        for oid, kind, size in (line.split() for line in shown if line.count(" ") == 2):
            if int(size) > LARGEST:
                self._objects[oid] = (f"{kind} of {size} bytes", b"")
                asked.remove(oid)
        rest = self._git("cat-file", "--batch", stdin=_lines(asked)) if asked else b""
        for oid in asked:
            head, _, rest = rest.partition(b"\n")
            words = head.split()
            if len(words) == 3:
                length = int(words[2])
                self._objects[oid] = (words[1].decode("ascii"), rest[:length])
                rest = rest[length + 1 :]

    def _is_commit(self, oid: str) -> bool:
        if oid not in self._objects:
            self._read((oid,))
        return self._objects.get(oid, ("",))[0] == "commit"

    def _is_record(self, oid: str) -> bool:
        try:
            self._record(oid)
        except (Illegal, CorruptRecord):
            return False
        return True

    def _record(self, oid: str) -> tuple[Record, RawCommit]:
        """The record of a commit, and the commit."""
        if not self._is_commit(oid):
            raise Illegal(f"a record is no {self._objects.get(oid, ('missing object',))[0]}")
        commit = RawCommit(oid, self._objects[oid][1])
        header = commit.body.partition(b"\n\n")[0].split(b"\n")
        tree = object_id("tree", b"", "sha1" if len(oid) == 40 else "sha256")
        if header[0] != b"tree " + tree.encode("ascii") or not all(line.startswith(_HEADERS) for line in header):
            raise Illegal("a record is a commit of the empty tree, and nothing else")
        return Record.from_json(commit.message), commit

    @cached_property
    def _team(self) -> LockConfig:
        """What the default branch has committed. Raises `SahelError` for what cannot be understood."""
        return committed_lock(self._git("cat-file", "blob", f"HEAD:{FILE_NAME}") or None)

    def _setting(self, key: str, default: str) -> str:
        return self.settings.get(key, (default,))[-1]

    # -- who pushes

    @cached_property
    def _pusher(self) -> Pusher:
        """Raises `Forbidden` where the server does not say, or does not know them."""
        return Pusher(self._emails, frozenset(email.lower() for email in self.settings.get("sahel.lead", ())))

    def _require_known(self) -> None:
        """What has no writer is only for people that are known. Raises `Forbidden`."""
        if not self._emails:
            raise Forbidden("the server does not know who pushes")

    @cached_property
    def _emails(self) -> frozenset[str]:
        variable = self._setting("sahel.identity", "")
        if variable not in IDENTITIES:
            which = " or ".join(IDENTITIES)
            raise Forbidden(
                f"the server does not know who pushes: sahel.identity must be {which} here, not {variable!r}"
            )
        user = self.environ.get(variable, "")
        if not user:
            raise Forbidden(f"the server did not say who pushes ({variable} is empty)")
        emails = {email.lower() for email in self.settings.get(f"sahel.{user}.email", ())}
        emails |= {user.lower()} if "@" in user else set()
        if not emails:
            raise Forbidden(f"no address of {user} is known here: git config --add sahel.{user}.email ADDRESS")
        return frozenset(emails)

    def _leads(self, pusher: Pusher) -> bool:
        return not pusher.leads or any(email in pusher.emails for email in pusher.leads)

    def _introduce(self) -> str:
        """Whom the server takes the pusher for."""
        variable = self._setting("sahel.identity", "")
        emails = ", ".join(sorted(self._emails))
        lead = ", a lead" if self._leads(self._pusher) else ""
        return f"{JUDGES}{self.environ.get(variable, '')}: {emails}{lead}"

    # -- how long a grant has stood still

    def _stood_still(self, ref: str, record: Record, tip: str) -> float | None:
        """Seconds since `record`'s grant or offer came to this server, by its own clock. What was noted for a push that
        then failed is of a record that is not on the chain, and counts for nothing."""
        try:
            grant, _, oid = self._place(ref).read_text("ascii").rpartition(" ")
            since = self._place(ref).stat().st_mtime
        except (FileNotFoundError, ValueError):
            return None
        if grant != _grant(record):
            return None
        told = told_to_hooks(self.environ)
        on_chain = git("merge-base", "--is-ancestor", oid, tip, cwd=self.folder, check=False, env=told)
        return time.time() - since if on_chain.returncode == 0 else None

    def _note(self, ref: str, record: Record, oid: str) -> None:
        note = self._place(ref)
        if not note.parent.is_dir():
            make_folder(note.parent)
            note.parent.chmod(
                shared_mode(self.folder, told_to_hooks(self.environ))
            )  # a unix user each: see core.sharedRepository
        write_atomically(note, f"{_grant(record)} {oid}".encode("ascii"))

    def _place(self, ref: str) -> Path:
        git_dir = self.folder / self.environ.get("GIT_DIR", ".")
        return git_dir / "sahel-locks" / hashlib.sha256(os.fsencode(ref)).hexdigest()[:40]


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode("ascii")


def _grant(record: Record) -> str:
    return f"{record.state.value} {record.fence} {record.hb}"


def main(lines: Iterable[str]) -> int:
    protect_streams()
    try:
        Server.here(os.environ).judge([Move(*line.split(" ", 2)) for line in map(str.strip, lines) if line])
    except (Illegal, Forbidden) as exc:
        said = str(exc)
    except SahelError as exc:
        said = exc.message
    except Exception as exc:  # noqa: BLE001  a check that broke refuses, and says so
        said = f"nothing was moved: the check broke: {exc!r}"
    else:
        return 0
    print(f"sahel-nb: {said}", file=sys.stderr)  # noqa: T201  a hook's stderr is what the pusher reads
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.stdin))
