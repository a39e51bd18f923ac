"""Files that were renamed and edited, by git's own measure of likeness: `git diff --find-renames`.

    R087 NUL a/0 NUL b/1 NUL        the new file 1 is the old file 0, 87 % alike
    D NUL a/2 NUL                   gone

git is shown what people wrote and nothing else: all notebooks have their JSON in common, all mirrors their header, and
of two short ones that is most of it.
"""

from __future__ import annotations

from sahel_nb.hooks.paths import is_notebook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahel_nb.hooks.changed import Changed

_ALIKE = "--find-renames=50%"


def similar(changed: Changed, gone: list[bytes], new: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(old, new) of files of which git says so; each name at most once. `gone` are in HEAD, `new` on disk."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sahel-nb-renames-") as folder:
        os.mkdir(f"{folder}/a")  # noqa: PTH102  pathlib is not imported on this path
        os.mkdir(f"{folder}/b")  # noqa: PTH102  the same
        for number, path in enumerate((*gone, *new)):  # a name on both sides would be one file to git
            side, data = ("a", changed.head(path)) if number < len(gone) else ("b", changed.files.read(path))
            written = _written(path, data or b"")
            if written:
                with open(f"{folder}/{side}/{number}", "wb") as file:
                    file.write(written)
        fields = changed.compare(folder, "a", "b", _ALIKE).split(b"\0")
    status = iter(fields)
    for kind in status:
        if kind[:1] == b"R":
            old, found = (int(next(status).rpartition(b"/")[2]) for _ in range(2))
            yield gone[old], new[found - len(gone)]
        elif kind:
            next(status)


def _written(path: bytes, data: bytes) -> bytes:
    """The sources of a notebook, or a mirror below its header; nothing where it is not one."""
    if not is_notebook(path):
        text = data.replace(b"\r\n", b"\n")
        lines = text.split(b"\n")
        rules = [at for at, line in enumerate(lines) if line.strip(b"#/ ") == b"---"]
        return b"\n".join(lines[rules[1] + 1 :]) if len(rules) > 1 and rules[0] < 2 else b""
    from sahel_nb.notebook.document import NotebookError, parse

    try:
        return "\n".join(cell.source for cell in parse(data).cells()).encode("utf-8", "surrogatepass")
    except NotebookError:
        return b""
