"""What `sahel-nb check` looks at: the commits of a range, each of them, or one whole tree. For CI, and for people.

Guard, strip, pair and metadata rules hold for every commit of a range, as they do for a push. Lint, and whether a
kernel has its code file, are about what would run: they are asked of the last commit, in what the range has changed.
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.git_names import safe
from sahel_nb.hooks.committed import Committed, opted_out, settings_of, with_ids
from sahel_nb.hooks.history import NO_REPLACEMENTS, Version, listed, shallow, tree_version, versions
from sahel_nb.hooks.paths import folder_of, is_notebook, shown
from sahel_nb.hooks.pre_push import make_checker
from sahel_nb.hooks.settings import Personal
from sahel_nb.hooks.staged import Repository
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahel_nb.notebook.finding import Finding
    from sahel_nb.repo.worktree import Worktree


class Checked:
    """What was looked at (`base` is empty for a whole tree) and what was found; advice is among it."""

    __slots__ = ("base", "commits", "found", "tip")

    def __init__(self, base: str, tip: str, commits: int, found: list[Committed]) -> None:
        self.base = base
        self.tip = tip
        self.commits = commits
        self.found = found


def check_default(worktree: Worktree) -> Checked:
    """What the upstream does not have; without an upstream, the tree of HEAD. Raise `UsageError` before a commit."""
    repository = _repository(worktree)
    upstream = repository.git("rev-parse", "--verify", "--quiet", "@{upstream}", check=False)
    return _range(repository, upstream.text, "HEAD") if upstream.returncode == 0 else _tree(repository, "HEAD")


def check_range(worktree: Worktree, text: str) -> Checked:
    """The commits of `A..B`. Raise `UsageError` where one of the two is not here, or history is cut off in between."""
    base, dots, tip = text.partition("..")
    if not dots or tip.startswith("."):
        raise UsageError(f"{text!r} is not a range of the form A..B", hints=("sahel-nb check",))
    return _range(_repository(worktree), base or "HEAD", tip or "HEAD")


def check_tree(worktree: Worktree, rev: str) -> Checked:
    """Every file of one commit, as if it had brought them all."""
    return _tree(_repository(worktree), rev)


def _repository(worktree: Worktree) -> Repository:
    return Repository(worktree, NO_REPLACEMENTS)


def _range(repository: Repository, base: str, tip: str) -> Checked:
    first, last = _commit(repository, base), _commit(repository, tip)
    commits = listed(repository, [last], (), [first])
    cut = shallow(repository)
    if any(commit.name in cut for commit in commits):
        raise _too_shallow(f"{base}..{tip}: the history of this clone is cut off in between")
    personal = Personal.of(repository)
    checker = make_checker(repository, personal, tips=[last], bases=[first])
    found = checker.check(versions(repository, [commit for commit in commits if not checker.known(commit.name)]))
    found = with_ids(found, checker, [last] if commits else [])
    fork = repository.git("merge-base", first, last, check=False).text.split("\n")[0] or first
    answer = repository.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", fork, last)
    changed = {safe(path, last) for path in answer.stdout.split(b"\0") if path} if commits else set()
    return Checked(first, last, len(commits), found + _at_the_end(repository, personal, last, changed))


def _tree(repository: Repository, rev: str) -> Checked:
    commit = _commit(repository, rev)
    personal = Personal.of(repository)
    version = tree_version(repository, commit)
    checker = make_checker(repository, personal, tips=[commit])
    found = [*checker.check([version]), *checker.shared_ids(commit)]
    changed = {change.path for change in version.changes}
    return Checked("", commit, 1, found + _at_the_end(repository, personal, commit, changed))


def _at_the_end(repository: Repository, personal: Personal, tip: str, changed: set[bytes]) -> list[Committed]:
    """Lint of the notebooks that changed, and of kernels in whose folder something did."""
    from sahel_nb.hooks.code_files import code_files_in, folders_above, named_by, weighed
    from sahel_nb.hooks.metadata import check_metadata, check_with_code
    from sahel_nb.notebook.lint import lint_notebook

    if not changed:
        return []
    scope = settings_of(repository, personal, [Version(tip, [], [set()], pure=False)])[tip].scope
    notebooks = sorted(path for path in changed if is_notebook(path) and b"\n" not in path)
    out = opted_out(repository, tip, [shown(path) for path in notebooks]) if notebooks else set()
    by_path: dict[bytes, list[Finding]] = {}
    for path, data in _read(repository, tip, [path for path in notebooks if shown(path) not in out]):
        if data is not None:
            by_path[path] = [one for one in lint_notebook(data, shown(path)) if one.code != "SNB101"]
    found = weighed(by_path, lambda paths: code_files_in(repository, tip.encode("ascii"), paths))
    readable = [path for path in changed if b"\n" not in path]
    own = {folder_of(path) for path in readable}
    folders = sorted({folder for path in readable for folder in folders_above(path)})
    for path, data in _read(repository, tip, [folder + b"kernel-metadata.json" for folder in folders]):
        if data is None or not (folder_of(path) in own or named_by(path, data) in changed):
            continue
        found += [one for one in check_metadata(data, shown(path)) if not one.blocks or path not in changed]
        found += check_with_code(data, shown(path), _code_beside(repository, tip, path, data))
    return [Committed(tip, one) for one in found if scope.applies(one.code, one.path)]


def _code_beside(repository: Repository, tip: str, path: bytes, data: bytes) -> bytes | None:
    from sahel_nb.kernels.metadata import Metadata

    try:
        name = Metadata.from_json(data).code_file.encode("utf-8", "surrogatepass")
    except UsageError:
        return None
    ((_, code),) = _read(repository, tip, [folder_of(path) + name.replace(b"\n", b"?")])
    return code


def _read(repository: Repository, tip: str, paths: Sequence[bytes]) -> list[tuple[bytes, bytes | None]]:
    names = [tip.encode("ascii") + b":" + path for path in paths]
    blobs = objects(names, repository.root, repository.env)
    return [(path, blob.read() if blob.kind == "blob" else None) for path, blob in zip(paths, blobs, strict=True)]


def _commit(repository: Repository, rev: str) -> str:
    answer = repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", check=False)
    if answer.returncode == 0:
        return answer.text
    if rev == "HEAD":
        raise UsageError(
            "there is no commit yet, so there is nothing to check",
            hints=('git add -A && git commit --allow-empty -m "First commit"',),
        )
    if shallow(repository):
        raise _too_shallow(f"`{rev}` names no commit in this clone, which has only a part of the history")
    raise UsageError(f"`{rev}` names no commit here", hints=("git log --oneline -5", "git fetch --all"))


def _too_shallow(message: str) -> UsageError:
    return UsageError(
        message,
        hints=("git fetch --unshallow", "sahel-nb check --tree HEAD   # what is there now, without its history"),
        details=("in CI, fetch the whole history: actions/checkout with fetch-depth: 0, GIT_DEPTH: 0 in GitLab",),
    )
