"""A half that was renamed on disk, without git being told: the other half is renamed with it.

It is known by its content: what HEAD has under the old name, or what git would still call the same file after an edit
(similar.py). Whatever is less alike is no rename: the old pair is removed where nothing is lost by it, and the new one
gets the half that it lacks.
"""

from __future__ import annotations

from sahel_nb.hooks.changed import Changed, object_ids
from sahel_nb.hooks.forms import may_be_mirror
from sahel_nb.hooks.pair import Outcome
from sahel_nb.hooks.paths import is_notebook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def follow_renames(
    changed: Changed, names: list[bytes], others: Collection[bytes] = (), files: Collection[bytes] = ()
) -> tuple[list[bytes], list[Outcome]]:
    """The pairs that are left to be looked at, under their new names, and what was done.

    With `files`, only they may be the new names; the old pairs are among `others` too, which are not looked at else.
    """
    new = [path for path, entry in changed.status.items() if not entry.head and changed.files.is_there(path)]
    new = [path for path in new if not files or path in files]
    found: list[Outcome] = []
    if new:
        others = set(others).difference(names)
        names = [*names, *sorted(others)]
        names, found = _mirrors_after_notebooks(changed, names, [path for path in new if is_notebook(path)])
        texts = [path for path in new if may_be_mirror(path)]
        names, more = _notebooks_after_mirrors(changed, names, texts)
        found += more
        names = [name for name in names if name not in others]
    return names, found


def _mirrors_after_notebooks(
    changed: Changed, names: list[bytes], new: list[bytes]
) -> tuple[list[bytes], list[Outcome]]:
    left, found = list(names), []
    gone = [name for name in names if not changed.files.is_there(name) and changed.head_id(name)]
    for old, name in _found_again(changed, gone, [path for path in new if path in names]):
        before, after = changed.form(old, None), changed.form(name, changed.files.read(name))
        was = before.mirror_path(old) if before is not None else None
        mirror = after.mirror_path(name) if after is not None else None
        if was is None or mirror is None or before is None or after is None or before.format != after.format:
            continue
        if changed.files.is_there(was) and not changed.files.is_there(mirror):
            changed.files.move(was, mirror)
            found.append(Outcome(name, written=(mirror,), removed=(was,)))
        changed.renamed(old, name)
        changed.renamed(was, mirror)
        left.remove(old)
    return left, found


def _notebooks_after_mirrors(
    changed: Changed, names: list[bytes], new: list[bytes]
) -> tuple[list[bytes], list[Outcome]]:
    left, found = list(names), []
    mirrors: dict[bytes, bytes] = {}
    for name in names:
        form = changed.form(name, changed.files.read(name))
        path = form.mirror_path(name) if form is not None else None
        if path is not None and path in changed.status and not changed.files.is_there(path):
            mirrors[path] = name
    for was, mirror in _found_again(changed, [path for path in mirrors if changed.head_id(path)], new):
        old, other = mirrors[was], changed.forms.notebook_of(mirror)
        if other is None or not changed.files.is_there(old) or changed.files.is_there(other):
            continue
        changed.files.move(old, other)
        found.append(Outcome(other, written=(other,), removed=(old,)))
        changed.renamed(old, other)
        changed.renamed(was, mirror)
        left[left.index(old)] = other
    return left, found


def _found_again(changed: Changed, gone: list[bytes], new: list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """(old, new): those that are the same to the byte, then those that were edited as well."""
    if not gone or not new:
        return
    same = dict(_same(changed, gone, new))
    yield from same.items()
    gone = [path for path in gone if path not in same]
    new = [path for path in new if path not in same.values()]
    if gone and new:
        from sahel_nb.hooks.similar import similar

        yield from similar(changed, gone, new)


def _same(changed: Changed, gone: list[bytes], new: list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Files that are one and the same, where there is no choice."""
    ids = object_ids(changed, new, changed.head_id(gone[0]))
    heads = [changed.head_id(path) for path in gone]
    for old, head in zip(gone, heads, strict=True):
        those = [path for path, oid in ids.items() if oid == head]
        if len(those) == 1 and heads.count(head) == 1:
            yield old, those[0]
