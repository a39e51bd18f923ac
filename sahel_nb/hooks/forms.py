"""Which form the mirror of each notebook has, asked in this order:

1. `pair.format` of sahel-nb.toml or of a person, where somebody has set it; "" turns pairing off
2. `jupytext.formats` in the notebook's own metadata, or in the header of its mirror
3. `formats` in jupytext's configuration: the nearest file above the notebook, up to the top of the repository
4. `py:percent` beside the notebook

Where 1, 3 or 4 say `py`, a notebook in another language has a script in its own: `.R`, `.jl`, … as jupytext's `auto`.

Options (filters of metadata, …) come from jupytext's configuration, as for jupytext. Its files outside of the
repository are not asked: the mirrors of a team must not depend on whose machine wrote them.
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.notebook.form import (
    DEFAULT_FORMAT,
    Form,
    Place,
    form_of,
    hides_only_itself,
    in_language,
    language_of_kernel,
)
from sahel_nb.permissions import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from sahel_nb.hooks.settings import Settings
    from sahel_nb.hooks.staged import Repository

_NAMES = ("jupytext", "jupytext.toml", "jupytext.yml", "jupytext.yaml", "jupytext.json")
_FILES = (*_NAMES, *("." + name for name in _NAMES), ".jupytext.py", "pyproject.toml")
_OPTIONS = (
    *("notebook_metadata_filter", "cell_metadata_filter", "hide_notebook_metadata", "root_level_metadata_as_raw_cell"),
    *("root_level_metadata_filter", "comment_magics", "split_at_heading", "sphinx_convert_rst2md"),
    *("doxygen_equation_markers", "cell_markers", "custom_cell_magics", "custom_language_magics"),
)
_OLD_NAMES = {
    "formats": "default_jupytext_formats",
    "notebook_metadata_filter": "default_notebook_metadata_filter",
    "cell_metadata_filter": "default_cell_metadata_filter",
    "cell_markers": "default_cell_markers",
}
_HEAD = 4_000
_AUTO = "auto"
_EXTENSIONS = {b"python": "py", b"r": "R", b"julia": "jl", b"bash": "sh", b"scala": "scala", b"javascript": "js"}
_LANGUAGES = frozenset(_EXTENSIONS.values())
_TEXTS = frozenset(
    (
        *(
            "R",
            "Rmd",
            "c",
            "clj",
            "coco",
            "cpp",
            "cs",
            "do",
            "fs",
            "fsx",
            "go",
            "gp",
            "groovy",
            "hs",
            "java",
            "jl",
            "js",
        ),
        *("lgt", "logtalk", "lua", "m", "mac", "markdown", "md", "ml", "myst", "pro", "ps1", "py", "q", "qmd", "r"),
        *("resource", "robot", "rs", "sage", "sas", "scala", "scm", "sh", "sos", "ss", "tcl", "ts", "wolfram", "xsh"),
    )
)
"""Extensions of whatever jupytext can write."""


def may_be_mirror(path: bytes) -> bool:
    """Told by its name alone."""
    return path.rpartition(b".")[2].decode("latin-1") in _TEXTS


class _Config:
    """One file of jupytext's configuration. `groups` are lists of formats, of which the first that fits holds."""

    __slots__ = ("groups", "options", "preferred")

    def __init__(self, settings: Mapping[str, object], name: str) -> None:
        self.groups = _groups(_named(settings, "formats"), name)
        self.preferred = str(settings.get("preferred_jupytext_formats_save", ""))
        found = {key: _named(settings, key) for key in _OPTIONS}
        self.options = {key: value for key, value in found.items() if value not in (None, "")}
        if hides_only_itself(self.options.get("notebook_metadata_filter")):
            del self.options["notebook_metadata_filter"]


class Forms:
    """The forms of one repository, by the configuration that `read` finds: the worktree's, or that of a commit."""

    def __init__(self, chosen: str | None, read: Callable[[str], bytes | None] = lambda _: None) -> None:
        """`chosen` is `pair.format` where somebody has set it; `read` knows paths from the repository's root."""
        self._chosen = chosen
        self._read_file = read
        self._configs: dict[bytes, _Config | None] = {}
        self._made: dict[tuple[int, str], Form | None] = {}

    @classmethod
    def of(cls, repository: Repository, settings: Settings) -> Forms:
        """As the files of the worktree say it."""
        root = repository.root

        def read(path: str) -> bytes | None:
            try:
                return read_regular(f"{root}/{path}")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            except OSError as exc:  # as none, it would let every notebook follow another form
                raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc

        return cls(settings.chosen, read)

    @property
    def off(self) -> bool:
        return self._chosen == ""

    def of_notebook(self, path: bytes, content: bytes | None = None) -> Form | None:
        """None where the notebook is not paired. Raise `UsageError` for a form that cannot be understood."""
        own = formats_in(content) if content and not self._chosen else ""
        return self.of_formats(path, own, content)

    def of_formats(self, path: bytes, own: str, content: bytes | None = None) -> Form | None:
        """The same, where somebody has looked already which formats the notebook names."""
        if self.off:
            return None
        config = self._config(path.rpartition(b"/")[0])
        language = _language_of(content)
        if self._chosen:
            return self._form(config, f"ipynb,{self._chosen}", language, py_too=True)
        groups = [own] if own else config.groups if config else []
        if not groups:
            return self._form(config, f"ipynb,{DEFAULT_FORMAT}", language, py_too=True)
        for group in groups:
            form = self._form(config, group, language, py_too=not own)
            if form is not None and form.mirror_path(path) is not None:
                return form
        return None

    def notebook_of(self, mirror: bytes, content: bytes | None = None) -> bytes | None:
        """The notebook whose mirror this text file would be, if it is one."""
        if self.off:
            return None
        config = self._config(mirror.rpartition(b"/")[0])
        own = formats_in(content) if content and not self._chosen else ""
        if self._chosen or own:
            groups = [own or f"ipynb,{self._chosen}"]
        else:
            groups = config.groups if config and config.groups else [f"ipynb,{DEFAULT_FORMAT}"]
        language = mirror.rpartition(b".")[2].decode("latin-1")
        language = language if language in _LANGUAGES else ""  # `auto` is never a README.md beside README.ipynb
        for group in groups:
            form = self._form(config, group, language, py_too=not own)
            path = form.notebook_path(mirror) if form is not None else None
            if path is not None:
                return path
        return None

    def mirrors_of(self, path: bytes) -> list[bytes]:
        """Where the mirror of a notebook may be, in whatever language its cells are; the likeliest first."""
        found = []
        for language in _EXTENSIONS:
            form = self.of_formats(path, "", b'"kernelspec": {"language": "%b"' % language)
            mirror = form.mirror_path(path) if form is not None else None
            if mirror is not None and mirror not in found:
                found.append(mirror)
        return found

    def _form(self, config: _Config | None, formats: str, extension: str, *, py_too: bool = False) -> Form | None:
        """`extension` is what stands for `auto`, which jupytext tells by the language of the notebook; with `py_too`
        for the format that names Python because most notebooks are in it."""
        if py_too and extension not in ("", "py"):
            formats = ",".join([in_language(text, extension) for text in formats.split(",")])
        if extension and _AUTO in formats:
            formats = ",".join([_with_extension(text, extension) for text in formats.split(",")])
        key = (id(config), formats)
        if key not in self._made:
            options = config.options if config else {}
            form = form_of(formats, options)
            if form is not None and config and ":" not in form.format:
                for text in config.preferred.split(","):
                    if text and ":" in text and Place(text).extension == form.mirror.extension:
                        form.format = Place(text).name
            self._made[key] = form
        return self._made[key]

    def _config(self, folder: bytes) -> _Config | None:
        if folder not in self._configs:
            found = self._read(folder)
            if found is None and folder:
                found = self._config(folder.rpartition(b"/")[0])
            self._configs[folder] = found
        return self._configs[folder]

    def _read(self, folder: bytes) -> _Config | None:
        for path in configurations(folder):
            data = self._read_file(path)
            name = path.rpartition("/")[2]
            if data is None or (name == "pyproject.toml" and b"jupytext" not in data):
                continue
            settings = _parse(data, path)
            if settings is not None:
                return _Config(settings, path)
        return None


def configurations(folder: bytes) -> Iterator[str]:
    """Where jupytext looks for its settings in a folder, the first that is there."""
    above = folder.decode("utf-8", "surrogateescape") + "/" if folder else ""
    for name in _FILES:
        yield above + name


def formats_in(content: bytes) -> str:
    """`jupytext.formats` in the metadata of a notebook or in the header of a mirror; empty where there are none."""
    if b"formats" not in content:
        return ""
    if content.lstrip()[:1] == b"{":
        return _in_metadata(content)
    lines = content[:_HEAD].split(b"\n")
    if b"---" not in lines[0] and b"---" not in b"".join(lines[1:2]):
        return ""  # an encoding may stand above the header
    for line in lines:
        key, colon, value = line.strip(b"#/-; \t\r").partition(b":")
        if colon and key == b"formats" and line[:1] != b"f":
            return value.strip(b" '\"").decode("utf-8", "replace")
    return ""


def _with_extension(text: str, extension: str) -> str:
    where, slash, name = text.strip().rpartition("/")
    file, colon, kind = name.partition(":")
    return where + slash + (file.removesuffix(_AUTO) + extension if file.endswith(_AUTO) else file) + colon + kind


def _language_of(notebook: bytes | None) -> str:
    """The extension of a script in the notebook's language; "" where jupytext's is not known here.

    Jupyter writes the metadata behind the cells. Where it names no language, its kernel's name may tell; a notebook
    that says nothing is in Python.
    """
    if notebook is None:
        return "py"
    for section, key in ((b'"kernelspec"', b'"language"'), (b'"language_info"', b'"name"')):
        if language := _said(notebook, section, key):
            return _EXTENSIONS.get(language.lower(), "")
    kernel = language_of_kernel(_said(notebook, b'"kernelspec"', b'"name"').decode("utf-8", "replace"))
    return _EXTENSIONS.get(kernel.encode(), "py")


def _said(notebook: bytes, section: bytes, key: bytes) -> bytes:
    """A text of the notebook's metadata; empty where it has none."""
    at = notebook.rfind(section)
    rest = notebook[at : at + _HEAD].partition(key)[2] if at >= 0 else b""
    return rest.partition(b'"')[2].partition(b'"')[0]


def names_its_own(notebook: bytes) -> bool:
    """Does it say itself where its mirror is, by formats or by a language other than Python?"""
    return bool(formats_in(notebook)) or _language_of(notebook) != "py"


def _in_metadata(notebook: bytes) -> str:
    from sahel_nb.notebook.strip_fast import scan

    try:
        found = scan(notebook.decode("utf-8").lstrip(), 0)[0]["metadata"]["jupytext"]["formats"]
    except (KeyError, StopIteration, TypeError, ValueError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _named(settings: Mapping[str, object], key: str) -> object:
    found = settings.get(key)
    return found if found not in (None, "") or key not in _OLD_NAMES else settings.get(_OLD_NAMES[key])


def _groups(formats: object, name: str) -> list[str]:
    """`a,b;c,d`, or a list of such, or tables of folders: each group as one list of formats."""
    if formats in (None, ""):
        return []
    found: list[str] = []
    for group in formats if isinstance(formats, list) else [formats]:
        if isinstance(group, str):
            found += [text for text in group.split(";") if text.strip()]
        elif isinstance(group, dict) and all(isinstance(each, str) for each in group.values()):
            places = [(folder.removesuffix("/"), each) for folder, each in group.items()]
            found.append(",".join(f"{folder}///{each}" if folder else each for folder, each in places))
        else:
            raise UsageError(f"{name}: `formats` is not of a kind that jupytext knows")
    return found


def _parse(data: bytes, name: str) -> Mapping[str, object] | None:
    """The settings in a file. None for a pyproject.toml that says nothing to jupytext. Raise `UsageError`."""
    ours = name.rpartition("/")[2] == "pyproject.toml"
    if name.endswith(".py"):
        raise UsageError(
            f"{name}: a configuration that is a program is not run by a commit; write a jupytext.toml",
            details=('for example: formats = "ipynb,py:percent"',),
        )
    try:
        found: Any = _simple(data) if name.endswith(("toml", "jupytext")) else None
        if found is None:
            from sahel_nb.config_text import parse_json, parse_toml, parse_yaml

            is_yaml = name.endswith((".yml", ".yaml"))
            found = (parse_json if name.endswith(".json") else parse_yaml if is_yaml else parse_toml)(data)
        if ours:
            tool = found.get("tool")
            found = tool.get("jupytext") if isinstance(tool, dict) else None
    except ValueError as exc:
        raise UsageError(f"{name} cannot be read: {exc}") from exc
    if found is None:
        return None if ours else {}
    if not isinstance(found, dict):
        raise UsageError(f"{name} is not a table of settings")
    return found


def _simple(data: bytes) -> dict[str, object] | None:
    """TOML of nothing but comments and `key = "text"`, which most of these files are; None for any other."""
    try:
        text = data.decode("utf-8") if len(data) < _HEAD else ""
    except UnicodeDecodeError:
        return None
    if not text:
        return None
    found: dict[str, object] = {}
    for line in text.split("\n"):
        line = line.strip(" \t\r")
        if not line or line[0] == "#":
            continue
        key, equals, value = line.partition(" = ")
        inner = value[1:-1]
        if not equals or not key.replace("_", "").isalnum() or not key.isascii() or key in found:
            return None
        if len(value) < 2 or value[0] != '"' or value[-1] != '"' or '"' in inner or "\\" in inner:
            return None
        found[key] = inner
    return (
        found if text.isascii() and text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else None
    )
