"""Notebooks and mirrors in what is committed: both there, and saying the same."""

from __future__ import annotations

from sahel_nb.hooks.memory import PAIR
from sahel_nb.hooks.paths import NOTEBOOK, is_notebook, shown, suffix_of
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sahel_nb.hooks.committed import Committed
    from sahel_nb.hooks.history import Version
    from sahel_nb.hooks.memory import Memory
    from sahel_nb.hooks.settings import Settings
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.finding import Finding


class Half:
    """A pair in one version, by the ids of its blobs; `mirror` is "" where there is none."""

    __slots__ = ("fmt", "mirror", "notebook", "path", "version")

    def __init__(self, version: str, path: bytes, notebook: str, mirror: str, fmt: str) -> None:
        self.version = version
        self.path = path
        self.notebook = notebook
        self.mirror = mirror
        self.fmt = fmt


def pairs_out_of_step(
    repository: Repository, memory: Memory, versions: Sequence[Version], settings: Mapping[str, Settings]
) -> list[Committed]:
    """A finding for each pair that a version brought, and that is none."""
    from sahel_nb.hooks.committed import Committed, at

    pairs = [(_key(pair), pair) for pair in _pairs(repository, versions, settings)]
    new = {key: pair for key, pair in pairs if not memory.has(PAIR, key)}
    names = (oid.encode("ascii") for pair in new.values() for oid in (pair.notebook, pair.mirror or pair.notebook))
    blobs = objects(names, repository.root, repository.env)
    bad: dict[str, list[Finding]] = {}
    for number, (key, pair) in enumerate(new.items(), 1):
        notebook, mirror = next(blobs).read(), next(blobs).read()
        bad[key] = _look(notebook, mirror if pair.mirror else None, pair.fmt)
        if not bad[key]:
            memory.add(PAIR, key)
        if number % 50 == 0:
            memory.save()
    return [
        Committed(pair.version, at(finding, shown(pair.path))) for key, pair in pairs for finding in bad.get(key, ())
    ]


def _pairs(repository: Repository, versions: Sequence[Version], settings: Mapping[str, Settings]) -> Iterator[Half]:
    asked: list[tuple[str, bytes, bytes, str]] = []
    for version in versions:
        fmt = settings[version.name].format if version.name in settings else ""
        if not fmt:
            continue
        suffix = suffix_of(fmt)
        names = {path for touched in version.touched for path in touched if is_notebook(path)}
        names |= {
            path[: -len(suffix)] + NOTEBOOK for touched in version.touched for path in touched if path.endswith(suffix)
        }
        for name in sorted(names):
            mirror = name[: -len(NOTEBOOK)] + suffix
            if b"\n" not in name and version.brought(name, mirror):
                asked.append((version.name, name, mirror, fmt))
    if not asked:
        return
    named = [(version.encode("ascii"), path) for version, name, mirror, _ in asked for path in (name, mirror)]
    lines = b"".join(version + b":" + path + b"\n" for version, path in named)
    answer = repository.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines)
    answers = iter(answer.stdout.splitlines())
    for (commit, name, _, fmt), one, other in zip(asked, answers, answers, strict=True):
        if _blob(one):
            yield Half(commit, name, _blob(one), _blob(other), fmt)


def _blob(answer: bytes) -> str:
    oid, _, kind = answer.rpartition(b" ")
    return oid.decode("ascii") if kind == b"blob" else ""


def _key(pair: Half) -> str:
    from _blake2 import blake2b

    text = f"{pair.notebook} {pair.mirror} {pair.fmt}"
    return str(blake2b(text.encode("utf-8"), digest_size=20).hexdigest())


def _look(notebook: bytes, mirror: bytes | None, fmt: str) -> list[Finding]:
    from sahel_nb.errors import UsageError
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.finding import Finding, Severity
    from sahel_nb.notebook.pair import in_step, looks_like_mirror

    if mirror is None:
        mend = "sahel-nb pair, and commit what it made"
        return [Finding("SNB304", Severity.ERROR, "", "", "has no mirror", mend)]
    if not looks_like_mirror(mirror):
        return []  # an ordinary module that bears the notebook's name
    try:
        if in_step(notebook, mirror, fmt):
            return []
    except (NotebookError, UsageError) as exc:
        return [Finding("SNB303", Severity.ERROR, "", "", exc.message)]
    return [Finding("SNB303", Severity.ERROR, "", "", "and its mirror say different things", "sahel-nb pair --check")]
