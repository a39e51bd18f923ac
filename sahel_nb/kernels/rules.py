"""What a rule is, and which rules fit a case. The rules themselves are data: `rules_log`, `rules_state`.

A rule fits where all of its needs hold and each of its patterns is found. The first that fits names the cause; rules
that only add something (`also`) stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from sahel_nb.kernels.model import RunState
from sahel_nb.kernels.mounts import Mount, mount_of
from sahel_nb.kernels.source_state import how_to_give


class Need(Enum):
    """A condition on a case besides its text. What is not known does not hold."""

    FAILED = auto()
    REFUSED = auto()
    """The text may be the answer to a push: it was given as text, and no version was asked for."""
    RUN = auto()
    """The text is what a run said, and not what the kaggle command printed beside the team's desk."""
    BUSY = auto()
    COMPLETE = auto()
    CANCELLED = auto()
    NO_ERROR = auto()
    INTERNET_OFF = auto()
    GPU_OFF = auto()
    TPU_OFF = auto()
    NO_LOG = auto()
    NO_OUTPUT = auto()
    OVERDUE = auto()
    SUBSTITUTED = auto()
    DATASET_LISTED = auto()
    COMPETITION_LISTED = auto()
    OTHER_LISTED = auto()
    IN_PLACE = auto()
    """The path that the pattern found is where its source is mounted now."""
    OWN_CODE = auto()
    """The error was raised by the kernel's own code, and not in a library that it calls."""
    EMBEDDED = auto()
    """It ran on the embedded service, which has the packages of the environment that it was started from."""
    CONSEQUENCE = auto()
    """The error is one that comes of something else having failed before."""
    BESIDE = auto()
    """What the pattern found is the name of a file beside the notebook."""


@dataclass(frozen=True)
class Facts:
    """What is known of a run besides its log. None and empty: not known."""

    internet: bool | None = None
    gpu: bool | None = None
    tpu: bool | None = None
    asked_shape: str = ""
    given_shape: str = ""
    datasets: tuple[str, ...] = ()
    competitions: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """The files in the kernel's folder, by name: Kaggle got none of them but the code file."""
    source: str = ""
    """What ran: the code of all cells, or the script."""
    outputs: int | None = None
    age: float | None = None
    """Seconds since the run began; of a run that goes on."""
    limit: float | None = None
    """Seconds that a session may take."""
    embedded: bool = False
    """It ran on the embedded service, and not on Kaggle."""
    inputs: Path = Path()
    """Where that service keeps what it is given."""
    text_only: bool = False
    """The text came from a file: nobody knows which run, if any, it belongs to."""


@dataclass(frozen=True)
class Rule:
    """A cause that can be recognised, what it means, what to do.

    `cause` and `remedy` may name the groups of the pattern that was found ({0}, {1}) and `{mount}`, `{asked}`,
    `{given}`, `{hours}`, `{limit}`, `{give}`, `{package}` (what to install for the module that was found).
    """

    code: str
    cause: str
    remedy: str
    pattern: re.Pattern[str] | None = None
    """Looked for in the error, and where no line looks like an error, in the end of the log."""
    step: re.Pattern[str] | None = None
    """Looked for in the steps of the traceback: where the error was raised, when its text alone does not tell."""
    log: re.Pattern[str] | None = None
    """Looked for in the end of the log: what was said before the error, and is the reason for it. One of its groups is
    what the error is about, the first group of `pattern` if that has one: other lines may be about anything."""
    source: re.Pattern[str] | None = None
    """Looked for in the code that ran."""
    needs: tuple[Need, ...] = (Need.FAILED,)
    anywhere: bool = False
    """The pattern may stand before an error that is a consequence: in what pip said, and the cell went on."""
    also: bool = False
    """Stands beside the cause, and is none itself."""
    last: bool = False
    """Only where no other rule fits."""
    guess: bool = False
    """Likely at best, however it was found."""


@dataclass(frozen=True)
class Text:
    """A piece of what a run said. What is found in one that is not `sure` stands near the error, and is likely."""

    text: str
    sure: bool


@dataclass(frozen=True)
class Case:
    """One run, or one text. `stages` are looked at in order: the state, the error itself, errors on the way to it."""

    state: RunState
    stages: tuple[tuple[Text, ...], ...]
    whole: Text
    records: int
    error: str = ""
    facts: Facts = field(default_factory=Facts)
    steps: str = ""
    """The steps of the error's traceback: each one's path and line of source."""
    in_library: bool = False
    headed: bool = False
    """The log has the report of a cell that failed."""


@dataclass(frozen=True)
class Finding:
    """A rule that fits, with its words filled in."""

    rule: Rule
    cause: str
    remedy: str
    sure: bool = True
    """Not so where a pattern was found near the error, and not in it."""
    seen: str = ""
    """The line of the log that says so."""


def findings(case: Case, rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    """The cause, if a rule knows it, and what else there is to say; the cause first."""
    main = next(_main(case, rules), None)
    every = (*(text for stage in case.stages for text in stage), case.whole)
    added = tuple(found for rule in rules if rule.also for found in _try(rule, case, every))
    return added if main is None else (main, *added)


def _main(case: Case, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    plain = [rule for rule in rules if not rule.also and not rule.last]
    for stage in case.stages:
        for rule in plain:
            yield from _try(rule, case, stage)
    if _HOLDS[Need.CONSEQUENCE](case, ""):
        for rule in rules:
            if rule.anywhere:
                yield from _try(rule, case, (case.whole,))
    for rule in rules:
        if rule.last:
            yield from _try(rule, case, tuple(text for stage in case.stages for text in stage))


def _try(rule: Rule, case: Case, texts: tuple[Text, ...]) -> Iterator[Finding]:
    groups: tuple[str, ...] = ()
    sure, seen = True, ""
    for pattern, where in (
        (rule.pattern, texts),
        (rule.step, (Text(case.steps, sure=True),)),
        (rule.source, (Text(case.facts.source, sure=not rule.guess),)),
    ):
        if pattern is None:
            continue
        found = next(((match, text.sure) for text in where for match in pattern.finditer(text.text)), None)
        if found is None:
            return
        match, certain = found
        sure = sure and certain
        seen = seen or _line(match)
        groups += tuple(group or "" for group in match.groups())
    subject = groups[0] if groups else ""
    if rule.log is not None:
        mentions = rule.log.finditer(case.whole.text)
        about = next((match for match in mentions if not groups or _names(match, subject)), None)
        if about is None:
            return
        groups += tuple(group or "" for group in about.groups())
    if not all(_HOLDS[need](case, subject) for need in rule.needs):
        return
    facts = case.facts
    mount = mount_of(subject, facts.datasets, facts.competitions, facts.kernels, facts.models)
    words = {
        "mount": mount.now if mount else "",
        "asked": facts.asked_shape,
        "given": facts.given_shape,
        "hours": f"{(facts.age or 0) / 3600:.1f}",
        "package": _package(subject),
        "give": _give(facts, *groups) if rule.code == "source-not-given" else "",
        "limit": f"{(facts.limit or 0) / 3600:.1f}",
    }
    sure = sure and not rule.guess
    yield Finding(rule, rule.cause.format(*groups, **words), rule.remedy.format(*groups, **words), sure, seen)


def _give(facts: Facts, kind: str, name: str) -> str:
    return how_to_give(f"{kind}_sources", name, facts.inputs)


def _names(match: re.Match[str], module: str) -> bool:
    wanted = _normalized(module)
    names = {_normalized(group or "") for group in match.groups()}
    return wanted in names or bool(names & set(_DISTRIBUTIONS.get(wanted, ())))


def _package(module: str) -> str:
    top = module.partition(".")[0]
    return _DISTRIBUTIONS.get(_normalized(top), (top,))[0]


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _line(match: re.Match[str]) -> str:
    text = match.string
    end = text.find("\n", match.end())
    return text[text.rfind("\n", 0, match.start()) + 1 : end if end >= 0 else len(text)].strip()


def _listed(case: Case, subject: str, *kinds: str) -> bool:
    facts = case.facts
    found: Mount | None = mount_of(subject, facts.datasets, facts.competitions, facts.kernels, facts.models)
    return found is not None and found.kind in kinds


def _in_place(case: Case, subject: str) -> bool:
    facts = case.facts
    found = mount_of(subject, facts.datasets, facts.competitions, facts.kernels, facts.models)
    return found is not None and found.now.removeprefix("/kaggle") == subject.removeprefix("/kaggle").removeprefix("..")


_DISTRIBUTIONS = {
    "bs4": ("beautifulsoup4",),
    "bio": ("biopython",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
    "crypto": ("pycryptodome",),
    "dateutil": ("python-dateutil",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "docx": ("python-docx",),
    "fitz": ("pymupdf",),
    "git": ("gitpython",),
    "imblearn": ("imbalanced-learn",),
    "jwt": ("pyjwt",),
    "pil": ("pillow",),
    "pywt": ("pywavelets",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "sox": ("sox", "pysox"),
    "umap": ("umap-learn",),
    "whisper": ("openai-whisper",),
    "yaml": ("pyyaml",),
}
"""Modules whose package has another name on the index."""

_FOLLOWS = re.compile(
    r"(?:FileNotFound|ModuleNotFound|Import|CalledProcess|BadZipFile|zipfile\.BadZipFile)(?:Error)?\b"
)

_FAILED = (RunState.ERROR, RunState.CANCELLED)

_HOLDS: dict[Need, Callable[[Case, str], bool]] = {
    Need.FAILED: lambda case, _: case.facts.text_only or case.state in _FAILED,
    Need.REFUSED: lambda case, _: case.facts.text_only and not case.headed,
    Need.RUN: lambda case, _: not case.facts.text_only or case.headed or bool(case.error),
    Need.BUSY: lambda case, _: not case.facts.text_only and not case.state.ended,
    Need.COMPLETE: lambda case, _: case.state is RunState.COMPLETE,
    Need.CANCELLED: lambda case, _: case.state is RunState.CANCELLED,
    Need.NO_ERROR: lambda case, _: not case.error,
    Need.INTERNET_OFF: lambda case, _: case.facts.internet is False,
    Need.GPU_OFF: lambda case, _: case.facts.gpu is False,
    Need.TPU_OFF: lambda case, _: case.facts.tpu is False,
    Need.NO_LOG: lambda case, _: case.records == 0,
    Need.NO_OUTPUT: lambda case, _: case.facts.outputs == 0,
    Need.OVERDUE: lambda case, _: case.facts.age is not None and case.facts.age > (case.facts.limit or 12 * 3600),
    Need.SUBSTITUTED: lambda case, _: _differ(case.facts),
    Need.DATASET_LISTED: lambda case, subject: _listed(case, subject, "dataset"),
    Need.COMPETITION_LISTED: lambda case, subject: _listed(case, subject, "competition"),
    Need.OTHER_LISTED: lambda case, subject: _listed(case, subject, "notebook", "model"),
    Need.IN_PLACE: lambda case, subject: _in_place(case, subject),
    Need.OWN_CODE: lambda case, _: not case.in_library,
    Need.EMBEDDED: lambda case, _: case.facts.embedded,
    Need.CONSEQUENCE: lambda case, _: _FOLLOWS.match(case.error) is not None,
    Need.BESIDE: lambda case, subject: any(
        name in case.facts.beside
        for stem in (subject, subject.partition(".")[0])
        for name in (stem.removeprefix("./"), f"{stem}.py")
        if stem
    ),
}


def _differ(facts: Facts) -> bool:
    return bool(facts.asked_shape and facts.given_shape) and facts.asked_shape.lower() != facts.given_shape.lower()
