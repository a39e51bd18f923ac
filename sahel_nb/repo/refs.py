"""One ref on a shared remote, moved only by compare-and-swap; read by a fetch of depth one.

The remote decides: `--force-with-lease=REF:OLD` makes it check, and git's own ref transaction checks again under the
server's lock. A lease is always explicit: without a value git would take it from a tracking ref, and fail open.

A remote that is a path is a repository whose hooks run here, as us: `RemoteRefs.url` refuses one that a clone brought.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sahel_nb.errors import Refused, SahelError, UsageError
from sahel_nb.repo.cmd import GitFailed, GitResult, RemoteUnreachable, git, unreachable
from sahel_nb.repo.outbox import exactly, outbox, put, store_at
from sahel_nb.repo.remote_path import is_inside, path_of, rewritten
from sahel_nb.repo.scratch import RawCommit, Scratch, as_environment, scratch
from sahel_nb.repo.swap_answer import Swap, classify
from sahel_nb.repo.worktree import Worktree

READ_TIMEOUT = 30.0
PUSH_TIMEOUT = 60.0

# Settings of this clone that decide how a server is reached; the person's own and the system's git reads by itself.
_TRANSPORT = re.compile(r"(credential|http|https|url|ssh|protocol)\.|core\.(sshcommand|askpass|gitproxy)$")
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_FETCH = (
    *("-c", "fetch.unpackLimit=1000000", "-c", "fetch.writeCommitGraph=false", "fetch", "--quiet", "--no-tags"),
    *("--recurse-submodules=no",),
)
_PUSH = (
    *("-c", "push.followTags=false", "-c", "push.negotiate=false", "-c", "push.gpgSign=false"),
    *("push", "--porcelain", "--no-verify", "--no-signed", "--recurse-submodules=no"),
)


@dataclass(frozen=True)
class SwapAnswer:
    """How a compare-and-swap ended, with what git said."""

    swap: Swap
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class RemoteRefs:
    """Refs on the remote `remote` (a configured name, a URL or a path) as this clone may reach it."""

    worktree: Worktree
    remote: str

    @cached_property
    def url(self) -> str:
        """Where the refs are, for reading and writing alike. Raises `UsageError` for a name that is not configured.

        Raises `Refused` for a path below the worktree: what a commit brings there would run as a hook of a server.
        """
        known = dict(self._everywhere)
        found = known.get(f"remote.{self.remote}.pushurl") or known.get(f"remote.{self.remote}.url")
        if not found and not ("/" in self.remote or ":" in self.remote):
            raise UsageError(
                f"this clone has no remote called {self.remote!r}, where the locks are",
                hints=(f"git remote add {shlex.quote(self.remote)} URL",),
            )
        url = found or self.remote
        for real in rewritten(url, self._everywhere):
            path = path_of(real, self.worktree.root)
            if path is not None and is_inside(self.worktree, path):
                raise Refused(
                    f"the remote with the locks is {path}, below the worktree: its hooks would run here",
                    details=("a remote is another repository, that no commit can change",),
                    hints=("git remote -v", "git config --show-origin --get-regexp '^(url|sahel-nb.lock)'"),
                )
        return url

    def read(self, ref: str, *, timeout: float = READ_TIMEOUT) -> RawCommit | None:
        """The commit that `ref` points to now; None where the remote has no such ref. Raises `NetworkError`."""
        chain = self.history(ref, 1, timeout=timeout)
        return chain[0] if chain else None

    def history(self, ref: str, limit: int, *, timeout: float = READ_TIMEOUT) -> tuple[RawCommit, ...]:
        """At most `limit` commits of the chain behind `ref`, newest first."""
        with self._scratch() as store:
            if not self._fetch_one(store, ref, f"--depth={limit}", timeout):
                return ()
            chain: list[RawCommit] = []
            oid = store.ref("refs/tip")
            while oid is not None and len(chain) < limit:
                commit = store.commit(oid)
                if commit is None:  # the end of what was asked for
                    break
                chain.append(commit)
                oid = commit.parents[0] if commit.parents else None
            if not chain:
                raise UsageError(
                    f"{ref} on {self.remote} is no commit",
                    details=("it is no record of ours: somebody who may push there made it; ask who",),
                    hints=(f"git push {shlex.quote(self.remote)} --delete {shlex.quote(ref)}",),
                )
            return tuple(chain)

    def read_all(self, prefix: str, *, timeout: float = READ_TIMEOUT) -> dict[str, RawCommit]:
        """Every ref below `prefix`, by its full name, through one fetch. What is no commit, or a huge one, has an empty
        body."""
        with self._scratch() as store:
            answer = self._fetch(store, f"+{prefix}/*:refs/all/*", "--depth=1", timeout)
            if answer.returncode != 0:
                silent = not answer.stderr.strip() or b"no matching remote head" in answer.stderr
                if silent and self._none_below(prefix, timeout):
                    return {}
                raise _failed(answer, self.remote)
            found: dict[str, RawCommit] = {}
            base = store.git_dir / "refs" / "all"
            for path in sorted(base.rglob("*")):
                if path.is_file():
                    oid = path.read_text().strip()
                    found[f"{prefix}/{path.relative_to(base).as_posix()}"] = store.commit(oid) or RawCommit(oid, b"")
            return found

    def swap(self, ref: str, old: RawCommit | None, new: RawCommit, *, timeout: float = PUSH_TIMEOUT) -> SwapAnswer:
        """Move `ref` from `old` (None: it must not exist) to `new`, if that is what it is. Says what is known after.

        Anything but WON, ALREADY_MINE and LOST leaves the question open or closed as `Swap` says; nothing is retried.
        """
        return self._push(ref, old, new, timeout)

    def keep(self, ref: str, commit: RawCommit, *, timeout: float = PUSH_TIMEOUT) -> SwapAnswer:
        """Make `ref`, which must not exist, point to a commit that the remote has, parents and all. Safe to repeat."""
        return self._push(ref, commit, commit, timeout, new_ref=True)

    def delete(self, ref: str, old: RawCommit, *, timeout: float = PUSH_TIMEOUT) -> SwapAnswer:
        """Remove `ref` if it points to `old`. Never for a lock's chain, which is the ledger."""
        return self._push(ref, old, old, timeout, refspecs=(f":{ref}",))

    def make_by(self, receive_pack: str, ref: str, new: RawCommit, *, timeout: float = PUSH_TIMEOUT) -> SwapAnswer:
        """Make `ref`, which must not exist, and ask for this program on the server, see git-push(1), --receive-pack.
        Over http nobody asks."""
        return self._push(ref, None, new, timeout, f"--receive-pack={receive_pack}")

    def both(self, ref: str, old: RawCommit, new: RawCommit, *, timeout: float = PUSH_TIMEOUT) -> SwapAnswer:
        """Ask for `new` at `ref` and at `REF/doctor` in one atomic push, see git-push(1), --atomic: as no server can
        have both, one that keeps its word moves neither."""
        two = (f"{new.oid}:{ref}", f"{new.oid}:{ref}/doctor")
        return self._push(ref, old, new, timeout, "--atomic", refspecs=two)

    def race(
        self, ref: str, old: RawCommit, early: RawCommit, late: RawCommit, *, timeout: float = PUSH_TIMEOUT
    ) -> tuple[bool, SwapAnswer]:
        """Move `ref` from `old` to `late` over a connection that was told of `old`, and before that is sent to `early`
        over a second one. Returns whether the second push won, and what the first one, which is too late, was answered.

        The second push is git's own pre-push hook of the first: it runs when the server has told its refs, and before
        anything is sent, see githooks(5). Both leases hold as far as a client can see; only a server can refuse one.
        """
        lease = f"--force-with-lease={ref}:{old.oid}"
        with (
            outbox(self._folder, self.algorithm, old, early) as (there, sooner),
            outbox(self._folder, self.algorithm, old, late) as (here, later),
            tempfile.TemporaryDirectory(prefix="git-race-", dir=self._folder) as folder,
        ):
            second = ("git", *there, *_QUIET, *self._only, *_PUSH, lease, "--", self.url, exactly(sooner, ref))
            out, err, code = (Path(folder, name) for name in ("out", "err", "code"))
            hook = Path(folder, "pre-push")
            hook.write_text(
                f"#!/bin/sh\n{shlex.join(second)} </dev/null >{quote(out)} 2>{quote(err)}\necho $? >{quote(code)}\n"
            )
            hook.chmod(0o700)
            first = tuple(word for word in _PUSH if word != "--no-verify")
            try:
                answer = git(
                    *(*here, *_QUIET, "-c", f"core.hooksPath={folder}", *self._only, *first, lease, "--", self.url),
                    exactly(later, ref),
                    cwd=self.worktree.root,
                    check=False,
                    timeout=timeout,
                    env=self._transport,
                )
            except RemoteUnreachable:
                return False, SwapAnswer(Swap.AMBIGUOUS, (f"no answer within {timeout:g} s",))
            if not code.exists():
                return False, SwapAnswer(Swap.AMBIGUOUS, _evidence(answer))
            moved = GitResult(int(code.read_text()), out.read_bytes(), err.read_bytes())
        return classify(moved, ref) is Swap.WON, SwapAnswer(classify(answer, ref), _evidence(answer))

    def where(self, ref: str, *, timeout: float = READ_TIMEOUT) -> str | None:
        """The id that `ref` points to now, in one round trip and without the commit. Raises `NetworkError`."""
        return self.places(ref, timeout=timeout).get(ref)

    def places(self, *refs: str, timeout: float = READ_TIMEOUT) -> dict[str, str]:
        """The ids that these point to now, of those that there are, in one round trip. Raises `NetworkError`."""
        # Version 2 asks twice. The pattern also matches refs that merely end like it.
        asked = ("-c", "protocol.version=0", "ls-remote", "--", self.url, *refs)
        answer = git(*self._only, *asked, cwd=self.worktree.root, check=False, timeout=timeout)
        if answer.returncode != 0:
            raise _failed(answer, self.remote)
        lines = (line.partition("\t") for line in os.fsdecode(answer.stdout).splitlines())
        return {name: oid for oid, _, name in lines if name in refs}

    def advertised(self, *prefixes: str, timeout: float = READ_TIMEOUT) -> dict[str, str]:
        """Every ref below `prefixes` that the remote shows, and the id that it points to. Raises `NetworkError`."""
        asked = ("ls-remote", "--refs", "--", self.url)
        answer = git(*self._only, *asked, cwd=self.worktree.root, timeout=timeout)
        lines = (line.split("\t", 1) for line in os.fsdecode(answer.stdout).splitlines() if "\t" in line)
        return {name: oid for oid, name in lines if name.startswith(tuple(f"{prefix}/" for prefix in prefixes))}

    @property
    def completes_names(self) -> bool:
        """Whether git lets another ref of a similar name be in the way of a push, see `outbox.exactly`: over http."""
        return rewritten(self.url, self._everywhere)[-1].startswith(("http://", "https://"))

    @cached_property
    def folder(self) -> Path | None:
        """The git folder that the refs lie in, where the remote is a path on this machine."""
        path = path_of(rewritten(self.url, self._everywhere)[0], self.worktree.root)
        if path is None or not path.is_dir():
            return None
        # The only bare repository that we stand in: a person's own setting named it.
        found = git("-c", "safe.bareRepository=all", "rev-parse", "--git-common-dir", cwd=path, check=False)
        return (path / found.text).resolve() if found.returncode == 0 else None

    def _push(
        self,
        ref: str,
        old: RawCommit | None,
        new: RawCommit,
        timeout: float,
        *more: str,
        new_ref: bool = False,
        refspecs: tuple[str, ...] = (),
    ) -> SwapAnswer:
        """`old` is sent without its parents. It is what `ref` must point to, unless that must be a `new_ref`.

        `refspecs` in the place of `new` to `ref` are for refs that nobody else can know of, or for what is removed."""
        lease = f"--force-with-lease={ref}:{old.oid if old and not new_ref else ''}"
        with outbox(self._folder, self.algorithm, old, new) as (here, source):
            wanted = refspecs or (exactly(source, ref),)
            try:
                answer = git(
                    *(*here, *_QUIET, *self._only, *_PUSH, *more, lease, "--", self.url, *wanted),
                    cwd=self.worktree.root,
                    check=False,
                    timeout=timeout,
                    env=self._transport,
                )
            except RemoteUnreachable:  # a timeout: it may have been applied, or may be yet
                return SwapAnswer(Swap.AMBIGUOUS, (f"no answer within {timeout:g} s",))
        return SwapAnswer(classify(answer, ref), _evidence(answer))

    def file_at(self, ref: str, path: str, *, timeout: float = READ_TIMEOUT) -> tuple[str, bytes] | None:
        """The tip of the branch `ref`, and a file in it; None where there is no such branch, or no such file."""
        with self._scratch() as store:
            if not self._fetch_one(store, ref, "--depth=1", timeout):
                return None
            blob = git(
                *(f"--git-dir={store.git_dir}", "cat-file", "blob", f"refs/tip:{path}"),
                cwd=self.worktree.root,
                check=False,
            )
            oid = store.ref("refs/tip")
            return (oid, blob.stdout) if oid and blob.returncode == 0 else None

    def files_over_time(
        self, ref: str, paths: tuple[str, ...], *, timeout: float = READ_TIMEOUT
    ) -> tuple[tuple[str, int, tuple[bytes | None, ...]], ...]:
        """The first parents of the branch `ref`, newest first: id, committer's date in seconds, and what the files had
        in them; None for one that is not there. Empty where there is no such branch."""
        with self._scratch() as store:
            if not self._fetch_one(store, ref, "", timeout):
                return ()
            here, root = (f"--git-dir={store.git_dir}",), self.worktree.root
            listed = git(*here, "log", "--first-parent", "--format=%H %ct", "refs/tip", cwd=root).text.splitlines()
            commits = [(line.split()[0], int(line.split()[1])) for line in listed]
            asked = "".join(f"{oid}:{path}\n" for oid, _ in commits for path in paths)
            rest = git(*here, "cat-file", "--batch", cwd=root, stdin=asked.encode()).stdout
        found: list[bytes | None] = []
        while len(found) < len(commits) * len(paths):  # see git-cat-file(1), BATCH OUTPUT
            head, _, rest = rest.partition(b"\n")
            size = int(head.rpartition(b" ")[2]) if b" blob " in head else None
            found.append(rest[:size] if size is not None else None)
            rest = rest[size + 1 :] if size is not None else rest
        each = len(paths)
        return tuple((oid, when, tuple(found[n * each : (n + 1) * each])) for n, (oid, when) in enumerate(commits))

    def store(self, *commits: RawCommit) -> Path:
        """A bare repository of ours that holds these commits: for git to look at, apart from the person's own."""
        made = store_at(self._folder, self.algorithm)
        for commit in commits:
            put(made, commit)
        return made

    def local_settings(self, pattern: str) -> tuple[tuple[str, str], ...]:
        """Settings of this clone, whose keys match `pattern`, for git in a repository that is not this one."""
        return tuple(pair for pair in self._settings if re.match(pattern, pair[0]))

    @property
    def algorithm(self) -> str:
        """The object format of this repository: what ids are made with."""
        return dict(self._settings).get("extensions.objectformat", "sha1")

    def _fetch_one(self, store: Scratch, ref: str, depth: str, timeout: float) -> bool:
        """Bring `ref` to refs/tip; False where the remote has none. git would then take the tag `refs/tags/<ref>`, or a
        branch of that name: what it took is in FETCH_HEAD, see fetch.c, append_fetch_head."""
        answer = self._fetch(store, f"+{ref}:refs/tip", depth, timeout)
        if answer.returncode != 0:
            if b"couldn't find remote ref" in answer.stderr:
                return False
            raise _failed(answer, self.remote)
        kind, name = ("branch ", ref[len("refs/heads/") :]) if ref.startswith("refs/heads/") else ("", ref)
        taken = (store.git_dir / "FETCH_HEAD").read_bytes().split(b"\t", 2)[2]
        if ref == "HEAD":
            return not taken.startswith((b"'", b"tag '", b"branch '"))
        return taken.startswith(f"{kind}'{name}' of ".encode())

    def _fetch(self, store: Scratch, refspec: str, depth: str, timeout: float) -> GitResult:
        return git(
            *(f"--git-dir={store.git_dir}", *_QUIET, *self._only, *_FETCH, *filter(None, (depth,))),
            *("--", self.url, refspec),
            cwd=self.worktree.root,
            check=False,
            timeout=timeout,
            env=self._transport,
        )

    @contextmanager
    def _scratch(self) -> Iterator[Scratch]:
        with scratch(self._folder, self.algorithm) as store:
            yield store

    @property
    def _folder(self) -> Path:
        return self.worktree.state_dir() / "scratch"

    @property
    def _transport(self) -> dict[str, str]:
        """How this clone reaches a server, for git in a repository that is not this one."""
        return as_environment(pair for pair in self._settings if _TRANSPORT.match(pair[0]))

    @cached_property
    def _only(self) -> tuple[str, ...]:
        """What git is told lest a URL lead to more than it says: an address of a host starts no program here."""
        url = self.url
        there = rewritten(url, self._everywhere)
        named = url != self.remote or any(path_of(real, self.worktree.root) is not None for real in (url, *there))
        return () if named else ("-c", "protocol.file.allow=never", "-c", "protocol.ext.allow=never")

    @cached_property
    def _settings(self) -> tuple[tuple[str, str], ...]:
        """This clone's own."""
        return self._listed("--local")

    @cached_property
    def _everywhere(self) -> tuple[tuple[str, str], ...]:
        """This clone's, the person's, the system's and the environment's, the strongest last."""
        return self._listed()

    def _listed(self, *scope: str) -> tuple[tuple[str, str], ...]:
        answer = git("config", *scope, "--includes", "-z", "--list", cwd=self.worktree.root)
        pairs = (os.fsdecode(item).partition("\n") for item in answer.stdout.split(b"\0") if item)
        return tuple((key, value if newline else "true") for key, newline, value in pairs)

    def _none_below(self, prefix: str, timeout: float) -> bool:
        """A shallow fetch of a pattern that matches nothing ends with 1 and not a word; in an empty repository behind a
        protocol of version 0, as ssh servers have it by default, it ends with 128."""
        asked = ("ls-remote", "--refs", "--", self.url, f"{prefix}/*")
        answer = git(*self._only, *asked, cwd=self.worktree.root, timeout=timeout)
        return not answer.stdout


def quote(path: Path) -> str:
    """A path as a word of a shell's."""
    return shlex.quote(str(path))


def _evidence(answer: GitResult) -> tuple[str, ...]:
    """What git said, without the advice that it gives a person at the server's own keyboard; the server's own reason
    for refusing a ref, which `--porcelain` has on stdout, comes last."""
    lines = [line.rstrip() for line in answer.stderr.decode("utf-8", "replace").splitlines()]
    refused = (line.split("\t") for line in answer.stdout.decode("utf-8", "replace").splitlines() if line[:1] == "!")
    lines += [f"error: {fields[2]}" for fields in refused if len(fields) >= 3]
    errors = [line for line in lines if "error:" in line or "fatal:" in line]
    others = [line for line in lines if line not in errors and line.removeprefix("remote:").strip()]
    return tuple([*others[-(8 - len(errors)) :], *errors] if len(errors) < 8 else errors[:8])


def _failed(answer: GitResult, remote: str) -> SahelError:
    asked = ("fetch",)
    if not unreachable(answer.stderr):
        return GitFailed(asked, answer)
    away = RemoteUnreachable(asked, answer, None)
    away.hints = try_again(remote)
    return away


def try_again(remote: str) -> tuple[str, ...]:
    """What to type when a remote was not reached."""
    return (f"git ls-remote {shlex.quote(remote)}", "sahel-nb lock doctor")
