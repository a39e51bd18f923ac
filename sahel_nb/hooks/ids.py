"""SNB302: the permanent id of a kernel is changed. Under another id Kaggle starts a new kernel, without a history.
SNB305: two folders have one id. To Kaggle they are one kernel, so that whichever runs last is what everybody gets.

A commit can do that in one file, by giving the folder another name, or by taking the folder away and putting another
kernel in its place. A kernel that is removed, and another one that is added elsewhere, are not it.
"""

from __future__ import annotations

from sahel_nb.hooks.paths import folder_of, is_metadata, shown, typed
from sahel_nb.hooks.settings import ALLOW_ID_CHANGE
from sahel_nb.hooks.staged import parse_raw
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from sahel_nb.hooks.staged import Change, Repository
    from sahel_nb.notebook.finding import Finding

_FILES = ("kernel-metadata.json", "*/kernel-metadata.json")


def metadata_blobs(changes: Iterable[Change]) -> list[str]:
    """What `changed_ids` wants to read."""
    return [oid for change in changes if is_metadata(change.path) for oid in (change.before, change.after) if oid]


def changed_ids(
    changes: Sequence[Change], contents: Mapping[str, bytes], renames: Callable[[], Mapping[bytes, bytes]]
) -> list[Finding]:
    """Every changed id. `renames` is git's own answer, new path → old path; asked only where kernels come and go.

    A path that is there twice, as in a merge, has changed its id where none of its parents had the new one.
    """
    files = [change for change in changes if is_metadata(change.path)]
    ids = {oid: _id(contents.get(oid)) for change in files for oid in (change.before, change.after) if oid}
    gone = {change.path: ids[change.before] for change in files if change.before and not change.after}
    stay = {ids[change.after] for change in files if change.after}
    lost = {path: name for path, name in gone.items() if name and name not in stay}
    found: dict[bytes, list[Finding]] = {}
    for change in files:
        if not change.after or change.path in found:
            continue
        after = contents.get(change.after)
        before = [one.before for one in files if one.path == change.path and one.before]
        if before:
            if ids[change.after] not in {ids[oid] for oid in before}:
                found[change.path] = compared(contents.get(before[0]), after, change.name)
        elif lost and ids[change.after] not in gone.values():
            blobs = {one.path: contents.get(one.before) for one in files if one.path in lost and one.before}
            found[change.path] = compared(_moved_from(change.path, after, blobs, renames()), after, change.name)
    return [one for each in found.values() for one in each]


def shared_ids(contents: Mapping[bytes, bytes | None], paths: Iterable[bytes] | None = None) -> list[Finding]:
    """One finding for each of `paths` (all, if left out) whose id another file of `contents` has, too.

    `contents` are all metadata files there are. Kaggle does not tell ids apart by case.
    """
    folders: dict[str, list[bytes]] = {}
    for path in sorted(contents):
        if name := _id(contents[path]):
            folders.setdefault(name.lower(), []).append(path)
    asked = None if paths is None else set(paths)
    found = []
    for name, those in folders.items():
        for path in those if len(those) > 1 else ():
            if asked is None or path in asked:
                others = ", ".join(shown(folder_of(one)).rstrip("/") or "." for one in those if one != path)
                found.append(_shared(path, name, others))
    return found


def _shared(path: bytes, name: str, others: str) -> Finding:
    from sahel_nb.notebook.finding import Finding, Severity

    why = f"{name} is the id of {others}, too: on Kaggle they would be one kernel, and share its lock"
    mend = (
        f"give one of them an id and a title of its own, or remove it: git rm -r {typed(folder_of(path)[:-1] or b'.')}"
    )
    return Finding("SNB305", Severity.ERROR, shown(path), "id", why, mend)


def shared_in_index(repository: Repository, paths: Iterable[bytes]) -> list[Finding]:
    """Those of `paths`, which are metadata in the index, whose id another one there has."""
    listed = repository.git("ls-files", "-s", "-z", "--full-name", "--", *(f":/{name}" for name in _FILES)).stdout
    oids = {}
    for line in listed.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if head.startswith(b"100"):
            oids[path] = head.decode("ascii").split(" ")[1]
    contents = repository.read(oids.values())
    return shared_ids({path: contents.get(oid) for path, oid in oids.items()}, paths)


def shared_in_tree(repository: Repository, tip: str) -> list[Finding]:
    """Ids that two folders of a commit have. Raise `Refused` for a tree that git would not check out."""
    from sahel_nb.hooks.history import tree_version

    files = {one.path: one.after for one in tree_version(repository, tip).changes if is_metadata(one.path)}
    contents = repository.read(files.values())
    return shared_ids({path: contents.get(oid or "") for path, oid in files.items() if oid})


def changed_in_index(repository: Repository, changes: Sequence[Change]) -> list[Finding]:
    """Every id that the commit in preparation changes; of a merge, each that it takes from none of its parents."""
    parents = _merged_parents(repository)
    per_parent = [list(changes), *(_metadata_against(repository, parent) for parent in parents)]
    blobs = [oid for each in per_parent for oid in metadata_blobs(each)]
    if not blobs:
        return []
    contents = repository.read(blobs)

    def renames() -> dict[bytes, bytes]:
        asked = ("diff-index", "--cached", "--ita-invisible-in-index", "-M", "--name-status", "-z", "HEAD", "--")
        return parse_renames(repository.git(*asked).stdout)

    if not parents:
        return changed_ids(changes, contents, renames)
    everywhere = set.intersection(*({change.path for change in each} for each in per_parent))
    brought = [change for each in per_parent for change in each if change.path in everywhere]
    found = changed_ids(brought, contents, renames)
    for parent, each in zip(parents, per_parent[1:], strict=True):
        found += (one for one in _undone(repository, parent, each, contents) if one not in found)
    return found


def changed_against(repository: Repository, base: str, tip: str) -> list[Finding]:
    """Every id that `tip` changes against what it has in common with `base`: also one that a merge has put back."""
    fork = repository.git("merge-base", base, tip, check=False).text.split("\n")[0]
    if not fork:
        return []
    answer = repository.git("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", fork, tip, "--", *_FILES)
    changes = parse_raw(answer.stdout)

    def renames() -> dict[bytes, bytes]:
        return parse_renames(repository.git("diff-tree", "-r", "-M", "--name-status", "-z", fork, tip).stdout)

    return changed_ids(changes, repository.read(metadata_blobs(changes)), renames) if changes else []


def _merged_parents(repository: Repository) -> list[str]:
    if not repository.merges:
        return []
    with open(f"{repository.git_dir}/MERGE_HEAD", encoding="ascii") as file:
        return file.read().split()


def _metadata_against(repository: Repository, commit: str) -> list[Change]:
    asked = (
        "diff-index",
        "--cached",
        "--ita-invisible-in-index",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        commit,
        "--",
        *_FILES,
    )
    return parse_raw(repository.git(*asked).stdout)


def _undone(
    repository: Repository, parent: str, changes: Sequence[Change], contents: Mapping[str, bytes]
) -> list[Finding]:
    """The ids that `parent` had changed, and that the merge does not take from it."""
    changed = [
        one for one in changes if one.before and one.after and _id(contents[one.before]) != _id(contents[one.after])
    ]
    if not changed:
        return []
    fork = repository.git("merge-base", "HEAD", parent, check=False).text.split("\n")[0]
    names = [fork.encode("ascii") + b":" + one.path for one in changed]
    found = []
    for one, blob in zip(changed, objects(names, repository.root, repository.env), strict=True):
        if blob.kind == "blob" and _id(blob.read()) != _id(contents[one.before or ""]):
            found += compared(contents[one.before or ""], contents[one.after or ""], one.name)
    return found


def compared(before: bytes | None, after: bytes | None, path: str) -> list[Finding]:
    """The finding, if both are metadata with an id and the ids are two."""
    old, new = _id(before), _id(after)
    if not old or not new or old.lower() == new.lower():
        return []  # Kaggle does not tell ids apart by case
    from sahel_nb.notebook.finding import Finding, Severity

    key, variable = ALLOW_ID_CHANGE
    return [
        Finding(
            "SNB302",
            Severity.ERROR,
            path,
            "id",
            f"changes the permanent id {old} to {new}",
            f"undo it; if it is meant: {variable}=1 git …, or git config {key} true",
        )
    ]


def parse_renames(output: bytes) -> dict[bytes, bytes]:
    """`--name-status -M -z`: status NUL path NUL, and for R a second path: new path → old path."""
    found = {}
    fields = iter(output.split(b"\0"))
    for status in fields:
        if status[:1] == b"R":
            old = next(fields)
            found[next(fields)] = old
        elif status:
            next(fields)
    return found


def _moved_from(
    path: bytes, after: bytes | None, lost: Mapping[bytes, bytes | None], renames: Mapping[bytes, bytes]
) -> bytes | None:
    """The metadata of the kernel whose code file git finds here again. Metadata itself all looks alike."""
    new = folder_of(path) + _code(after)
    for old_path, before in lost.items():
        old = folder_of(old_path) + _code(before)
        for one, other in renames.items():
            if _stem(one) == _stem(new) and _stem(other) == _stem(old):
                return before
    return None


def _stem(path: bytes) -> bytes:
    """The notebook and its mirror have one."""
    folder = folder_of(path)
    return folder + path[len(folder) :].rpartition(b".")[0]


def _id(data: bytes | None) -> str:
    found = _parsed(data).get("id")
    return found if isinstance(found, str) else ""


def _code(data: bytes | None) -> bytes:
    found = _parsed(data).get("code_file")
    return found.encode("utf-8", "surrogatepass") if isinstance(found, str) else b""


def _parsed(data: bytes | None) -> dict[str, Any]:
    import json

    if data is None:
        return {}
    try:
        raw = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}
