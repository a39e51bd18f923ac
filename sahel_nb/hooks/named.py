"""Mirrors that only their notebooks name, in `jupytext.formats` of their own metadata, wherever that may put them.

Nothing in such a mirror's name leads to its notebook, and its header need not either: the notebooks are asked.
"""

from __future__ import annotations

from sahel_nb.git_names import safe
from sahel_nb.hooks.forms import formats_in
from sahel_nb.hooks.memory import NO_FORMATS
from sahel_nb.hooks.paths import is_notebook
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.memory import Memory
    from sahel_nb.hooks.staged import Repository


class Naming:
    """A notebook that names formats of its own, in one of its versions."""

    __slots__ = ("content", "formats", "path")

    def __init__(self, path: bytes, formats: str, content: bytes) -> None:
        self.path = path
        self.formats = formats
        self.content = content

    @property
    def key(self) -> tuple[bytes, str, bytes]:
        """All that the mirror's place depends on; its language only where the formats leave that open."""
        return self.path, self.formats, self.content if "auto" in self.formats else b""

    def mirror(self, forms: Forms) -> bytes | None:
        """Where they put its mirror, by what the configuration adds to them."""
        form = forms.of_formats(self.path, self.formats, self.content)
        return form.mirror_path(self.path) if form is not None else None


def naming(
    repository: Repository, notebooks: Iterable[tuple[bytes, str]], memory: Memory | None = None
) -> Iterator[Naming]:
    """Of all (path, object id) those that name formats. The memory knows, and learns, which do not."""
    where: dict[str, list[bytes]] = {}
    for path, oid in dict.fromkeys(notebooks):
        if is_notebook(path) and b"\n" not in path and not (memory and memory.has(NO_FORMATS, oid)):
            where.setdefault(oid, []).append(path)
    if not where:
        return
    from sahel_nb.report.progress import counted

    blobs = objects((oid.encode("ascii") for oid in where), repository.root, repository.env)
    for (oid, paths), blob in counted("reading notebooks", zip(where.items(), blobs, strict=True), len(where)):
        if blob.kind != "blob":
            continue  # not here, as in a partial clone
        content = blob.read()
        formats = formats_in(content)
        if formats:
            yield from (Naming(path, formats, content) for path in paths)
        elif memory:
            memory.add(NO_FORMATS, oid)


def named_in_index(repository: Repository, forms: Forms) -> dict[bytes, bytes]:
    """mirror → notebook, as the notebooks in the index name them."""
    listed = repository.git("ls-files", "-s", "-z", "--full-name", "--", "*.ipynb", check=False).stdout
    return {mirror: one.path for one in naming(repository, entries(listed)) if (mirror := one.mirror(forms))}


def notebooks_of(repository: Repository, revisions: Iterable[str]) -> Iterator[tuple[bytes, str]]:
    """(path, object id) of every notebook in these commits; what is no commit or tree has none."""
    for revision in revisions:
        # ls-tree knows no wildcards.
        listed = repository.git("ls-tree", "-r", "-z", "--full-tree", revision, check=False).stdout
        yield from ((safe(path, revision), oid) for path, oid in entries(listed))


def entries(listed: bytes) -> Iterator[tuple[bytes, str]]:
    """`<mode> SP <oid> SP <stage> TAB <path>` NUL, or `<mode> SP <type> SP <oid> TAB <path>` NUL."""
    for line in listed.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if is_notebook(path) and head.startswith(b"100"):
            yield path, max(head.decode("ascii").split(" "), key=len)
