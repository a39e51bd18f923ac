"""kernel-metadata.json: parsed once, checked before quota is spent, written with every field explicit.

The format is that of `kaggle kernels init`. Fields we do not know are kept as they are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.git_names import unsafe_part
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.shapes import advice, shape_of

FILE_NAME = "kernel-metadata.json"
MAX_SOURCE_BYTES = 1_000_000  # beyond this the service answers 400

LANGUAGES = ("python", "r", "rmarkdown")
KERNEL_TYPES = ("script", "notebook")
_SCRIPTS = {".py": "python", ".r": "r", ".rmd": "rmarkdown"}
_NOTEBOOKS = (".irnb", ".ijlnb")  # as Kaggle's client calls those in R and Julia that it pulls
SOURCE_LISTS = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources")
_LISTS = (*SOURCE_LISTS, "keywords")
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_FORMS = {
    "dataset_sources": re.compile(rf"{_PART}/{_PART}(?:/\d+)?"),
    "kernel_sources": re.compile(rf"{_PART}/{_PART}(?:/\d+)?"),
    "competition_sources": re.compile(_PART),
    "model_sources": re.compile(rf"{_PART}/{_PART}/{_PART}/{_PART}/\d+"),
}
_SPELLED = {
    "dataset_sources": "owner/slug",
    "kernel_sources": "owner/slug",
    "competition_sources": "slug",
    "model_sources": "owner/model/framework/variation/version",
}
_PREFIXES = {
    "dataset_sources": "datasets|dataset",
    "kernel_sources": "code|kernels|notebooks",
    "competition_sources": "competitions|competition|c",
    "model_sources": "models|model",
}
_TABS = "data|overview|code|discussion|leaderboard|rules|notebook|output|log|logs|comments|input|metadata|settings"
"""What may follow a source's name in the address of its page."""
_FLAGS = {
    "is_private": True,
    "enable_gpu": False,
    "enable_tpu": False,
    "enable_internet": True,
}  # as the client in force does


def _unusable(message: str, where: str) -> UsageError:
    from sahel_nb.links import edit

    return UsageError(message, hints=(edit(where),))


@dataclass(frozen=True)
class Problem:
    """Something wrong in a metadata file. `blocks` is False for advice; `fixable`: `Metadata.fixed` puts it right."""

    key: str
    message: str
    blocks: bool = True
    fixable: bool = False


@dataclass(frozen=True)
class Metadata:
    """A kernel's settings. `raw` is the parsed object; what we name is read from it."""

    ref: KernelRef
    title: str
    code_file: str
    kernel_type: str
    language: str
    raw: dict[str, Any] = field(compare=False)

    @classmethod
    def from_json(cls, data: bytes, where: str = FILE_NAME) -> Metadata:
        """Parse; raises `UsageError` for what cannot be understood at all. `problems` says the rest."""
        try:
            raw = json.loads(data.decode("utf-8"))
        except RecursionError as exc:
            raise _unusable(f"{where} is not valid JSON: it is nested too deeply", where) from exc
        except (UnicodeDecodeError, ValueError) as exc:
            raise _unusable(f"{where} is not valid JSON: {exc}", where) from exc
        if not isinstance(raw, dict):
            raise _unusable(f"{where} must hold one JSON object", where)
        for key in ("id", "title", "code_file", "kernel_type", "language"):
            given = raw.get(key)
            if (not isinstance(given, str) and not (key == "title" and given is None)) or not (given or key == "title"):
                raise _unusable(f"{where}: `{key}` is missing or not a string", where)
        try:
            ref = KernelRef.parse(raw["id"])
        except UsageError as exc:
            raise _unusable(f"{where}: `id` {exc.message}", where) from exc
        ref = KernelRef(ref.owner, ref.slug.lower())  # as the client compares it with the title, and Kaggle calls it
        title, code_file = raw.get("title") or title_for(ref.slug), raw["code_file"].removeprefix("./")
        return cls(ref, title, code_file, raw["kernel_type"], raw["language"], raw)

    @property
    def shape(self) -> str:
        return shape_of(self.raw.get("machine_shape"))

    @property
    def uses_gpu(self) -> bool:
        return is_true(self.raw.get("enable_gpu")) or self.shape.lower().startswith(("nvidia", "gpu"))

    @property
    def uses_tpu(self) -> bool:
        return is_true(self.raw.get("enable_tpu")) or self.shape.lower().startswith("tpu")

    @property
    def longest(self) -> int:
        """Seconds that Kaggle gives a session of this kernel at most: 12 h, 9 h on a TPU."""
        return (9 if self.uses_tpu else 12) * 3600

    def sources(self, *keys: str) -> tuple[str, ...]:
        """What the kernel reads, of these lists or of all; what is no list of names is left to `problems`."""
        lists = [self.raw.get(key) for key in keys or SOURCE_LISTS]
        return tuple(item for value in lists if isinstance(value, list) for item in value if _is_name(item))

    def problems(self) -> tuple[Problem, ...]:
        """Everything that the service would refuse, silently change, or charge for in vain."""
        found: list[Problem] = []
        resolved = slugify_title(self.title)
        if resolved != self.ref.slug:
            found.append(
                Problem("title", f"the title resolves to {resolved!r}, and Kaggle would push there, not to {self.ref}")
            )
        for what, text in (("title", self.title), ("id", self.ref.slug)):
            if not 5 <= len(text) <= 50:
                found.append(Problem(what, f"{text!r} has {len(text)} characters; Kaggle takes 5 to 50"))
        if self.kernel_type not in KERNEL_TYPES:
            found.append(Problem("kernel_type", f"{self.kernel_type!r} is none of {', '.join(KERNEL_TYPES)}"))
        if self.language not in LANGUAGES:
            plain = self.language.strip().lower()
            said = f"{self.language!r} is none of those that Kaggle's client pushes: {', '.join(LANGUAGES)}"
            found.append(Problem("language", said, fixable=plain in LANGUAGES))
        found.extend(self._code_file_problems())
        found.extend(self._list_problems())
        found.extend(
            Problem(key, f"`{key}` is {self.raw[key]!r}, and has to be true or false")
            for key in _FLAGS
            if self.raw.get(key) not in (None, "") and _flag(self.raw[key]) is None
        )
        found.extend(self._loose_ends())
        said = advice(self.raw.get("machine_shape"))
        found.extend([Problem("machine_shape", said, blocks=False)] if said else [])
        return tuple(found)

    def _code_file_problems(self) -> list[Problem]:
        name = self.code_file
        if not is_below(name):
            return [Problem("code_file", f"{name!r} must name a file beside the metadata, or in a folder below")]
        notebook = name.endswith(".ipynb")
        if name.endswith(_NOTEBOOKS):
            return [Problem("code_file", f"{name} is not stripped by that name: rename it to end in .ipynb")]
        if self.kernel_type == "notebook" and not notebook:
            return [Problem("code_file", f"{name} is no notebook, and `kernel_type` says notebook")]
        if self.kernel_type == "script" and notebook:
            return [Problem("code_file", f"{name} is a notebook, and `kernel_type` says script")]
        written = _SCRIPTS.get("." + name.rpartition(".")[2].lower(), "")
        if self.kernel_type == "script" and written and written != self.language.strip().lower():
            return [Problem("language", f"{name} would run as {self.language!r}; a script of its name is {written!r}")]
        return []

    def language_problem(self, notebook: str) -> Problem | None:
        """What is wrong between `language` and that of the notebook's cells, "" where it does not say."""
        if self.kernel_type != "notebook" or notebook in ("", "ipython", self.language):
            return None
        if self.language == "python":
            where = '; write "language": "r"' if notebook == "r" else ""
            said = f"{self.code_file} is in {notebook}, and Kaggle's image for 'python' has no kernel for it{where}"
            return Problem("language", said)
        if notebook == "python" and self.language in LANGUAGES:
            return Problem("language", f"{self.code_file} is in python, and `language` says {self.language!r}", False)
        return None

    def _list_problems(self) -> list[Problem]:
        found = []
        for key in _LISTS:
            value = self.raw.get(key) or []
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                found.append(Problem(key, f"`{key}` must be a list of strings"))
                continue
            for item in filter(_is_name, value):
                if key == "keywords":
                    continue
                plain = without_prefix(key, item)
                if not _FORMS[key].fullmatch(plain):
                    found.append(Problem(key, f"{item!r} in `{key}` is not of the form {_SPELLED[key]}"))
                elif plain != item:
                    said = f"Kaggle drops {item!r} in `{key}` and runs without it; it is called {plain!r} there"
                    found.append(Problem(key, said, fixable=True))
        return found

    def _loose_ends(self) -> list[Problem]:
        """What is pushed in the right way whatever the file says, and better said in it."""
        found = []
        found += [
            (key, f"`{key}` says neither true nor false; {json.dumps(default)} is pushed, write it")
            for key, default in _FLAGS.items()
            if key in self.raw and self.raw[key] in (None, "")
        ]
        if "id_no" in self.raw:
            found.append(("id_no", "`id_no` is not pushed: on Kaggle it would beat `id`, and one name decides"))
        if not self.raw.get("title"):
            found.append(("title", f"`title` is left out; {self.title!r} resolves to the id and is pushed"))
        if self.raw["id"] != str(self.ref):
            found.append(("id", f"{self.raw['id']!r} is called '{self.ref}' on Kaggle"))
        if self.raw.get("code_file") != self.code_file:
            found.append(("code_file", f"{self.raw.get('code_file')!r} is pushed as {self.code_file!r}"))
        found += [
            (key, f"`{key}` is left out; Kaggle's default is not certain, write it")
            for key in ("is_private", "enable_gpu", "enable_internet")
            if key not in self.raw
        ]
        empty = [key for key, value in self.raw.items() if _is_empty(key, value)]
        found += [(key, f"what is empty in `{key}` names nothing, and is not pushed") for key in empty]
        return [Problem(key, said, blocks=False, fixable=True) for key, said in found]

    def fixed(self) -> dict[str, Any]:
        """`raw`, with what `problems` calls fixable put right. What a person has to decide stays."""
        raw = {key: value for key, value in self.raw.items() if key != "id_no" and not _is_empty(key, value)}
        said = {key for key in _FLAGS if raw.get(key) not in (None, "") or (key == "enable_tpu" and key not in raw)}
        raw |= {key: default for key, default in _FLAGS.items() if key not in said}
        raw |= {"id": str(self.ref), "title": self.title, "code_file": self.code_file}
        if self.language.strip().lower() in LANGUAGES:
            raw["language"] = self.language.strip().lower()
        for key in _LISTS:
            if isinstance(self.raw.get(key), list):
                items = [without_prefix(key, item) if _is_name(item) else item for item in self.raw[key]]
                raw[key] = list(dict.fromkeys(item for item in items if item != "")) if _are_names(items) else items
        return {key: raw[key] for key in (*(key for key in self.raw if key in raw), *raw)}

    def renamed(self, ref: KernelRef, title: str) -> Metadata:
        """The same kernel under another name: a personal slug. An `id_no` would send it back to the shared one."""
        raw = {key: value for key, value in self.raw.items() if key != "id_no"}
        raw |= {"id": str(ref), "title": title}
        return replace(self, ref=ref, title=title, raw=raw)

    def to_json(self) -> bytes:
        """What is pushed: every field written out, since the client's defaults and the documentation disagree."""
        explicit: dict[str, Any] = {**_FLAGS, **{key: [] for key in _LISTS}, **self.fixed()}
        for key, default in _FLAGS.items():
            explicit[key] = default if _flag(explicit[key]) is None else is_true(explicit[key])
        explicit |= {"machine_shape": self.shape} if "machine_shape" in explicit else {}
        return (json.dumps(explicit, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def fix_metadata(data: bytes, where: str = FILE_NAME) -> bytes:
    """The file with what can safely be put right; the same bytes where that is nothing, or where it is no metadata."""
    try:
        metadata = Metadata.from_json(data, where)
    except UsageError:
        return data
    if not any(problem.fixable for problem in metadata.problems()):
        return data
    text = data.decode("utf-8")
    head = re.match(r'^\{\r?\n( *|\t*)"', text)
    made = json.dumps(metadata.fixed(), ensure_ascii=False, indent=head[1] if head else None)
    made += "\n" if text.endswith("\n") else ""
    return (made.replace("\n", "\r\n") if "\r\n" in text else made).encode("utf-8")


def without_prefix(key: str, name: str) -> str:
    """A source as Kaggle's API calls it: people paste what stands in the address of its page."""
    if key not in _FORMS:
        return name
    plain = re.sub(r"^(?:(?:https?://)?(?:www\.)?kaggle\.com/|(?:/kaggle|\.\.)/input/)", "", name.strip())
    plain = re.sub(rf"^(?:{_PREFIXES[key]})/", "", re.sub(r"[?#].*", "", plain).strip("/"))
    plain = re.sub(r"/versions?/(\d+)$", r"/\1", re.sub(rf"/(?:{_TABS})$", "", plain))
    plain = re.sub(r"/frameworks/(.*)/variations/", r"/\1/", plain)
    return plain if _FORMS[key].fullmatch(plain) else name  # an owner may be called like a prefix


def is_below(code_file: str) -> bool:
    """Whether the file that metadata names lies in its folder, at any depth: nowhere else, and not in git's."""
    name = code_file.encode("utf-8", "surrogatepass")
    return b"\\" not in name and unsafe_part(name) is None and name.rpartition(b"/")[2] != FILE_NAME.encode()


def slugify_title(title: str) -> str:
    """The slug that Kaggle gives a title: python-slugify, as in kaggle's own `kernels_push`."""
    from slugify import slugify

    return str(slugify(title))


def title_for(slug: str) -> str:
    """A title that reads like words and resolves to `slug`."""
    title = " ".join(word.capitalize() for word in slug.split("-"))
    return title if slugify_title(title) == slug else slug


def _is_name(item: Any) -> bool:
    return isinstance(item, str) and item != ""


def _are_names(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items)


def _is_empty(key: str, value: Any) -> bool:
    """Nothing in place of a list, or an empty name in one. In place of a setting it means the default."""
    return key in _LISTS and (value in ("", None) or (isinstance(value, list) and "" in value))


def is_true(value: Any) -> bool:
    return _flag(value) is True


def _flag(value: Any) -> bool | None:
    """What a setting that is on or off says, as any of kaggle's clients reads it; None where it says neither."""
    said = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if said in ("true", "t", "yes", "y", "1") else False if said in ("false", "f", "no", "n", "0") else None
