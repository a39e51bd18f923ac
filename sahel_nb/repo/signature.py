"""Commits signed with the ssh key that a person's git signs with, and whether one was signed by somebody who counts.

git signs, see git-commit-tree(1). ssh-keygen(1) verifies, and is asked whether a key counts for one address at one
time: git itself would name the first address that a key has, and a pattern as it is written.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from pathlib import Path

from sahel_nb.errors import Refused
from sahel_nb.repo.cmd import git, program
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, object_id

_MINE = r"(gpg|user|i18n)\."
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_SSH = b"-----BEGIN SSH SIGNATURE-----"


class BadSignature(Refused):
    """A commit is not signed, or not by somebody who counts."""


def sign(refs: RemoteRefs, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
    """A commit of the empty tree by the person at this clone. Raises `Refused` where git cannot sign.

    Not repeatable: two signatures of the same commit may differ, and then their ids do.
    """
    store = refs.store(*([parent] if parent else []))
    settings = [f"{key}={value}" for key, value in refs.local_settings(_MINE)]
    settings += ["gpg.format=ssh", "i18n.commitEncoding=UTF-8"]
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
            "git could not sign the lock's record with ssh",
            details=tuple(said[-6:]),
            hints=("git config user.signingkey KEY",),
        )
    oid = answer.text.strip()
    framed = zlib.decompress((store / "objects" / oid[:2] / oid[2:]).read_bytes())
    return RawCommit(oid, framed.partition(b"\0")[2])


def is_signed(body: bytes) -> bool:
    """Whether a commit carries a signature, of whomever: see gitformat-signature(5)."""
    return any(line.startswith(_HEADERS) for line in body.partition(b"\n\n")[0].split(b"\n"))


def check_signature(commit: RawCommit, email: str, allowed: str, when: int) -> None:
    """Raise `BadSignature` unless a key that counts for `email` in `allowed`, at the time `when`, signed it."""
    signature, payload = _taken_apart(commit.body)
    if not signature.startswith(_SSH):
        raise BadSignature(f"record {commit.oid[:9]} carries no ssh signature")
    with tempfile.TemporaryDirectory(prefix="sahel-signed-") as folder:
        keys, sig = Path(folder, "keys"), Path(folder, "sig")
        keys.write_text(allowed, "utf-8")
        sig.write_bytes(signature)
        at = time.strftime("%Y%m%d%H%M%S", time.gmtime(when))
        said: tuple[str, ...] = ()
        for name in dict.fromkeys((email, email.lower())):
            answer = program(
                *("ssh-keygen", "-Y", "verify", "-n", "git", "-f", str(keys), "-I", name, "-s", str(sig)),
                *("-O", f"verify-time={at}"),
                stdin=payload,
                env={"TZ": "UTC"},
            )
            if answer.returncode == 0:
                return
            said = tuple(answer.stderr.decode("utf-8", "replace").strip().splitlines()[-2:])
    raise BadSignature(
        f"record {commit.oid[:9]} carries no ssh signature of a key that counts for {email}", details=said
    )


def _taken_apart(body: bytes) -> tuple[bytes, bytes]:
    """The signature, and what was signed: the commit without it."""
    head, _, message = body.partition(b"\n\n")
    signature: list[bytes] = []
    kept: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(_HEADERS):
            inside = True
            signature.append(line.partition(b" ")[2])
        elif inside and line.startswith(b" "):
            signature.append(line[1:])
        else:
            inside = False
            kept.append(line)
    return b"\n".join(signature) + b"\n", b"\n".join(kept) + b"\n\n" + message
