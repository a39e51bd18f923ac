"""What git's answer to a compare-and-swap push means. Pure: return code and text in, one word out.

`git push --porcelain` writes for each ref `<flag> TAB <from>:<to> TAB <summary> (<reason>)`, see git-push(1), OUTPUT.
The texts were collected from git 2.39 over file, git://, and http-backend with LC_ALL=C; the tests collect them anew.
Neither the return code nor the flag alone decides: a server that dies after the update leaves a good flag with rc 1.
"""

from __future__ import annotations

from enum import Enum

from sahel_nb.repo.cmd import GitResult


class Swap(Enum):
    WON = "won"
    """The ref was what we said, and is now ours."""
    ALREADY_MINE = "already mine"
    """An earlier push of the same commit had landed."""
    LOST = "lost"
    """The ref is not what we said; nothing was changed."""
    BUSY = "busy"
    """The server's own lock file for the ref is taken, or a dead process left it there; nothing was changed."""
    REFUSED = "refused"
    """The server does not let us; nothing was changed, and asking again will not help."""
    UNREACHABLE = "unreachable"
    """The server was never reached: nothing was sent."""
    AMBIGUOUS = "ambiguous"
    """Anything else. The ref must be read to know."""


_LOST = ("stale info", "fetch first", "non-fast-forward")
_LOST_IN_SERVER = ("but expected", "reference already exists", "unable to resolve reference")
_REFUSED = (
    "hook declined",
    "deny updating a hidden ref",
    "deletion prohibited",
    "protected",
    "permission",
    "not allowed",
    "funny refname",
    "shallow update",
    "branch is currently checked out",
    "unpacker error",
    "rule violations",
)
# Before the remote had told its refs, so before anything was sent.
_NOTHING_SENT = (
    "could not resolve host",
    "could not resolve proxy",
    "temporary failure in name resolution",
    "name or service not known",
    "connection refused",
    "no route to host",
    "network is unreachable",
    "failed to connect to",
    "unable to connect to",
    "does not appear to be a git repository",
    "access denied or repository not exported",
)
# `fatal: unable to access 'URL': …` and `fatal: repository 'URL' not found` come from the first request of http.
_HTTP_REFUSED = (
    "authentication failed",
    "could not read username",
    "could not read password",
    "error: 403",
    "error: 401",
)
_SSH_REFUSED = ("permission denied (", "host key verification failed")


def classify(answer: GitResult, ref: str) -> Swap:
    """What the push of one ref did. Unknown texts are AMBIGUOUS."""
    stderr = answer.stderr.decode("utf-8", "replace").lower()
    line = _line_of(answer.stdout.decode("utf-8", "replace"), ref)
    if line is None:
        return Swap.REFUSED if _is_taken_for_another(answer, ref) else _without_line(stderr)
    flag, summary = line
    if answer.returncode == 0:
        if flag in ("*", " ", "+", "-"):
            return Swap.WON
        return Swap.ALREADY_MINE if flag == "=" else Swap.AMBIGUOUS
    return _rejected(summary.lower(), stderr) if flag == "!" else Swap.AMBIGUOUS


def _line_of(stdout: str, ref: str) -> tuple[str, str] | None:
    for line in stdout.splitlines():
        fields = line.split("\t")
        if len(fields) >= 3 and fields[1].endswith(f":{ref}"):
            return fields[0], fields[2]
    return None


def _is_taken_for_another(answer: GitResult, ref: str) -> bool:
    """Over http git names a ref to its helper in a way that is completed: a tag `refs/tags/<ref>` is in the way."""
    lines = (line.split(b"\t") for line in answer.stdout.splitlines())
    return b"matches more than one" in answer.stderr or any(
        len(fields) >= 3 and fields[1].endswith(f"/{ref}".encode()) for fields in lines
    )


def _rejected(summary: str, stderr: str) -> Swap:
    if "failed to update ref" in summary or "failed to lock" in summary:
        if ".lock': file exists" in stderr:
            return Swap.BUSY
        if any(text in stderr for text in _LOST_IN_SERVER):
            return Swap.LOST
        # Disk full, folder not writable, …: the transaction failed for a reason that is not another client.
        return Swap.REFUSED if "unable to create" in stderr or "permission denied" in stderr else Swap.AMBIGUOUS
    if "atomic transaction failed" in summary:
        return Swap.BUSY if ".lock': file exists" in stderr else Swap.LOST
    if any(text in summary for text in _LOST):
        return Swap.LOST
    if any(text in summary for text in _REFUSED):
        return Swap.REFUSED
    return Swap.AMBIGUOUS


def _without_line(stderr: str) -> Swap:
    if any(text in stderr for text in _NOTHING_SENT):
        return Swap.UNREACHABLE
    if any(text in stderr for text in (*_HTTP_REFUSED, *_SSH_REFUSED)):
        # "RPC failed" is about the push itself, and a proxy may refuse an answer to what the server has done.
        return Swap.AMBIGUOUS if "rpc failed" in stderr else Swap.REFUSED
    if "fatal: repository '" in stderr and "' not found" in stderr:
        return Swap.UNREACHABLE
    if "service not enabled" in stderr:
        return Swap.REFUSED
    return Swap.AMBIGUOUS
