"""Notebooks and mirrors in what is committed: both there, and saying the same."""

from __future__ import annotations

from sahel_nb.hooks.forms import Forms, configurations, may_be_mirror, names_its_own
from sahel_nb.hooks.memory import PAIR
from sahel_nb.hooks.named import naming, notebooks_of
from sahel_nb.hooks.paths import is_notebook, shown
from sahel_nb.notebook.form import Form
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sahel_nb.hooks.committed import Committed
    from sahel_nb.hooks.history import Version
    from sahel_nb.hooks.memory import Memory
    from sahel_nb.hooks.settings import Settings
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.finding import Finding


class Half:
    """A pair in one version, by the ids of its blobs; `mirror` is "" where there is none."""

    __slots__ = ("form", "mirror", "mirror_path", "notebook", "path", "version")

    def __init__(self, version: Version, paths: tuple[bytes, bytes], oids: tuple[str, str], form: Form) -> None:
        self.version = version
        self.path, self.mirror_path = paths
        self.notebook, self.mirror = oids
        self.form = form

    @property
    def place(self) -> tuple[str, bytes]:
        return self.version.name, self.path

    def key(self) -> str:
        """All that the verdict depends on."""
        from _blake2 import blake2b

        text = f"{self.notebook} {self.mirror} ".encode() + self.form.key()
        return str(blake2b(text, digest_size=20).hexdigest())


def pairs_out_of_step(
    repository: Repository,
    memory: Memory,
    versions: Sequence[Version],
    settings: Mapping[str, Settings],
    tips: Sequence[str] = (),
) -> list[Committed]:
    """A finding for each pair that a version brought, and that is none. `tips` have what none of them touched."""
    from sahel_nb.hooks.committed import Committed, at

    return [
        Committed(pair.version.name, at(finding, shown(pair.path)))
        for pair, found in _Checked(repository, memory, versions, settings, tips).pairs()
        for finding in found
    ]


class _Checked:
    def __init__(
        self,
        repository: Repository,
        memory: Memory,
        versions: Sequence[Version],
        settings: Mapping[str, Settings],
        tips: Sequence[str],
    ) -> None:
        self._repository = repository
        self._memory = memory
        self._tips = tips
        self._forms = _forms(repository, versions, settings)
        self._versions = [version for version in versions if version.name in self._forms]

    def pairs(self) -> list[tuple[Half, list[Finding]]]:
        """Those that are not known to be in step. A notebook is read only if its pair is not known by its ids."""
        found = [pair for pair in self._found(self._touched()) if not self._memory.has(PAIR, pair.key())]
        hinted = list(self._found(self._hinted()))
        own = self._own([*found, *hinted])
        halves = [half for pair in found if (half := own.get(pair.place, pair)) is not None]
        for pair in hinted:
            half = own.get(pair.place)
            if half is not None and half.mirror_path == pair.mirror_path and half not in halves:
                halves.append(half)
        new = {half.key(): half for half in halves if not self._memory.has(PAIR, half.key())}
        names = (oid.encode("ascii") for half in new.values() for oid in (half.notebook, half.mirror or half.notebook))
        blobs = objects(names, self._repository.root, self._repository.env)
        bad: dict[str, list[Finding]] = {}
        for number, (key, half) in enumerate(new.items(), 1):
            notebook, mirror = next(blobs).read(), next(blobs).read()
            bad[key] = _look(notebook, mirror if half.mirror else None, half.form)
            if not bad[key]:
                self._memory.add(PAIR, key)
            if number % 50 == 0:
                self._memory.save()
        return [(half, bad[half.key()]) for half in halves if half.key() in bad]

    def _touched(self) -> Iterator[tuple[Version, bytes, bytes, Form]]:
        """(version, notebook, mirror, form) of every pair of which a version may have brought a half."""
        for version in self._versions:
            forms = self._forms[version.name]
            touched = {path for paths in version.touched for path in paths}
            names = {path for path in touched if is_notebook(path)}
            names |= {name for path in touched if may_be_mirror(path) and (name := forms.notebook_of(path))}
            for name in sorted(names):
                form = forms.of_notebook(name)
                mirror = form.mirror_path(name) if form is not None else None
                if form is None or mirror is None or b"\n" in name:
                    continue
                if version.brought(name, mirror, *touched.intersection(forms.mirrors_of(name))):
                    yield version, name, mirror, form

    def _hinted(self) -> Iterator[tuple[Version, bytes, bytes, Form]]:
        """Texts that a notebook names as its mirror, wherever it lies; what its version at the time says is seen later.

        A notebook of any of these versions is in what they changed, or in one of the tips as it was.
        """
        texts = {
            version.name: {path for paths in version.touched for path in paths if may_be_mirror(path)}
            for version in self._versions
        }
        if not any(texts.values()):
            return
        changes = [change for version in self._versions for change in version.changes]
        notebooks = [(change.path, oid) for change in changes for oid in (change.before, change.after) if oid]
        there = notebooks_of(self._repository, self._tips)
        known = {one.key: one for one in naming(self._repository, (*notebooks, *there), self._memory)}
        for version in self._versions:
            forms = self._forms[version.name]
            for one in known.values() if texts[version.name] else ():
                mirror = one.mirror(forms)
                if mirror in texts[version.name] and b"\n" not in mirror and version.brought(one.path, mirror):
                    yield version, one.path, mirror, Form()

    def _found(self, asked: Iterable[tuple[Version, bytes, bytes, Form]]) -> Iterator[Half]:
        asked = list(asked)
        named = [(version.name.encode("ascii"), path) for version, *paths, _ in asked for path in paths]
        if not named:
            return
        lines = b"".join(version + b":" + path + b"\n" for version, path in named)
        answer = self._repository.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines)
        answers = iter(answer.stdout.splitlines())
        for (version, name, mirror, form), one, other in zip(asked, answers, answers, strict=True):
            if _blob(one):
                yield Half(version, (name, mirror), (_blob(one), _blob(other)), form)

    def _own(self, pairs: Sequence[Half]) -> dict[tuple[str, bytes], Half | None]:
        """Notebooks that say themselves where their mirror is: (version, notebook) → the pair, None for no pair."""
        oids = list(dict.fromkeys(pair.notebook for pair in pairs))
        blobs = objects((oid.encode("ascii") for oid in oids), self._repository.root, self._repository.env)
        own = {oid: formats for oid, blob in zip(oids, blobs, strict=True) if (formats := _naming_formats(blob.read()))}
        asked = []
        found: dict[tuple[str, bytes], Half | None] = {}
        for pair in pairs:
            if pair.notebook in own:
                found[pair.place] = None
                form = self._forms[pair.version.name].of_notebook(pair.path, own[pair.notebook])
                mirror = form.mirror_path(pair.path) if form is not None else None
                if form is not None and mirror is not None:
                    asked.append((pair.version, pair.path, mirror, form))
        return found | {pair.place: pair for pair in self._found(asked)}


def _naming_formats(notebook: bytes) -> bytes:
    """The notebook where it says itself where its mirror is, else nothing."""
    return notebook if names_its_own(notebook) else b""


def _blob(answer: bytes) -> str:
    oid, _, kind = answer.rpartition(b" ")
    return oid.decode("ascii") if kind == b"blob" else ""


def _forms(repository: Repository, versions: Sequence[Version], settings: Mapping[str, Settings]) -> dict[str, Forms]:
    """By the files of each version itself, as far as pairing is on there."""
    paired = [version for version in versions if version.name in settings and settings[version.name].chosen != ""]
    found = {}
    asked: dict[tuple[str, str], None] = {}
    for version in paired:
        if settings[version.name].chosen is None and _touches_pairs(version):
            folders = {b""}
            for paths in version.touched:
                for path in paths:
                    if is_notebook(path) or may_be_mirror(path):
                        folders |= _above(path)
            asked |= {(version.name, path): None for folder in folders for path in configurations(folder)}
    names = [f"{version}:{path}".encode("utf-8", "surrogateescape") for version, path in asked if "\n" not in path]
    there = zip(
        [key for key in asked if "\n" not in key[1]], objects(names, repository.root, repository.env), strict=True
    )
    contents = {key: blob.read() for key, blob in there if blob.kind == "blob"}
    for version in paired:
        found[version.name] = Forms(settings[version.name].chosen, _reader(contents, version.name))
    return found


def _touches_pairs(version: Version) -> bool:
    return any(is_notebook(path) or may_be_mirror(path) for paths in version.touched for path in paths)


def _above(path: bytes) -> set[bytes]:
    """Every folder above a path, but for the root."""
    found = set()
    folder = path.rpartition(b"/")[0]
    while folder:
        found.add(folder)
        folder = folder.rpartition(b"/")[0]
    return found


def _reader(contents: Mapping[tuple[str, str], bytes], version: str) -> Callable[[str], bytes | None]:
    return lambda path: contents.get((version, path))


def _look(notebook: bytes, mirror: bytes | None, form: Form) -> list[Finding]:
    from sahel_nb.errors import UsageError
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.finding import Finding, Severity
    from sahel_nb.notebook.pair import in_step, looks_like_mirror

    if mirror is None:
        mend = "sahel-nb pair, and commit what it made"
        return [Finding("SNB304", Severity.ERROR, "", "", "has no mirror", mend)]
    if not looks_like_mirror(mirror, form):
        return []  # an ordinary module that bears the notebook's name
    try:
        if in_step(notebook, mirror, form):
            return []
    except (NotebookError, UsageError) as exc:
        return [Finding("SNB303", Severity.ERROR, "", "", exc.message)]
    mend = "pair it where it was committed: git rebase -i, then sahel-nb pair --from notebook (or mirror) and --amend"
    return [Finding("SNB303", Severity.ERROR, "", "", "and its mirror say different things", mend)]
