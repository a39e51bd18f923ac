"""Commits signed with the key that a person's git signs with, and whose signature one carries. git does both.

See git-commit-tree(1) and git-verify-commit(1). Who counts is a file in the form of ssh-keygen's ALLOWED SIGNERS; for
gpg its lines are `ADDRESS gpg FINGERPRINT`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from sahel_nb.errors import Refused
from sahel_nb.repo.cmd import git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, object_id

_FORMAT = {"ssh": "ssh", "gpg": "openpgp"}
_MINE = r"(gpg|user|i18n)\."
_SSH_GOOD = re.compile(r'Good "git" signature for (\S+) with \S+ key \S+')
_GPG_GOOD = re.compile(
    r"\[GNUPG:\] VALIDSIG ([0-9A-F]{16,64}) .* ([0-9A-F]{16,64})|\[GNUPG:\] VALIDSIG ([0-9A-F]{16,64}).*"
)


class BadSignature(Refused):
    """A commit is not signed, or not by anybody who counts."""


def sign(refs: RemoteRefs, message: bytes, parent: RawCommit | None, when: int, kind: str) -> RawCommit:
    """A commit of the empty tree by the person at this clone. Raises `Refused` where git cannot sign.

    Not repeatable: two signatures of the same commit may differ, and then their ids do.
    """
    store = refs.store(*([parent] if parent else []))
    settings = [f"{key}={value}" for key, value in refs.local_settings(_MINE)]
    settings += [f"gpg.format={_FORMAT[kind]}", "i18n.commitEncoding=UTF-8"]
    answer = git(
        *(f"--git-dir={store}", *(word for setting in settings for word in ("-c", setting))),
        *("commit-tree", "-S", *(("-p", parent.oid) if parent else ()), "-F", "-"),
        object_id("tree", b"", refs.algorithm),
        cwd=refs.worktree.root,
        stdin=message,
        check=False,
        env={"GIT_AUTHOR_DATE": f"@{when} +0000", "GIT_COMMITTER_DATE": f"@{when} +0000"},
    )
    if answer.returncode != 0:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            f"git could not sign the lock's record with {kind}",
            details=tuple(said[-6:]),
            hints=("git config user.signingkey KEY",),
        )
    oid = answer.text.strip()
    framed = zlib.decompress((store / "objects" / oid[:2] / oid[2:]).read_bytes())
    return RawCommit(oid, framed.partition(b"\0")[2])


def signer(
    folder: Path, oid: str, allowed: Path, kind: str, *, git_dir: str = "", env: Mapping[str, str] | None = None
) -> str:
    """The address of whoever signed the commit `oid` of a repository. Raises `BadSignature`."""
    where = (f"--git-dir={git_dir}",) if git_dir else ()
    settings = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.minTrustLevel=undefined")
    answer = git(*where, *settings, "verify-commit", "--raw", oid, cwd=folder, check=False, env=env)
    lines = [line.strip() for line in answer.stderr.decode("utf-8", "replace").splitlines()]
    if answer.returncode == 0 and kind == "ssh":
        found = [match[1] for line in lines if (match := _SSH_GOOD.fullmatch(line))]
        if len(found) == 1:
            return found[0]
    if answer.returncode == 0 and kind == "gpg":
        prints = {name for line in lines if (match := _GPG_GOOD.fullmatch(line)) for name in match.groups() if name}
        owners = [words[0] for words in _gpg_lines(allowed) if words[2].upper() in prints]
        if len(owners) == 1:
            return owners[0]
    said = tuple(line for line in lines if not line.startswith("[GNUPG:]"))[-3:]
    raise BadSignature(f"record {oid[:9]} carries no {kind} signature of anybody who counts", details=said)


def _gpg_lines(allowed: Path) -> list[list[str]]:
    lines = (line.split() for line in allowed.read_text("utf-8", "replace").splitlines())
    return [words for words in lines if len(words) == 3 and words[1] == "gpg"]
