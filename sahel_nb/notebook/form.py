"""How a mirror is written, and where it lies: jupytext's formats and options, as far as a pair needs them.

    ipynb,py:percent                        beside the notebook
    notebooks///ipynb,scripts///py:percent  below scripts/ what lies below notebooks/
    ipynb,mirrors//py:percent               in a folder of the notebook's folder
    ipynb,mirror-/.pct.py:percent           with a prefix and a suffix to its name

https://jupytext.readthedocs.io/en/latest/config.html. Imports nothing but our errors: it is on the path of a commit.
"""

from __future__ import annotations

from sahel_nb.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FORMAT = "py:percent"
_COMMON_NAMES = {"rmarkdown": "Rmd", "markdown": "md", "quarto": "qmd", "myst": "md:myst", "pandoc": "md:pandoc"}


class Place:
    """One of jupytext's formats as a rule for paths: `ROOT//FOLDER/PREFIX/SUFFIX.EXTENSION:FORMAT`."""

    __slots__ = ("extension", "folder", "name", "prefix", "root", "suffix")

    def __init__(self, text: str) -> None:
        """`name` is the format with its extension, without the place. Raise `UsageError`."""
        where, _, name = text.strip().rpartition("/")
        name = _COMMON_NAMES.get(name.lower(), name)
        self.root, _, where = where.rpartition("//")
        self.folder, _, self.prefix = where.rpartition("/")
        file, colon, kind = name.partition(":")
        suffix, dot, extension = file.rpartition(".")
        self.suffix = suffix
        self.extension = "." + (extension if dot else file)
        self.name = self.extension[1:] + colon + kind
        if self.extension == "." or (colon and not kind):
            raise UsageError(
                f"pair.format {text!r} is not of the form EXTENSION:FORMAT", details=("for example py:percent",)
            )
        if ".." in f"{self.root}/{self.folder}".split("/") or text.startswith("/"):
            raise UsageError(
                f"the mirror's place {text!r} leads out of its folder, and cannot be followed back to its notebook",
                details=("name both folders instead: notebooks///ipynb,scripts///py:percent",),
            )

    def base(self, path: bytes) -> tuple[bytes, bytes, bytes] | None:
        """What of a path is the same for both halves: above ROOT, below it, the name. None where it lies elsewhere."""
        folder, _, name = path.rpartition(b"/")
        end = (self.suffix + self.extension).encode()
        prefix = self.prefix.encode()
        if not name.endswith(end) or not name.startswith(prefix) or len(name) < len(prefix) + len(end):
            return None
        name = name[len(prefix) : len(name) - len(end)]
        if self.folder:
            above = _before(folder, self.folder.encode())
            if above is None:
                return None
            folder = above
        if not self.root:
            return b"", folder, name
        above, found, below = (b"/" + folder + b"/").rpartition(b"/" + self.root.encode() + b"/")
        return (above[1:], below[:-1], name) if found else None

    def path(self, base: tuple[bytes, bytes, bytes]) -> bytes:
        above, below, name = base
        parts = (above, self.root.encode(), below, self.folder.encode())
        file = self.prefix.encode() + name + (self.suffix + self.extension).encode()
        return b"/".join([part for part in (*parts, file) if part])


def _before(folder: bytes, end: bytes) -> bytes | None:
    if folder == end:
        return b""
    return folder[: -len(end) - 1] if folder.endswith(b"/" + end) else None


class Form:
    """How the mirrors of some notebooks are written, and where they lie. `options` are jupytext's."""

    __slots__ = ("format", "mirror", "notebook", "options")

    def __init__(
        self, mirror: str = DEFAULT_FORMAT, notebook: str = "ipynb", options: Mapping[str, object] = {}
    ) -> None:
        self.notebook = Place(notebook)
        self.mirror = Place(mirror)
        self.format = self.mirror.name
        self.options = options
        if bool(self.notebook.root) != bool(self.mirror.root):
            raise UsageError(
                f"{notebook},{mirror}: a folder root for one half and none for the other",
                details=("for example notebooks///ipynb,scripts///py:percent",),
            )

    @property
    def is_ordinary(self) -> bool:
        """Is this the format that most people use, with nothing set that changes a mirror?"""
        return self.format == DEFAULT_FORMAT and not self.options

    @property
    def may_be_bare(self) -> bool:
        """May a mirror have neither a header nor a cell marker, so that it looks like any other text?"""
        hidden = self.options.get("hide_notebook_metadata") or self.options.get("notebook_metadata_filter") == "-all"
        return bool(hidden) and not self.format.endswith((":percent", ":hydrogen"))

    def key(self) -> bytes:
        """All that the bytes of a mirror depend on."""
        return repr((self.format, sorted(self.options.items()))).encode()

    def called_python(self, mirror: bytes) -> bytes | None:
        """The name that the script of a notebook in another language had before its own language was looked at."""
        end = self.mirror.extension.encode()
        return mirror.removesuffix(end) + b".py" if end in (b".R", b".jl") else None

    def mirror_path(self, notebook: bytes) -> bytes | None:
        """None where this form is not meant for that notebook."""
        base = self.notebook.base(notebook)
        return self.mirror.path(base) if base is not None else None

    def notebook_path(self, mirror: bytes) -> bytes | None:
        base = self.mirror.base(mirror)
        return self.notebook.path(base) if base is not None else None


def in_language(fmt: str, extension: str) -> str:
    """A format that names Python because most notebooks are in it, for another language: `py:percent` → `R:percent`."""
    where, slash, name = fmt.strip().rpartition("/")
    file, colon, kind = name.partition(":")
    python = file == "py" or file.endswith(".py")
    return where + slash + (file.removesuffix("py") + extension if python else file) + colon + kind


def language_of_kernel(name: str) -> str:
    """What a Jupyter kernel of this name runs, where its name alone tells; empty where it does not."""
    if name in ("ir", "xr"):
        return "r"
    return next((language for language in ("python", "julia") if name.lower().startswith(language)), "")


_OUR_FILTER = frozenset(("-jupytext.text_representation.jupytext_version", "-jupytext.notebook_metadata_filter"))


def hides_only_itself(value: object) -> bool:
    """A metadata filter that leaves out of the mirror only what we leave out anyway."""
    return type(value) is str and _OUR_FILTER.issuperset(value.replace(" ", "").split(","))


def formed(fmt: str | Form) -> Form:
    """`py:percent`, or a form already. Raise `UsageError`."""
    return fmt if isinstance(fmt, Form) else Form(fmt)


def form_of(formats: str, options: Mapping[str, object]) -> Form | None:
    """jupytext's `formats` of one notebook: the first that is no notebook is the mirror. None where nothing is paired.

    Raise `UsageError`.
    """
    places = [text for text in formats.split(",") if text.strip()]
    notebooks = [text for text in places if Place(text).extension == ".ipynb"]
    mirrors = [text for text in places if Place(text).extension not in (".ipynb", ".auto")]
    return Form(mirrors[0], notebooks[0], options) if notebooks and mirrors else None


def extension(fmt: str) -> str:
    """`py:percent` → `.py`. Raise `UsageError` for a format without one."""
    return Place(fmt).extension
