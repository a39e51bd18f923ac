"""`python -m sahel_nb.lock.update_hook REF OLD NEW`: what git's update hook asks on a server, see githooks(5).

A lock's ref moves only by one legal transition, brought by somebody who may make it. An archive is made of what a lock
ends with just now, and never moved or removed; only then may its chain begin anew. A commit that ran is kept under its
own name. Settings are the repository's:

    sahel.identity      the variable that says who pushes: REMOTE_USER (http), GL_USER (ssh, gitolite); unset: not asked
    sahel.<user>.email  an address of that user, as in their records; a user that is an address is its own
    sahel.lead          an address that may break a lock and take others out of the queue; nobody named: everybody may
    sahel.ttl           seconds that somebody else's grant must have stood still here to be ended (600); an offer: 120
    sahel.signing       ssh or gpg: records must be signed, by somebody in the file allowed_signers of sahel.signers
    sahel.signers       a branch of this repository, which must be protected (refs/heads/sahel-signers)
    sahel.remoteId      what records must call this remote; unset: what the chain's first one called it

Exit code 0: git goes on; 1: it refuses, and the pusher reads why. Anything unexpected refuses.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.config import LockConfig
from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.errors import SahelError
from sahel_nb.lock.expiry import OFFER_TTL
from sahel_nb.lock.names import ARCHIVE, archive_ref, kernel_of, lock_of_archive
from sahel_nb.lock.probe import is_probe
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.replay import Forbidden, Pusher, check, check_alone, check_author, is_early
from sahel_nb.lock.rules import is_signed
from sahel_nb.lock.signing import FILE
from sahel_nb.lock.transition import Illegal
from sahel_nb.repo.cmd import git, told_to_hooks
from sahel_nb.repo.kept_commits import COMMITS, ref_of
from sahel_nb.repo.scratch import LARGEST, RawCommit, object_id
from sahel_nb.repo.signature import signer
from sahel_nb.report.terminal import protect_streams

_OWN = "refs/sahel/"
_BRANCHES = "refs/heads/sahel-locks"
_TTL = 600.0
_HEADERS = (b"tree ", b"parent ", b"author ", b"committer ", b"encoding ", b"gpgsig ", b"gpgsig-sha256 ", b" ")


def _prefix_of(ref: str) -> str:
    """The `lock.prefix` below which a ref lies, whichever a team has chosen in our own room, or its archives' place;
    empty for other refs."""
    ours = (_OWN, f"{_BRANCHES}/", f"{_BRANCHES}{ARCHIVE}/")
    return "/".join(ref.split("/")[:3]) if ref.startswith(ours) else ""


class Everybody:
    """The addresses of somebody who was not asked who they are."""

    def __contains__(self, email: object) -> bool:
        return True


@dataclass(frozen=True)
class Server:
    """The repository that is pushed to, as its update hook sees it. `environ` is what git and the login told it."""

    folder: Path
    environ: Mapping[str, str]
    settings: Mapping[str, tuple[str, ...]]

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Server:
        folder = Path.cwd()
        answer = git("config", "-z", "--get-regexp", r"^sahel\.", cwd=folder, check=False, env=told_to_hooks(environ))
        settings: dict[str, tuple[str, ...]] = {}
        for item in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
            key, _, value = item.partition("\n")
            settings[key] = (*settings.get(key, ()), value.strip())
        return cls(folder, environ, settings)

    def judge(self, ref: str, old: str, new: str) -> None:
        """Raises `Illegal`, `Forbidden`, or `SahelError` for what cannot be understood."""
        prefix = _prefix_of(ref)
        if not prefix or is_probe(prefix, ref):
            return
        if prefix == COMMITS:
            self._judge_kept(ref, old, new)
            return
        if prefix.endswith(ARCHIVE):
            self._judge_archive(ref, old, new)
            return
        kernel = kernel_of(prefix, ref)
        if kernel is None or kernel != kernel.lower():
            raise Illegal(f"{ref} is no kernel's lock")
        if not new.strip("0"):
            raise Illegal("a lock's chain is the ledger, and is never removed")
        before, followed = self._record(old) if old.strip("0") else (None, None)
        after, commit = self._record(new)
        anew = before is not None and after.op is Op.COMPACT
        if commit.parents != ((old,) if before is not None and not anew else ()):
            raise Illegal("a transition is one commit on the newest record")
        if after.kernel != kernel:
            raise Illegal(f"the record is of {after.kernel}")
        here = self.settings.get("sahel.remoteid", (before.lock_remote_id if before else after.lock_remote_id,))[-1]
        if after.lock_remote_id != here:
            raise Illegal(f"the record is of {after.lock_remote_id}, and this is {here}")
        check(before, after)
        if anew:
            self._check_archived(ref, old, after)
        pusher = self._pusher()
        if followed is not None and is_signed(followed.body) and not is_signed(commit.body):
            raise Forbidden("a signed lock does not go back to unsigned records")
        self._check_signature(new, after)
        check_author(before, after, pusher)
        ttl = float(self.settings.get("sahel.ttl", (str(_TTL),))[-1])
        if after.op is Op.PASS:
            ttl = min(ttl, OFFER_TTL)
        if is_early(before, after, self._stood_still(ref, before), ttl, pusher):
            raise Forbidden(f"{after.op.value} is for {ttl:g} s after the lock last moved; sahel.ttl says so here")
        self._remember(ref, before, after)

    def _judge_kept(self, ref: str, old: str, new: str) -> None:
        """A commit that ran is kept under its own name; a lead may let it go, where there are leads."""
        if not new.strip("0"):
            pusher = self._pusher()
            if pusher.leads and not any(email in pusher.emails for email in pusher.leads):
                raise Forbidden("a commit that ran is let go by a lead")
            return
        if new == old:
            return
        if old.strip("0"):
            raise Illegal("a commit that ran is kept under its own name: the ref is never moved")
        if ref != ref_of(new):
            raise Illegal(f"a commit that ran is kept under its own name: {ref_of(new)}")
        told = told_to_hooks(self.environ)
        if git("cat-file", "-t", new, cwd=self.folder, check=False, env=told).text != "commit":
            raise Illegal(f"{new[:9]} is no commit")
        self._pusher()

    def _judge_archive(self, ref: str, old: str, new: str) -> None:
        """What is kept is what the lock ends with: whoever dies before it begins anew has changed nothing."""
        archived = lock_of_archive(ref)
        if archived is None:
            raise Illegal(f"{ref} is no lock's archive")
        lock, kept = archived
        if old.strip("0"):
            raise Illegal("an archive is what it is for ever: it is never moved, and never removed")
        if new != kept:
            raise Illegal(f"an archive has the name of what it keeps: that is {new}")
        if self._points_to(lock) != new:
            raise Illegal(f"{lock} does not end with {new[:9]}: an archive is made of what it ends with")
        if self._record(new)[0].state is not State.FREE:
            raise Illegal("a lock is archived only while it is free")
        self._pusher()

    def _check_archived(self, ref: str, old: str, after: Record) -> None:
        if after.archive != old:
            raise Illegal("a chain begins anew with the name of the record that it ended with")
        if self._points_to(archive_ref(ref, old)) != old:
            raise Illegal("a chain begins anew only when it is archived")

    def _points_to(self, ref: str) -> str:
        told = told_to_hooks(self.environ)
        # Not rev-parse, which takes a tag of that name where there is no such ref.
        return git("show-ref", "--verify", "--hash", ref, cwd=self.folder, check=False, env=told).text

    def _record(self, oid: str) -> tuple[Record, RawCommit]:
        """The record of a commit, and the commit."""
        told = told_to_hooks(self.environ)
        size = git("cat-file", "-s", oid, cwd=self.folder, env=told).text
        if int(size) > LARGEST:
            raise Illegal(f"a record is no commit of {size} bytes")
        answer = git("cat-file", "commit", oid, cwd=self.folder, env=told)
        commit = RawCommit(oid, answer.stdout)
        header = commit.body.partition(b"\n\n")[0].split(b"\n")
        tree = object_id("tree", b"", "sha1" if len(oid) == 40 else "sha256")
        if header[0] != b"tree " + tree.encode("ascii") or not all(line.startswith(_HEADERS) for line in header):
            raise Illegal("a record is a commit of the empty tree, and nothing else")
        return Record.from_json(commit.message), commit

    def _pusher(self) -> Pusher:
        leads = frozenset(email.lower() for email in self.settings.get("sahel.lead", ()))
        variable = self.settings.get("sahel.identity", ("",))[-1]
        if not variable:
            return Pusher(Everybody(), leads)
        user = self.environ.get(variable, "")
        if not user:
            raise Forbidden(f"the server did not say who pushes ({variable} is empty)")
        emails = {email.lower() for email in self.settings.get(f"sahel.{user}.email", ())}
        emails |= {user.lower()} if "@" in user else set()
        if not emails:
            raise Forbidden(f"no address of {user} is known here: git config --add sahel.{user}.email ADDRESS")
        return Pusher(emails, leads)

    def _check_signature(self, oid: str, record: Record) -> None:
        """Whoever brings it, the record is its signer's."""
        kind = self.settings.get("sahel.signing", ("",))[-1]
        if not kind:
            return
        branch = self.settings.get("sahel.signers", (LockConfig().signers,))[-1]
        told = told_to_hooks(self.environ)
        tip = self._points_to(branch) or "none"
        blob = git("cat-file", "blob", f"{tip}:{FILE}", cwd=self.folder, check=False, env=told)
        if blob.returncode != 0:
            raise Forbidden(f"{branch} has no file {FILE} here: nobody's signature counts")
        with tempfile.NamedTemporaryFile(prefix="sahel-signers-") as file:
            file.write(blob.stdout)
            file.flush()
            check_alone(record, signer(self.folder, oid, Path(file.name), kind, env=told))

    def _stood_still(self, ref: str, record: Record | None) -> float | None:
        """Seconds since `record`'s grant or offer came to this server, by its own clock."""
        try:
            seen = self._note(ref).read_text("ascii")
            since = self._note(ref).stat().st_mtime
        except FileNotFoundError:
            return None
        return time.time() - since if record is not None and seen == _grant(record) else None

    def _remember(self, ref: str, before: Record | None, after: Record) -> None:
        if before is not None and before.observed == after.observed and before.state is after.state:
            return
        note = self._note(ref)
        make_folder(note.parent)
        write_atomically(note, _grant(after).encode("ascii"))

    def _note(self, ref: str) -> Path:
        git_dir = self.folder / self.environ.get("GIT_DIR", ".")
        return git_dir / "sahel-locks" / hashlib.sha256(os.fsencode(ref)).hexdigest()[:40]


def _grant(record: Record) -> str:
    return f"{record.state.value} {record.fence} {record.hb}"


def main(argv: Sequence[str]) -> int:
    protect_streams()
    if len(argv) != 3:
        print("usage: update REF OLD NEW", file=sys.stderr)  # noqa: T201  a hook's stderr is what the pusher reads
        return 1
    try:
        Server.here(os.environ).judge(*argv)
    except (Illegal, Forbidden) as exc:
        said = f"{argv[0]} was not moved: {exc}"
    except SahelError as exc:
        said = f"{argv[0]} was not moved: {exc.message}"
    except Exception as exc:  # noqa: BLE001  a check that broke refuses, and says so
        said = f"{argv[0]} was not moved: the check broke: {exc!r}"
    else:
        return 0
    print(f"sahel-nb: {said}", file=sys.stderr)  # noqa: T201  as above
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
