"""`sahel-nb-hook pre-push REMOTE URL`: what may leave this clone. Reads git objects, never the worktree.

git writes one line for each ref to stdin, `<local ref> SP <local oid> SP <remote ref> SP <remote oid> LF`, with zeros
for what is deleted or new (githooks(5)). The pre-commit framework reads these lines itself and tells of the first ref
that has something new: PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF, or, where the remote has nothing of it yet, only
PRE_COMMIT_LOCAL_BRANCH. Every commit that the remote does not have is looked at: history is pushed whole, a later
repair hides nothing.
"""

from __future__ import annotations

import os
import sys

from sahel_nb.errors import Refused
from sahel_nb.hooks.history import NO_REPLACEMENTS, listed, tree_version, versions
from sahel_nb.hooks.settings import ALLOW_DIRTY, Personal
from sahel_nb.hooks.staged import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahel_nb.hooks.committed import Checker, Committed
    from sahel_nb.notebook.finding import Finding

_OURS = "refs/sahel/"


class Update:
    """One line of git's: a ref on the remote is to become `local`."""

    __slots__ = ("local", "ref", "remote")

    def __init__(self, ref: str, local: str, remote: str) -> None:
        self.ref = ref
        self.local = local
        self.remote = remote

    @property
    def deletes(self) -> bool:
        return not self.local.strip("0")


def parse_updates(text: str) -> list[Update]:
    """git's lines. Ref names hold no spaces. Raise `Refused` for what is none: then we do not know what is pushed."""
    updates = []
    for line in text.splitlines():
        if not line:
            continue
        # The local ref may be anything that somebody typed: `git push origin 'HEAD@{1 day ago}:x'`.
        words = line.rsplit(" ", 3)
        if len(words) != 4:
            raise Refused(f"cannot read what git says it pushes: {line!r}")
        updates.append(Update(words[2], words[1], words[3]))
    return updates


def run(verb: str, arguments: Sequence[str]) -> int:  # noqa: ARG001  every verb is called like this
    """0 where the push may go on. Raise `Refused` with every finding shown."""
    stdin = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if not sys.stdin.isatty() else ""
    repository = Repository.here(**NO_REPLACEMENTS)
    updates = _updates(repository, stdin)
    updates = [update for update in updates if not update.deletes and not update.ref.startswith(_OURS)]
    if not updates:
        return 0
    personal = Personal.of(repository)
    if not personal.allows(ALLOW_DIRTY):
        _refuse_dirty(repository)
    remote = arguments[0] if arguments else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    found = check_updates(repository, personal, updates, remote)
    if found:
        from sahel_nb.hooks.findings import refuse

        refuse([_named(one) for one in found], "pushed", hints=("git log -p --branches --not --remotes",))
    return 0


def check_updates(
    repository: Repository, personal: Personal, updates: Sequence[Update], remote: str
) -> list[Committed]:
    """Everything wrong in what these updates bring to the remote."""
    there = [update.remote for update in updates if update.remote.strip("0")]
    tips = list(dict.fromkeys(update.local for update in updates))
    commits = listed(repository, tips, _on_the_remote(personal.git_config, remote), there)
    trees, blobs = _no_commits(repository, updates)
    found = []
    bases = [*there, *_default_branch(repository, remote)]
    checker = make_checker(repository, personal, tips=tips, bases=bases)
    new = [commit for commit in commits if not checker.known(commit.name)]
    if new or trees:
        found += checker.check([*versions(repository, new), *(tree_version(repository, tree) for tree in trees)])
    if blobs:
        found += checker.blobs(blobs)
    if not commits:
        return found
    from sahel_nb.hooks.committed import with_ids

    return with_ids(found, checker, [tip for tip in tips if tip not in blobs and tip not in trees])


def make_checker(
    repository: Repository, personal: Personal, *, tips: Sequence[str] = (), bases: Sequence[str] = ()
) -> Checker:
    """With the memory of this repository, and whatever a rule may import within reach."""
    from sahel_nb.hooks.committed import Checker
    from sahel_nb.hooks.memory import memory_of
    from sahel_nb.hooks.reach import with_site_packages

    with_site_packages()
    memory = memory_of(repository.common_dir, personal.overrides())
    return Checker(repository, personal, memory, tips=tips, bases=bases)


def _on_the_remote(git_config: Mapping[str, str], remote: str) -> list[str]:
    """What stands for the commits that the remote has, as far as this clone knows: the branches fetched from it.

    A remote may be given as a URL: then those are asked that have the same one. One never heard of has nothing.
    """
    names = {key.split(".", 1)[1].rpartition(".")[0] for key in git_config if key.startswith("remote.")}
    if remote in names:
        return [f"--remotes={remote}"]
    if not remote:
        return ["--remotes"]
    return [
        f"--remotes={name}"
        for name in sorted(names)
        if remote in (git_config.get(f"remote.{name}.url"), git_config.get(f"remote.{name}.pushurl"))
    ]


def _default_branch(repository: Repository, remote: str) -> list[str]:
    """The commit of the remote's main line, as it was last fetched: what a pushed branch is meant to be merged into."""
    names = [f"refs/remotes/{remote}/{name}" for name in ("HEAD", "main", "master")]
    answer = repository.git("for-each-ref", "--format=%(objectname)", *names) if remote else None
    return answer.text.split("\n")[:1] if answer and answer.text else []


def _no_commits(repository: Repository, updates: Sequence[Update]) -> tuple[list[str], dict[str, str]]:
    """Tags may stand for trees and for files: (trees, file → ref). Branches cannot."""
    odd = [update for update in updates if not update.ref.startswith("refs/heads/")]
    if not odd:
        return [], {}
    stdin = "".join(f"{update.local}^{{}}\n" for update in odd).encode("utf-8")
    answer = repository.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin)
    kinds = [line.split(" ") for line in answer.stdout.decode("utf-8").splitlines()]
    trees = [oid for oid, kind in kinds if kind == "tree"]
    return trees, {oid: update.ref for update, (oid, kind) in zip(odd, kinds, strict=True) if kind == "blob"}


def _updates(repository: Repository, text: str) -> list[Update]:
    """What is pushed, from the pre-commit framework or from git."""
    if os.environ.get("PRE_COMMIT") != "1":
        return parse_updates(text)
    # By hand, `pre-commit run --hook-stage pre-push`, it tells of nothing.
    local = os.environ.get("PRE_COMMIT_TO_REF", "") or os.environ.get("PRE_COMMIT_LOCAL_BRANCH", "") or "HEAD"
    answer = repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", local, check=False)
    if answer.returncode != 0:
        raise Refused(f"cannot find what the pre-commit framework says is pushed: {local!r}")
    base = os.environ.get("PRE_COMMIT_FROM_REF", "")
    known = (
        repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", base, check=False).text if base else ""
    )
    return [Update(os.environ.get("PRE_COMMIT_REMOTE_BRANCH", ""), answer.text, known)]


def _named(one: Committed) -> Finding:
    from sahel_nb.hooks.committed import at

    return at(one.finding, f"{one.version[:9]}:{one.finding.path}")


def _refuse_dirty(repository: Repository) -> None:
    """A kernel whose folder has uncommitted work was tried in another state than the one that is pushed."""
    answer = repository.git("ls-files", "-z", "--", "kernel-metadata.json", "*/kernel-metadata.json")
    folders = [path.rpartition(b"/")[0] for path in answer.stdout.split(b"\0") if path]
    if not folders:
        return
    # Submodules are folders of their own; a rename is shown as its two halves, so that each entry is one path.
    status = ("status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none", "--no-renames")
    below = () if b"" in folders or len(folders) > 500 else folders
    answer = repository.git("--literal-pathspecs", *status, "--", *below)
    entries = [(line[:2], line[3:]) for line in answer.stdout.split(b"\0") if line]
    if any(code == b" M" and path.endswith(b".ipynb") for code, path in entries):
        from sahel_nb.repo.phantom import phantoms

        only_run_again = set(phantoms(repository.worktree))
        entries = [(code, path) for code, path in entries if code != b" M" or path not in only_run_again]
    dirty: dict[bytes, list[str]] = {}
    for code, path in entries:
        folder = next((folder for folder in folders if not folder or path.startswith(folder + b"/")), None)
        if folder is not None:
            dirty.setdefault(folder, []).append((code + b" " + path).decode("utf-8", "backslashreplace"))
    if dirty:
        names = ", ".join(sorted(folder.decode("utf-8", "backslashreplace") or "." for folder in dirty))
        lines = [line for found in dirty.values() for line in found]
        raise Refused(
            f"uncommitted work in {names}: what is pushed is not what you have here",
            details=(*lines[:10], *((f"… and {len(lines) - 10} more",) if len(lines) > 10 else ())),
            hints=("git add -A && git commit", f"{ALLOW_DIRTY[1]}=1 git push   # it is meant"),
        )
