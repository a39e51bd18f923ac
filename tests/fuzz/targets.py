"""What is fed, and what must hold whatever it is fed with. A target raises `Wrong`; all else that it raises is, too."""

from __future__ import annotations

import copy
import json
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import jupytext
import nbformat
from nbstripout._utils import strip_output, strip_zeppelin_output

from sahel_nb.notebook import percent, percent_read, zeppelin
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import DEFAULT_KEYS, has_something_to_strip, is_stripped, strip
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.notebook.strip_fast import Unsure, strip_ordinary
from sahel_nb.notebook.strip_stream import StripStream
from tests.fuzz.conversations import Wrong, listen
from tests.fuzz.mutate import mutated
from tests.unit.notebook.test_pair_percent import by_jupytext


@dataclass(frozen=True)
class Target:
    """`feed` returns True for what it has accepted: such inputs are worth mutating again."""

    name: str
    feed: Callable[[bytes, Random], bool]


class _Refused(Exception):
    pass


def by_nbstripout(data: bytes) -> tuple[bytes, bool]:
    """What its command line writes with its defaults, and whether that is a change to it. Raise `_Refused`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(data.decode("utf-8"), as_version=nbformat.NO_CONVERT)
            before = copy.deepcopy(notebook)
            strip_output(notebook, keep_output=None, keep_count=False, keep_id=False, extra_keys=list(DEFAULT_KEYS))
            changed = bool(before != notebook)
            text = nbformat.writes(notebook)
            return (text if text.endswith("\n") else text + "\n").encode("utf-8"), changed
    except Exception as exc:  # it dies of anything
        raise _Refused(repr(exc)[:200]) from exc


def fast(data: bytes, chance: Random) -> bool:
    """strip_ordinary knows the notebook and writes nbstripout's bytes, or says nothing."""
    stripped = strip_ordinary(data)
    if stripped is None:
        return False
    _must_be(stripped, data)
    return True


def anything(data: bytes, chance: Random) -> bool:
    """strip and nbstripout agree, refusals included; what is stripped is recognised as such."""
    try:
        stripped = strip(data)
    except NotebookError:
        if chance.random() < 0.2:
            _must_be_refused(data)
        return False
    changed = _must_be(stripped, data)
    if is_stripped(data) != (data == stripped):
        raise Wrong("is_stripped is wrong")
    if not is_stripped(stripped) and b'"metadata.' not in data:
        # (A key that is spelt with the dot shields the real one for a round, in nbstripout too.)
        raise Wrong("what was stripped is not known as stripped")
    if changed is not None and has_something_to_strip(data) != changed:
        raise Wrong(f"has_something_to_strip is wrong: nbstripout says {changed}")
    return True


def stream(data: bytes, chance: Random) -> bool:
    """StripStream, fed in pieces of any size and with buffers of any size, writes the same, or is unsure."""
    step = chance.choice((1, 7, 64, 1000, 1 << 17))
    most = chance.choice((1, 16, 100, 400, 3000, 1 << 18))
    # A longer line is taken for a text that is not empty: so this must not be shorter than a line `"output_type": ""`.
    small = chance.choice((90, 120, 300, 1 << 12))
    try:
        engine = StripStream(step=step, most=most, small=small)
        largest = chance.choice((1, 3, 17, 200, 65_516))
        at = 0
        while at < len(data):
            size = chance.randint(1, largest)
            engine.feed(data[at : at + size])
            at += size
        stripped = engine.finish()
    except Unsure:
        return False
    known = strip_ordinary(data)
    if known is None:
        _must_be(stripped, data)
    elif known != stripped:
        raise Wrong(f"the stream says something else than strip_ordinary (step={step}, most={most}, small={small})")
    return True


def check(data: bytes, chance: Random) -> bool:
    """certainly_stripped says yes only to what nbstripout would write."""
    if not certainly_stripped(data):
        return False
    _must_be(data, data)
    return True


def results(data: bytes, chance: Random) -> bool:
    """Zeppelin's notebooks: what is printed is what nbstripout prints, and all else is refused."""
    try:
        whole = json.loads(data.decode("utf-8"), object_pairs_hook=OrderedDict)
        before = copy.deepcopy(whole)
        expected = json.dumps(strip_zeppelin_output(whole), indent=2).encode() + b"\n"
    except RecursionError:
        return False  # that depends on the stack, and not on the notebook
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        try:
            zeppelin.strip(data)
        except NotebookError:
            return False
        raise Wrong("nbstripout refuses it") from exc
    if zeppelin.strip(data) != expected:
        raise Wrong("nbstripout writes something else")
    if zeppelin.has_something_to_strip(data) != (before != whole):
        raise Wrong("has_something_to_strip is wrong")
    return True


def mirror(data: bytes, chance: Random) -> bool:
    """The mirror of what is stripped is jupytext's; and so is what is read from it, if need be after some damage."""
    try:
        made = percent.write(strip(data))
    except (Unsure, NotebookError):
        return False
    try:
        expected = by_jupytext(strip(data))
    except Exception:  # noqa: BLE001  it dies of anything
        expected = None
    if expected is None:
        return False  # what is no notebook to jupytext has no mirror to compare
    if made != expected:
        raise Wrong("jupytext writes another mirror")
    if chance.random() < 0.5:
        made = mutated(made, chance, ())
    try:
        _, cells = percent_read.read(made)
    except (Unsure, NotebookError):
        return True
    try:
        theirs = jupytext.reads(made.decode(), fmt="py:percent").cells
    except Exception:  # noqa: BLE001  the same
        return False
    if [cell["cell_type"] for cell in cells] != [cell.cell_type for cell in theirs]:
        raise Wrong("jupytext reads other cells")
    for cell, other in zip(cells, theirs, strict=True):
        if cell["metadata"] != other.metadata or (other.cell_type == "code" and cell["source"] != other.source):
            raise Wrong("jupytext reads another cell")
    return True


def _must_be(stripped: bytes, data: bytes) -> bool | None:
    """Whether nbstripout calls that a change; None where it has no answer."""
    try:
        expected, changed = by_nbstripout(data)
    except _Refused as exc:
        if isinstance(exc.__cause__, RecursionError):
            return None  # that depends on the stack, and not on the notebook
        raise Wrong(f"nbstripout refuses it: {exc}") from exc
    if stripped != expected:
        raise Wrong("nbstripout writes something else")
    return changed


def _must_be_refused(data: bytes) -> None:
    try:
        by_nbstripout(data)
    except _Refused:
        return
    raise Wrong("nbstripout accepts it")


TARGETS: dict[str, Any] = {
    target.name: target
    for target in (
        Target("fast", fast),
        Target("anything", anything),
        Target("stream", stream),
        Target("check", check),
        Target("conversation", listen),
        Target("mirror", mirror),
        Target("zeppelin", results),
    )
}
