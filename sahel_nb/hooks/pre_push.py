"""`sahel-nb-hook pre-push REMOTE URL`: what may leave this clone. Reads git objects, never the worktree.

git writes one line for each ref to stdin, `<local ref> SP <local oid> SP <remote ref> SP <remote oid> LF`, with zeros
for what is deleted or new (githooks(5)); the pre-commit framework gives PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF.
Every commit that the remote does not have yet is looked at: history is pushed whole, a later repair hides nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sahel_nb.errors import Refused
from sahel_nb.hooks.findings import refuse
from sahel_nb.hooks.metadata import check_id, check_metadata, is_metadata
from sahel_nb.hooks.pre_commit import id_may_change
from sahel_nb.hooks.staged import Change, Repository, parse_change
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.secrets import find_secrets
from sahel_nb.repo.phantom import phantoms

ALLOW_DIRTY_KEY = "sahel-nb.push.allowdirty"
ALLOW_DIRTY_ENV = "SAHEL_NB_ALLOW_DIRTY"
_OURS = "refs/sahel/"


@dataclass(frozen=True)
class Update:
    """One line of git's: a ref on the remote is to become `local`."""

    ref: str
    local: str
    remote: str

    @property
    def deletes(self) -> bool:
        return not self.local.strip("0")


def parse_updates(text: str) -> list[Update]:
    """git's lines. Ref names hold no spaces. Raise `Refused` for what is none: then we do not know what is pushed."""
    updates = []
    for line in text.splitlines():
        if not line:
            continue
        words = line.split(" ")
        if len(words) != 4:
            raise Refused(f"cannot read what git says it pushes: {line!r}")
        updates.append(Update(words[2], words[1], words[3]))
    return updates


def run(verb: str, arguments: Sequence[str]) -> int:  # noqa: ARG001  every verb is called like this
    """0 where the push may go on. Raise `Refused` with every finding shown."""
    repository = Repository.here()
    updates = _updates(sys.stdin.read() if not sys.stdin.isatty() else "")
    updates = [update for update in updates if not update.deletes and not update.ref.startswith(_OURS)]
    if not updates:
        return 0
    _refuse_dirty(repository)
    commits = _new_commits(repository, updates, arguments[0] if arguments else "")
    findings = check_commits(repository, commits)
    refuse(findings, "pushed", hints=("git log -p --branches --not --remotes",))
    return 0


def check_commits(repository: Repository, commits: Sequence[tuple[str, list[Change]]]) -> list[Finding]:
    """Everything wrong in what these commits brought, each blob looked at once."""
    fmt = repository.worktree.config(os.environ).pair.format
    changes = [(commit, change) for commit, changed in commits for change in changed]
    contents = repository.read([change.after for _, change in changes])
    out = repository.opted_out({change.path for _, change in changes if change.path.endswith(b".ipynb")})
    id_allowed = id_may_change(repository)
    found: list[Finding] = []
    seen: set[tuple[str, bytes]] = set()
    for commit, change in changes:
        oid = change.after
        if oid is None or oid not in contents or (oid, change.path) in seen:
            continue
        seen.add((oid, change.path))
        name = f"{commit[:9]}:{change.name}"
        found += find_secrets(contents[oid], name)
        if change.path.endswith(b".ipynb") and change.path not in out:
            found += _stripped(contents[oid], name)
        elif is_metadata(change.path):
            found += [finding for finding in check_metadata(contents[oid], name) if finding.blocks]
            if not id_allowed and change.before:
                before = repository.read([change.before]).get(change.before)
                found += check_id(before, contents[oid], name)
    if fmt:
        found += _pairs(repository, commits, fmt, out)
    return found


def _stripped(data: bytes, name: str) -> list[Finding]:
    from sahel_nb.notebook.strip import is_stripped

    try:
        if is_stripped(data):
            return []
    except NotebookError as exc:
        return [Finding("SNB101", Severity.ERROR, name, "", exc.message)]
    mend = "strip it where it was committed: git rebase -i, then sahel-nb strip and git commit --amend"
    return [Finding("SNB103", Severity.ERROR, name, "", "is not stripped", mend)]


def _pairs(
    repository: Repository, commits: Sequence[tuple[str, list[Change]]], fmt: str, out: set[bytes]
) -> list[Finding]:
    from sahel_nb.hooks.pairing import NOTEBOOK, is_notebook, mirror_path
    from sahel_nb.notebook.pair import extension

    suffix = extension(fmt).encode("ascii")
    asked: list[tuple[str, bytes]] = []
    for commit, changes in commits:
        names = {change.path for change in changes if is_notebook(change.path)}
        names |= {c.path[: -len(suffix)] + NOTEBOOK for c in changes if c.path.endswith(suffix)}
        asked += [(commit, name) for name in sorted(names - out) if b"\n" not in name]
    if not asked:
        return []
    oids = _oids_in(repository, [(commit, path) for commit, name in asked for path in (name, mirror_path(name, fmt))])
    contents = repository.read(oids.values())
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for commit, name in asked:
        notebook, mirror = oids.get((commit, name)), oids.get((commit, mirror_path(name, fmt)))
        if notebook is None or notebook not in contents or (notebook, mirror or "") in seen:
            continue
        seen.add((notebook, mirror or ""))
        shown = f"{commit[:9]}:{name.decode('utf-8', 'backslashreplace')}"
        found += _pair(contents[notebook], contents.get(mirror or ""), fmt, shown)
    return found


def _pair(notebook: bytes, mirror: bytes | None, fmt: str, shown: str) -> list[Finding]:
    from sahel_nb.notebook.pair import in_step, looks_like_mirror

    if mirror is None:
        return [Finding("SNB304", Severity.ERROR, shown, "", "has no mirror", "sahel-nb pair, and commit what it made")]
    if not looks_like_mirror(mirror):
        return []  # an ordinary module that bears the notebook's name
    try:
        if in_step(notebook, mirror, fmt):
            return []
    except NotebookError as exc:
        return [Finding("SNB303", Severity.ERROR, shown, "", exc.message)]
    return [
        Finding("SNB303", Severity.ERROR, shown, "", "and its mirror say different things", "sahel-nb pair --check")
    ]


def _oids_in(repository: Repository, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], str]:
    lines = b"".join(commit.encode("ascii") + b":" + path + b"\n" for commit, path in wanted)
    answers = repository.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines).stdout.splitlines()
    found = {}
    for key, answer in zip(wanted, answers, strict=True):
        words = answer.rsplit(b" ", 1)
        if words[-1] == b"blob":
            found[key] = words[0].decode("ascii")
    return found


def _updates(text: str) -> list[Update]:
    to_ref = os.environ.get("PRE_COMMIT_TO_REF", "")
    if to_ref:
        name = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
        return [Update(name, to_ref, os.environ.get("PRE_COMMIT_FROM_REF", ""))]
    return parse_updates(text)


def _new_commits(repository: Repository, updates: Sequence[Update], remote: str) -> list[tuple[str, list[Change]]]:
    """Commits that the remote does not have, as far as this clone knows, and what each of them brought."""
    known = repository.git("remote").text.split("\n")
    remotes = f"--remotes={remote}" if remote in known else "--remotes"
    there = [update.remote for update in updates if update.remote.strip("0")]
    answer = repository.git(
        *("rev-list", "--ignore-missing", "--reverse", *(update.local for update in updates), "--not", remotes, *there)
    )
    if not answer.stdout:
        return []
    raw = repository.git(
        *("diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"),
        stdin=answer.stdout,
    )
    return parse_commits(raw.stdout.split(b"\0"))


def parse_commits(fields: Iterable[bytes]) -> list[tuple[str, list[Change]]]:
    """`git diff-tree --stdin -z`: a commit's id, then raw entries (`:modes oids status`, path), each ended by NUL."""
    found: list[tuple[str, list[Change]]] = []
    rest = iter(fields)
    for field in rest:
        if field.startswith(b":"):
            found[-1][1].append(parse_change(field, next(rest)))
        elif field:
            found.append((field.decode("ascii"), []))
    return found


def _refuse_dirty(repository: Repository) -> None:
    """A kernel whose folder has uncommitted work was tried in another state than the one that is pushed."""
    if os.environ.get(ALLOW_DIRTY_ENV, "") not in ("", "0"):
        return
    if repository.git("config", "--type=bool", "--get", ALLOW_DIRTY_KEY, check=False).text == "true":
        return
    answer = repository.git("ls-files", "-z", "--", "kernel-metadata.json", "*/kernel-metadata.json")
    folders = [path.rpartition(b"/")[0] for path in answer.stdout.split(b"\0") if path]
    if not folders:
        return
    dirty: dict[bytes, list[str]] = {}
    only_run_again = set(phantoms(repository.worktree))
    for entry in repository.worktree.status():
        if entry.text == " M" and entry.path in only_run_again:
            continue
        folder = next((folder for folder in folders if not folder or entry.path.startswith(folder + b"/")), None)
        if folder is not None:
            shown = f"{entry.text} {entry.path.decode('utf-8', 'backslashreplace')}"
            dirty.setdefault(folder, []).append(shown)
    if dirty:
        names = ", ".join(sorted(folder.decode("utf-8", "backslashreplace") or "." for folder in dirty))
        lines = [line for found in dirty.values() for line in found]
        raise Refused(
            f"uncommitted work in {names}: what is pushed is not what you have here",
            details=(*lines[:10], *((f"… and {len(lines) - 10} more",) if len(lines) > 10 else ())),
            hints=("git add -A && git commit", f"{ALLOW_DIRTY_ENV}=1 git push   # it is meant"),
        )
