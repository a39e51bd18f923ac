"""The rules on what is committed, version by version: guard, strip, pair, valid metadata.

Each blob is read once, and not at all where the memory has it; a version that was found clean is not looked at again.
An exception (a notebook that opted out of the filter, an id that may change) is looked up where a rule said no, and
a version that needed one is not remembered.
"""

from __future__ import annotations

from sahel_nb.hooks.memory import COMMIT, NO_SECRET, NO_SECRET_AS_NOTEBOOK, OWN_IDS, STRIPPED, Memory
from sahel_nb.hooks.paths import CONFIG, is_metadata, is_notebook, shown
from sahel_nb.hooks.staged import LARGE, Repository
from sahel_nb.repo.batch import objects
from sahel_nb.report.progress import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sahel_nb.hooks.history import Version
    from sahel_nb.hooks.settings import Personal, Settings
    from sahel_nb.notebook.finding import Finding
    from sahel_nb.repo.batch import Found

_OPT_OUT = frozenset(("SNB101", "SNB103", "SNB303", "SNB304"))
"""Rules that do not hold for a notebook which .gitattributes takes out of the filter."""
_OFTEN = 200


class Committed:
    """One finding, and the version that brought it; the finding's path is that in the version."""

    __slots__ = ("finding", "version")

    def __init__(self, version: str, finding: Finding) -> None:
        self.version = version
        self.finding = finding


class Checker:
    """Looks at versions, and remembers.

    `tips` are what is pushed: a notebook that they take out of the filter may have been unstripped before. `bases` are
    what the other side has: ids are compared with them, too.
    """

    def __init__(
        self,
        repository: Repository,
        personal: Personal,
        memory: Memory,
        *,
        tips: Sequence[str] = (),
        bases: Sequence[str] = (),
    ) -> None:
        self._repository = repository
        self._personal = personal
        self._memory = memory
        self._tips = tips
        self._bases = bases
        self._not_pure: set[str] = set()

    def known(self, name: str) -> bool:
        """This commit was found clean before."""
        return self._memory.has(COMMIT, name)

    def check(self, versions: Sequence[Version]) -> list[Committed]:
        """Every finding that blocks, in the order of the versions."""
        from sahel_nb.hooks.committed_pairs import pairs_out_of_step

        settings = settings_of(self._repository, self._personal, versions)
        found = [
            *self._files(versions),
            *self._metadata(versions),
            *pairs_out_of_step(self._repository, self._memory, versions, settings, self._tips),
        ]
        found = [one for one in found if settings[one.version].scope.applies(one.finding.code, one.finding.path)]
        bad = {one.version for one in found} | self._not_pure
        for version in versions:
            if version.pure and version.name not in bad:
                self._memory.add(COMMIT, version.name)
        self._memory.save()
        order = {version.name: at for at, version in enumerate(versions)}
        return sorted(self._without_exceptions(found), key=lambda one: order[one.version])

    def blobs(self, names: Mapping[str, str]) -> list[Committed]:
        """Secrets in files that are pushed by themselves: object id → the ref that stands for it."""
        from sahel_nb.notebook.secrets import find_in_chunks

        found = []
        blobs = objects((oid.encode("ascii") for oid in names), self._repository.root, self._repository.env)
        for (oid, ref), blob in zip(names.items(), blobs, strict=True):
            if not self._memory.has(NO_SECRET, oid):
                findings = find_in_chunks(blob.pieces(), ref)
                found += [Committed(oid, finding) for finding in findings]
        return found

    def _files(self, versions: Sequence[Version]) -> Iterator[Committed]:
        """Secrets in every file, and whether notebooks are stripped."""
        from sahel_nb.notebook.secrets import credential_file

        where: dict[str, list[tuple[str, bytes]]] = {}
        for version in versions:
            for change in version.changes:
                if change.after is None:
                    continue
                yield from (Committed(version.name, finding) for finding in credential_file(change.name))
                kinds = (NO_SECRET_AS_NOTEBOOK, STRIPPED) if is_notebook(change.path) else (NO_SECRET,)
                if not all(self._memory.has(kind, change.after) for kind in kinds):
                    places = where.setdefault(change.after, [])
                    if (version.name, change.path) not in places:
                        places.append((version.name, change.path))
        blobs = objects((oid.encode("ascii") for oid in where), self._repository.root, self._repository.env)
        files = counted("checking files", zip(where.values(), blobs, strict=True), len(where))
        for number, (places, blob) in enumerate(files, 1):
            if blob.kind == "blob":
                yield from self._file(blob, places)
            else:
                self._not_pure.update(name for name, _ in places)  # not here, as in a partial clone
            if number % _OFTEN == 0:
                self._memory.save()

    def _file(self, blob: Found, places: Sequence[tuple[str, bytes]]) -> Iterator[Committed]:
        from sahel_nb.notebook.secrets import find_in_chunks, find_secrets

        notebooks = any(is_notebook(path) for _, path in places)
        data = blob.read() if notebooks or blob.size <= LARGE else None
        # Under no name: what a path says by its name is no affair of the blob.
        plain = [] if data is None else find_secrets(data, "")
        if data is None:
            plain = find_in_chunks(blob.pieces(), "")
        as_notebook = find_secrets(data, ".ipynb") if notebooks and data is not None else []
        unstripped = _unstripped(data) if notebooks and data is not None else []
        for kind, findings, looked in (
            (NO_SECRET, plain, True),
            (NO_SECRET_AS_NOTEBOOK, as_notebook, notebooks),
            (STRIPPED, unstripped, notebooks),
        ):
            if looked and not findings:
                self._memory.add(kind, blob.oid)
        for name, path in places:
            for finding in (*as_notebook, *unstripped) if is_notebook(path) else plain:
                yield Committed(name, at(finding, shown(path)))

    def _metadata(self, versions: Sequence[Version]) -> Iterator[Committed]:
        """kernel-metadata.json: valid, and with the id that it had. sahel-nb.toml: can be understood."""
        from sahel_nb.hooks.ids import metadata_blobs

        for version in versions:
            named = {change.path: change for change in version.changes if change.path == CONFIG}
            oids = metadata_blobs(version.changes)
            if not oids and not named:
                continue
            contents = self._repository.read([*oids, *(change.after for change in named.values())])
            for change in named.values():
                yield from self._config(version, contents.get(change.after or ""))
            yield from self._kernels(version, contents)

    def _kernels(self, version: Version, contents: dict[str, bytes]) -> Iterator[Committed]:
        from sahel_nb.hooks.ids import changed_ids, compared, parse_renames
        from sahel_nb.hooks.metadata import check_metadata
        from sahel_nb.hooks.settings import ALLOW_ID_CHANGE

        files = {change.path: change for change in version.changes if is_metadata(change.path) and change.after}
        for change in files.values():
            for finding in check_metadata(contents.get(change.after or "", b""), change.name):
                if finding.blocks:
                    yield Committed(version.name, finding)

        def renames() -> dict[bytes, bytes]:
            asked = ("diff-tree", "-r", "-m", "--root", "-M", "--name-status", "-z", "--no-commit-id", version.name)
            return parse_renames(self._repository.git(*asked).stdout)

        found = changed_ids(version.changes, contents, renames)
        # Taken away in one commit and made anew in another: the other side still has the first one.
        new = [change for change in files.values() if not change.before]
        names = [base.encode("ascii") + b":" + one.path for base in self._bases for one in new if b"\n" not in one.path]
        there = objects(names, self._repository.root, self._repository.env)
        old = [(blob.read() if blob.kind == "blob" else None) for blob in there]
        for before, change in zip(old, [one for _ in self._bases for one in new if b"\n" not in one.path], strict=True):
            if not any(finding.path == change.name for finding in found):
                found += compared(before, contents.get(change.after or ""), change.name)
        if found and self._personal.allows(ALLOW_ID_CHANGE):
            self._not_pure.add(version.name)
        else:
            yield from (Committed(version.name, finding) for finding in found)

    def ids(self, tip: str) -> list[Committed]:
        """Permanent ids that `tip` changes against the bases, whatever its commits say one by one."""
        from sahel_nb.hooks.ids import changed_against
        from sahel_nb.hooks.settings import ALLOW_ID_CHANGE

        found = {one for base in self._bases for one in changed_against(self._repository, base, tip)}
        if not found or self._personal.allows(ALLOW_ID_CHANGE):
            return []
        return [Committed(tip, one) for one in sorted(found, key=lambda one: one.path)]

    def shared_ids(self, tip: str) -> list[Committed]:
        """Ids that two folders of `tip` have."""
        if self._memory.has(OWN_IDS, tip):
            return []
        from sahel_nb.hooks.ids import shared_in_tree

        found = shared_in_tree(self._repository, tip)
        if not found:
            self._memory.add(OWN_IDS, tip)
            self._memory.save()
        return [Committed(tip, one) for one in found]

    def _config(self, version: Version, toml: bytes | None) -> Iterator[Committed]:
        from sahel_nb.errors import UsageError

        if toml is None:
            return
        try:
            from sahel_nb.config import load

            load(toml)
        except UsageError as exc:
            from sahel_nb.notebook.finding import Finding, Severity

            yield Committed(version.name, Finding("SNB406", Severity.ERROR, shown(CONFIG), "", exc.message))

    def _without_exceptions(self, found: Sequence[Committed]) -> list[Committed]:
        """Leave out what .gitattributes leaves out: that of the tips, or that of the version itself."""
        asked: dict[str, set[str]] = {}
        for one in found:
            if one.finding.code in _OPT_OUT:
                asked.setdefault(one.version, set()).add(one.finding.path)
        if not asked:
            return list(found)
        everywhere = set().union(*asked.values())
        out = set()
        for tip in self._tips:
            out |= opted_out(self._repository, tip, everywhere)
        there = {name: opted_out(self._repository, name, paths - out) for name, paths in asked.items() if paths - out}
        return [
            one
            for one in found
            if one.finding.code not in _OPT_OUT
            or (one.finding.path not in out and one.finding.path not in there.get(one.version, ()))
        ]


def with_ids(found: Sequence[Committed], checker: Checker, tips: Iterable[str]) -> list[Committed]:
    """What was found in single commits, and the ids that the tips change and no commit was blamed for."""
    blamed = {one.finding.path for one in found if one.finding.code == "SNB302"}
    ids = [one for tip in tips for one in (*checker.ids(tip), *checker.shared_ids(tip))]
    return [*found, *(one for one in ids if one.finding.code != "SNB302" or one.finding.path not in blamed)]


def settings_of(repository: Repository, personal: Personal, versions: Sequence[Version]) -> dict[str, Settings]:
    """What each version says in its own sahel-nb.toml, under what the person has set."""
    from sahel_nb.errors import UsageError

    asked = [version.name.encode("ascii") + b":" + CONFIG for version in versions]
    by_oid = {"": personal.settings(None)}
    found = {}
    for version, blob in zip(versions, objects(asked, repository.root, repository.env), strict=True):
        oid = blob.oid if blob.kind == "blob" else ""
        if oid not in by_oid:
            try:
                by_oid[oid] = personal.settings(blob.read())
            except UsageError:
                by_oid[oid] = by_oid[""]  # the commit that broke it is told so
        found[version.name] = by_oid[oid]
    return found


def opted_out(repository: Repository, version: str, paths: Iterable[str]) -> set[str]:
    """Those of `paths` that `version` takes out with `-filter`, by its own .gitattributes.

    `git check-attr --source` would be it, from git 2.40 on; an index of our own is it in every git.
    """
    import os

    asked = {path.encode("utf-8", "surrogateescape"): path for path in paths}
    folder = f"{repository.common_dir}/sahel-nb"
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103  pathlib is not imported on this path
    index = f"{folder}/attributes.{os.getpid()}.index"
    try:
        from sahel_nb.repo.cmd import git

        env = {**repository.env, "GIT_INDEX_FILE": index}
        git("read-tree", version, cwd=repository.root, env=env)
        stdin = b"".join(path + b"\0" for path in asked)
        answer = git("check-attr", "--cached", "-z", "--stdin", "filter", cwd=repository.root, env=env, stdin=stdin)
    finally:
        if os.path.exists(index):  # noqa: PTH110  the same
            os.unlink(index)  # noqa: PTH108  the same
    fields = answer.stdout.split(b"\0")
    values = zip(fields[0::3], fields[2::3], strict=False)
    return {asked[path] for path, value in values if value == b"unset" and path in asked}


def _unstripped(data: bytes) -> list[Finding]:
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.finding import Finding, Severity
    from sahel_nb.notebook.strip import is_stripped

    try:
        if is_stripped(data):
            return []
    except NotebookError as exc:
        return [Finding("SNB101", Severity.ERROR, "", "", exc.message)]
    mend = "strip it where it was committed: git rebase -i, then sahel-nb strip and git commit --amend"
    return [Finding("SNB103", Severity.ERROR, "", "", "is not stripped", mend)]


def at(finding: Finding, path: str) -> Finding:
    """The same finding at a path."""
    from dataclasses import replace

    return replace(finding, path=path)
