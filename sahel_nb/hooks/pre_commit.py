"""`sahel-nb-hook pre-commit`: what hooks/pre-commit calls. Everything is looked at before anything is changed.

Guard, strip, lint and metadata rules on what is staged; then pairs: the half that has to follow is staged with the
rest, so that one `git commit` has both. What is not staged stays as it is, on disk and in the index.

A commit without notebooks pays for a few git commands and a look at its files: nothing else is imported for it.
"""

from __future__ import annotations

import sys

from sahel_nb.errors import Refused, UsageError
from sahel_nb.hooks.forms import Forms, may_be_mirror
from sahel_nb.hooks.paths import is_metadata, is_notebook, shown
from sahel_nb.hooks.settings import Personal
from sahel_nb.hooks.staged import LARGE, Change, Repository
from sahel_nb.notebook.secrets import find_in_chunks, find_secrets
from sahel_nb.repo.batch import objects
from sahel_nb.report.progress import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahel_nb.hooks.pairing import Step
    from sahel_nb.notebook.finding import Finding


_HEADER = 4_000


def run(verb: str, arguments: Sequence[str]) -> int:
    """0 where the commit may go on. Raise `Refused` with every finding shown."""
    if arguments:
        raise UsageError(f"`sahel-nb-hook {verb}` takes no arguments")
    repository = Repository.here()
    changes = [change for change in repository.staged() if change.after or change.before]
    if not changes and not repository.merges:
        return 0
    personal = Personal.of(repository)
    settings = personal.settings(repository.config_file())
    contents, headed, findings = _look(repository, changes)
    if any(is_notebook(change.path) or is_metadata(change.path) for change in changes):
        from sahel_nb.hooks.reach import with_site_packages

        with_site_packages()
    forms = Forms.of(repository, settings)
    steps = _pairs(repository, changes, forms, headed)
    puts = [put for step in steps for put in step.puts]
    following = {put.path: put.staged for put in puts if put.staged is not None}
    findings += _notebooks(repository, changes, contents, following)
    findings += _metadata(repository, personal, changes, contents)
    findings += [step.finding for step in steps if step.finding]
    if findings:
        from sahel_nb.hooks.findings import refuse

        refuse(settings.scope.within(findings), "committed")
    _follow(repository, [step for step in steps if step.puts])
    new = [change.path for change in changes if change.before is None]
    if settings.format and any(may_be_mirror(path) for path in (*new, *following)):
        from sahel_nb.hooks.mirrors import in_index
        from sahel_nb.install.drivers import register_mirrors

        own = [path for path in following if may_be_mirror(path)]  # also where the notebook itself names the form
        register_mirrors(repository.worktree, dict.fromkeys((*in_index(repository, forms), *own)))
    return 0


def _look(
    repository: Repository, changes: Sequence[Change]
) -> tuple[dict[str, bytes], dict[bytes, bytes], list[Finding]]:
    """Secrets in every file; the contents of those that other rules want to see, by their object ids; and the headers
    that name formats, by the paths of their files."""
    ours = [change for change in changes if is_notebook(change.path) or is_metadata(change.path)]
    wanted = {oid for change in ours for oid in (change.after, change.before if is_metadata(change.path) else None)}
    names: dict[str, list[str]] = {oid: [] for oid in wanted if oid}
    for change in changes:
        if change.after:
            names.setdefault(change.after, []).append(change.name)
    contents: dict[str, bytes] = {}
    headed: dict[bytes, bytes] = {}
    found: list[Finding] = []
    blobs = objects((oid.encode("ascii") for oid in names), repository.root, repository.env)
    for oid, blob in counted("checking what is staged", zip(names, blobs, strict=True), len(names)):
        if blob.kind != "blob":
            continue
        if blob.size > LARGE and oid not in wanted:
            for name in names[oid]:
                found += find_in_chunks(blob.pieces(), name)
            continue
        data = blob.read()
        for name in names[oid]:
            found += find_secrets(data, name)
        if oid in wanted:
            contents[oid] = data
        elif b"formats:" in (head := data[:_HEADER]):
            headed |= {change.path: head for change in changes if change.after == oid and may_be_mirror(change.path)}
    return contents, headed, found


def _notebooks(
    repository: Repository,
    changes: Sequence[Change],
    contents: Mapping[str, bytes],
    following: Mapping[bytes, bytes],
) -> list[Finding]:
    """Rules on the notebooks as they will be committed: one that follows its mirror, as it follows."""
    staged = {change.path: contents[change.after] for change in changes if change.after and change.after in contents}
    staged |= following
    notebooks = {path: data for path, data in staged.items() if is_notebook(path)}
    if not notebooks:
        return []
    from sahel_nb.hooks.code_files import code_files_in, weighed
    from sahel_nb.notebook.lint import lint_notebook

    out = repository.opted_out(notebooks)
    looked_at = [path for path in notebooks if path not in out]
    found = {
        path: lint_notebook(notebooks[path], shown(path), committed=True)
        for path in counted("checking notebooks", looked_at, len(looked_at))
    }
    return weighed(found, lambda paths: code_files_in(repository, b"", paths))


def _metadata(
    repository: Repository, personal: Personal, changes: Sequence[Change], contents: Mapping[str, bytes]
) -> list[Finding]:
    """Rules on each metadata file in the commit, and on the pair of metadata and code where either is in it."""
    files = [change for change in changes if is_metadata(change.path) and change.after in contents]
    if not files and not repository.merges:
        return []
    from sahel_nb.hooks.ids import changed_in_index, shared_in_index
    from sahel_nb.hooks.metadata import check_metadata
    from sahel_nb.hooks.settings import ALLOW_ID_CHANGE

    found = []
    for change in files:
        data = contents[change.after or ""]
        found += check_metadata(data, change.name)
    found += _with_code(repository, files, contents)
    found += shared_in_index(repository, [change.path for change in files])
    if not personal.allows(ALLOW_ID_CHANGE):
        found += changed_in_index(repository, changes)
    return found


def _with_code(repository: Repository, files: Sequence[Change], contents: Mapping[str, bytes]) -> list[Finding]:
    """What is wrong between metadata and the code file, which need not be in the commit."""
    from sahel_nb.git_names import unsafe_part
    from sahel_nb.hooks.code_files import named_by
    from sahel_nb.hooks.metadata import check_with_code

    places: dict[bytes, bytes] = {}
    for change in files:
        path = named_by(change.path, contents[change.after or ""])
        if path is not None and unsafe_part(path) is None:  # else check_metadata has said it
            places[change.path] = path
    index = repository.index(places.values())
    codes = dict(contents) | repository.read(oid for _, oid in index.values() if oid not in contents)
    found = []
    for change in files:
        if change.path in places:
            entry = index.get(places[change.path])
            code = codes.get(entry[1]) if entry else None
            found += check_with_code(contents[change.after or ""], change.name, code)
    return found


def _pairs(
    repository: Repository, changes: Sequence[Change], forms: Forms, headed: Mapping[bytes, bytes]
) -> list[Step]:
    """What each pair needs of which the commit touches a half. A text file without a notebook beside it is none."""
    if forms.off:
        return []
    from sahel_nb.hooks.mirrors import named

    texts = [change.path for change in changes if may_be_mirror(change.path) and change.path not in headed]
    only_named = named(repository, forms, texts) if texts else {}
    sure = headed or only_named or any(is_notebook(change.path) for change in changes)
    if not sure and not repository.index(filter(None, map(forms.notebook_of, texts))):
        return []
    from sahel_nb.hooks.pairing import plan, staged_pairs
    from sahel_nb.hooks.reach import with_site_packages

    with_site_packages()
    pairs = list(staged_pairs(repository, changes, forms, headed, only_named))
    return [plan(repository, pair) for pair in counted("pairing notebooks", pairs, len(pairs))]


def _follow(repository: Repository, steps: Sequence[Step]) -> None:
    """The disk first: if we are stopped in between, the next attempt finds both halves in step and stages this one."""
    if not steps:
        return
    from sahel_nb.hooks.halves import Halves

    files = Halves(repository.root)
    for step in counted("writing pairs", steps, len(steps)):
        for old, new in step.moves:
            files.move(old, new)
        for put in step.puts:
            if put.disk is not None:
                files.replace(put.path, put.disk)
        if step.gone is not None:
            files.remove(step.gone)
    if repository.commits_only_some_paths:
        from sahel_nb.hooks.paths import typed

        names = " ".join(typed(path) for path in dict.fromkeys(path for step in steps for path in step.paths))
        raise Refused(
            "`git commit PATHS` leaves the other half of a pair out; it is in step now, commit both",
            hints=(f"git add -A {names} && git commit {names}",),
        )
    puts = [put for step in steps for put in step.puts]
    gone = [put.path for put in puts if put.staged is None]
    if gone:
        repository.git("update-index", "-z", "--force-remove", "--stdin", stdin=b"".join(path + b"\0" for path in gone))
    repository.stage({put.path: (put.mode, put.staged) for put in puts if put.staged is not None})
    for step in steps:
        sys.stderr.write(f"sahel-nb: {step.said}\n")
