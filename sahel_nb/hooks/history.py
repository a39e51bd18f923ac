"""Which commits are to be looked at, and what each of them brought. Reads git objects, never the worktree.

What a merge brought is what differs from all of its parents: the rest came from one of them, which is looked at itself
or is on the remote already. Replacements (git-replace) are not followed: what is pushed is what is replaced.
"""

from __future__ import annotations

from sahel_nb.git_names import safe
from sahel_nb.hooks.staged import Change, Repository, parse_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NO_REPLACEMENTS = {"GIT_NO_REPLACE_OBJECTS": "1"}


class Version:
    """A commit, or a bare tree: `name` is what `<name>:<path>` finds its files with.

    `changes` is what it brought itself; of a merge, each path as it was in each parent that had it. `touched` are the
    paths that differ, a set for each parent; one with everything where there is no parent. `pure`: what is found
    depends on the object alone, and not on where history was cut off.
    """

    __slots__ = ("changes", "name", "pure", "touched")

    def __init__(self, name: str, changes: list[Change], touched: list[set[bytes]], pure: bool) -> None:
        self.name = name
        self.changes = changes
        self.touched = touched
        self.pure = pure

    def brought(self, *paths: bytes) -> bool:
        """These paths together are as in none of the parents."""
        return all(any(path in touched for path in paths) for touched in self.touched)


class Listed:
    """A commit that git listed, and how many parents it has here."""

    __slots__ = ("name", "parents")

    def __init__(self, name: str, parents: int) -> None:
        self.name = name
        self.parents = parents


def listed(repository: Repository, tips: Iterable[str], without: Sequence[str], there: Iterable[str]) -> list[Listed]:
    """The commits of `tips` that neither `there` has nor what the options `without` stand for; parents first.

    What is not here (a remote's commit that was never fetched) cannot be left out, and is passed over.
    """
    revisions = "".join([*(f"{tip}\n" for tip in tips), *(f"^{oid}\n" for oid in there)]).encode("utf-8")
    answer = repository.git(
        # The second --not ends the first one, for what comes from stdin.
        *("rev-list", "--ignore-missing", "--reverse", "--topo-order", "--parents", "--not", *without, "--not"),
        "--stdin",
        stdin=revisions,
    )
    found = []
    for line in answer.stdout.decode("ascii").splitlines():
        name, *parents = line.split(" ")
        found.append(Listed(name, len(parents)))
    return found


def versions(repository: Repository, commits: Sequence[Listed]) -> list[Version]:
    """What each of these commits brought."""
    if not commits:
        return []
    raw = repository.git(
        *("diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"),
        stdin="".join(f"{commit.name}\n" for commit in commits).encode("ascii"),
    )
    per_parent: dict[str, list[list[Change]]] = {}
    for name, changes in parse_commits(raw.stdout.split(b"\0")):
        per_parent.setdefault(name, []).append(changes)
    cut = shallow(repository)
    return [_version(commit, per_parent.get(commit.name, []), pure=commit.name not in cut) for commit in commits]


def _version(commit: Listed, per_parent: list[list[Change]], *, pure: bool) -> Version:
    # git prints nothing for a parent from which nothing differs: then the commit brought nothing.
    if len(per_parent) < max(commit.parents, 1):
        return Version(commit.name, [], [set()], pure)
    touched = [{change.path for change in changes} for changes in per_parent]
    everywhere = set.intersection(*touched)
    changes = dict.fromkeys(change for changes in per_parent for change in changes if change.path in everywhere)
    had = {change.path for change in changes if change.before}
    return Version(commit.name, [one for one in changes if one.before or one.path not in had], touched, pure)


def tree_version(repository: Repository, tree: str) -> Version:
    """Everything in a tree, as if somebody had brought it at once."""
    answer = repository.git("ls-tree", "-r", "-z", "--full-tree", tree)
    changes = []
    for line in answer.stdout.split(b"\0"):
        # <mode> SP <type> SP <oid> TAB <path>
        head, _, path = line.partition(b"\t")
        if path:
            mode, _kind, oid = head.decode("ascii").split(" ")
            changes.append(Change(safe(path, tree), None, oid if mode.startswith("100") else None, mode))
    return Version(tree, changes, [{change.path for change in changes}], pure=False)


def shallow(repository: Repository) -> frozenset[str]:
    """Commits at which this clone's history was cut off."""
    try:
        with open(f"{repository.common_dir}/shallow", encoding="ascii") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


def parse_commits(fields: Iterable[bytes]) -> list[tuple[str, list[Change]]]:
    """`git diff-tree --stdin -z`: a commit's id, then raw entries (`:modes oids status`, path), each ended by NUL.

    Raise `Refused` for a path that git would not check out.
    """
    found: list[tuple[str, list[Change]]] = []
    rest = iter(fields)
    for field in rest:
        if field.startswith(b":"):
            found[-1][1].append(parse_change(field, safe(next(rest), found[-1][0])))
        elif field:
            found.append((field.decode("ascii"), []))
    return found
