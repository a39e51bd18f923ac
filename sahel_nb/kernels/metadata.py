"""kernel-metadata.json: parsed once, checked before quota is spent, written with every field explicit.

The format is that of `kaggle kernels init`. Fields we do not know are kept as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.kernels.model import KernelRef

FILE_NAME = "kernel-metadata.json"
MAX_SOURCE_BYTES = 1_000_000  # beyond this the service answers 400

LANGUAGES = ("python", "r", "rmarkdown")
KERNEL_TYPES = ("script", "notebook")
MACHINE_SHAPES = (
    "NvidiaTeslaT4",
    "NvidiaTeslaP100",
    "NvidiaL4",
    "NvidiaL4X1",
    "NvidiaTeslaA100",
    "NvidiaH100",
    "NvidiaRtxPro6000",
    "TpuV5E8",
    "TpuV6E8",
    "TpuV38",
    "Tpu1VmV38",
)
RETIRED_SHAPES = {"NvidiaTeslaP100": "NvidiaTeslaT4", "TpuV38": "TpuV5E8", "Tpu1VmV38": "TpuV5E8"}
_SOURCE_LISTS = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources", "keywords")
_FLAGS = {
    "is_private": True,
    "enable_gpu": False,
    "enable_tpu": False,
    "enable_internet": True,
}  # as the client in force does


def _unusable(message: str, where: str) -> UsageError:
    from shlex import quote

    return UsageError(message, hints=(f"$EDITOR {quote(where)}",))


@dataclass(frozen=True)
class Problem:
    """Something wrong in a metadata file. `blocks` is False for advice."""

    key: str
    message: str
    blocks: bool = True


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
        except (UnicodeDecodeError, ValueError) as exc:
            raise _unusable(f"{where} is not valid JSON: {exc}", where) from exc
        if not isinstance(raw, dict):
            raise _unusable(f"{where} must hold one JSON object", where)
        for key in ("id", "title", "code_file", "kernel_type", "language"):
            if not isinstance(raw.get(key), str) or not raw[key]:
                raise _unusable(f"{where}: `{key}` is missing or not a string", where)
        try:
            ref = KernelRef.parse(raw["id"])
        except UsageError as exc:
            raise _unusable(f"{where}: `id` {exc.message}", where) from exc
        return cls(ref, raw["title"], raw["code_file"], raw["kernel_type"], raw["language"], raw)

    @property
    def uses_gpu(self) -> bool:
        return is_true(self.raw.get("enable_gpu")) or str(self.raw.get("machine_shape", "")).startswith("Nvidia")

    @property
    def uses_tpu(self) -> bool:
        return is_true(self.raw.get("enable_tpu")) or str(self.raw.get("machine_shape", "")).startswith("Tpu")

    @property
    def longest(self) -> int:
        """Seconds that Kaggle gives a session of this kernel at most: 12 h, 9 h on a TPU."""
        return (9 if self.uses_tpu else 12) * 3600

    def sources(self, *keys: str) -> tuple[str, ...]:
        """What the kernel reads, of these lists or of all; what is no list of names is left to `problems`."""
        lists = [self.raw.get(key) for key in keys or _SOURCE_LISTS[:4]]
        return tuple(item for value in lists if isinstance(value, list) for item in value if isinstance(item, str))

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
            found.append(Problem("language", f"{self.language!r} is none of {', '.join(LANGUAGES)}"))
        if "/" in self.code_file or "\\" in self.code_file or self.code_file in (".", ".."):
            found.append(Problem("code_file", f"{self.code_file!r} must name a file beside the metadata"))
        if "id_no" in self.raw:
            found.append(Problem("id_no", "`id_no` beats `id` on Kaggle; remove it, so that one name decides"))
        found.extend(self._list_problems())
        found.extend(
            Problem(key, f"`{key}` is left out; Kaggle's default is not certain, write it", blocks=False)
            for key in _FLAGS
            if key not in self.raw
        )
        found.extend(self._shape_advice())
        return tuple(found)

    def _list_problems(self) -> list[Problem]:
        found = []
        parts = {"dataset_sources": (2, 3), "kernel_sources": (2, 3), "model_sources": (4, 5)}
        for key in _SOURCE_LISTS:
            value = self.raw.get(key, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                found.append(Problem(key, f"`{key}` must be a list of strings"))
                continue
            for item in value:
                if key in parts and len(item.split("/")) not in parts[key]:
                    found.append(Problem(key, f"{item!r} in `{key}` is not of the form owner/slug"))
        return found

    def _shape_advice(self) -> list[Problem]:
        shape = self.raw.get("machine_shape")
        if not shape:
            return []
        if shape in RETIRED_SHAPES:
            instead = RETIRED_SHAPES[shape]
            return [Problem("machine_shape", f"{shape} is retired; Kaggle silently gives {instead}", blocks=False)]
        if shape in MACHINE_SHAPES:
            return []
        from difflib import get_close_matches

        near = get_close_matches(str(shape), MACHINE_SHAPES, n=1, cutoff=0.0)
        return [Problem("machine_shape", f"{shape!r} is not documented; the nearest is {near[0]}", blocks=False)]

    def renamed(self, ref: KernelRef, title: str) -> Metadata:
        """The same kernel under another name: a personal slug. An `id_no` would send it back to the shared one."""
        raw = {key: value for key, value in self.raw.items() if key != "id_no"}
        raw |= {"id": str(ref), "title": title}
        return replace(self, ref=ref, title=title, raw=raw)

    def to_json(self) -> bytes:
        """Every field written out, since the client's defaults and the documentation disagree."""
        explicit: dict[str, Any] = {**_FLAGS, **{key: [] for key in _SOURCE_LISTS}, **self.raw}
        for key in _FLAGS:
            explicit[key] = is_true(explicit[key])
        return (json.dumps(explicit, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def slugify_title(title: str) -> str:
    """The slug that Kaggle gives a title: python-slugify, as in kaggle's own `kernels_push`."""
    from slugify import slugify

    return str(slugify(title))


def title_for(slug: str) -> str:
    """A title that reads like words and resolves to `slug`."""
    title = " ".join(word.capitalize() for word in slug.split("-"))
    return title if slugify_title(title) == slug else slug


def is_true(value: Any) -> bool:
    # kaggle's get_bool: the strings "true", "t", "yes" and the like count as well
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "t", "yes", "y", "1"))
