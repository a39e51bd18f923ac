"""Three-way merge of kernel-metadata.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata_merge import merge_metadata
from sahel_nb.notebook.merge_lines import Labels, has_markers

BASE: dict[str, Any] = {
    "id": "awa/fula",
    "title": "Fula",
    "code_file": "fula.ipynb",
    "enable_gpu": False,
    "machine_shape": "",
    "dataset_sources": ["awa/words/1", "awa/audio"],
    "keywords": [],
}


def metadata(**changed: Any) -> bytes:
    return (json.dumps(BASE | changed, indent=2, ensure_ascii=False) + "\n").encode()


def merged(ours: bytes, theirs: bytes, base: bytes | None = metadata()) -> tuple[dict[str, Any], tuple[str, ...]]:
    done = merge_metadata(base, ours, theirs)
    return json.loads(done.content), done.conflicts


def test_keys_are_merged_whatever_their_lines_touch() -> None:
    result, conflicts = merged(metadata(title="Fula ŋ", enable_gpu=True), metadata(code_file="x.ipynb", extra=1))
    assert result == BASE | {"title": "Fula ŋ", "enable_gpu": True, "code_file": "x.ipynb", "extra": 1}
    assert conflicts == ()


def test_sources_are_a_set_that_keeps_its_order() -> None:
    ours = metadata(dataset_sources=["awa/words/1", "awa/audio", "awa/mine"], keywords=["nlp"])
    theirs = metadata(dataset_sources=["her/own", "awa/words/2"], keywords=["audio", "nlp"])
    result, conflicts = merged(ours, theirs)
    assert result["dataset_sources"] == ["awa/words/2", "awa/mine", "her/own"]
    assert result["keywords"] == ["nlp", "audio"]
    assert conflicts == ()


def test_two_versions_of_a_dataset_are_a_conflict() -> None:
    ours, theirs = (metadata(dataset_sources=[f"awa/words/{number}", "awa/audio"]) for number in (2, 3))
    done = merge_metadata(metadata(), ours, theirs)
    assert done.conflicts == ('dataset_sources: "awa/words/2" in ours, "awa/words/3" in theirs',)
    text = done.content.decode()
    assert '<<<<<<< ours\n    "awa/words/2",\n=======\n    "awa/words/3",\n>>>>>>> theirs\n' in text


def test_a_key_that_both_changed_stands_there_twice() -> None:
    ours, theirs = metadata(machine_shape="A", title="Mine"), metadata(machine_shape="B", enable_gpu=True)
    done = merge_metadata(metadata(), ours, theirs, Labels("HEAD", "feature"))
    assert done.conflicts == ('machine_shape: "A" in ours, "B" in theirs',)
    markers = b'<<<<<<< HEAD\n  "machine_shape": "A",\n=======\n  "machine_shape": "B",\n>>>>>>> feature\n'
    assert done.content == metadata(machine_shape="A", title="Mine", enable_gpu=True).replace(
        b'  "machine_shape": "A",\n', markers
    )


@pytest.mark.parametrize("base", [metadata(id="the/first"), None])
def test_an_id_that_both_changed_stays_ours(base: bytes | None) -> None:
    result, conflicts = merged(metadata(), metadata(id="her/fula", keywords=["nlp"]), base)
    assert result["id"] == "awa/fula"
    assert conflicts == ('id is permanent: it stays "awa/fula", theirs was "her/fula"',)


def test_an_id_that_one_side_changed_is_changed() -> None:
    moved, work = metadata(id="team/fula", id_no=2), metadata(enable_internet=True, id_no=1)
    for ours, theirs in ((moved, work), (work, moved)):
        result, conflicts = merged(ours, theirs, metadata(id_no=1))
        assert (result["id"], result["id_no"], result["enable_internet"]) == ("team/fula", 2, True)
        assert conflicts == ()


@pytest.mark.parametrize(
    ("gpu", "tpu"),
    [
        ({"enable_gpu": True}, {"enable_tpu": True}),
        ({"enable_gpu": "true"}, {"machine_shape": "TpuV5E8"}),
        ({"enable_gpu": True, "machine_shape": "NvidiaTeslaT4"}, {"enable_tpu": True}),
        ({"machine_shape": "NvidiaL4"}, {"enable_tpu": True, "machine_shape": ""}),
    ],
)
def test_a_gpu_and_a_tpu_are_a_conflict(gpu: dict[str, Any], tpu: dict[str, Any]) -> None:
    for base in (metadata(), metadata(enable_tpu=False)):
        for ours, theirs in ((gpu, tpu), (tpu, gpu)):
            done = merge_metadata(base, metadata(**ours), metadata(**theirs, title="Theirs"))
            assert done.conflicts
            text = done.content.decode()
            for at, side in enumerate((ours, theirs)):
                chosen = json.loads(_resolved(text, at))
                assert {key: chosen.get(key) for key in side} == side
                assert chosen["title"] == "Theirs"
                both = [chosen.get("enable_gpu") in (True, "true"), chosen.get("enable_tpu") in (True, "true")]
                assert not all(both)


def test_another_machine_on_one_side_alone_is_no_conflict() -> None:
    base = metadata(enable_gpu=True, enable_tpu=False, machine_shape="NvidiaTeslaT4")
    tpu = metadata(enable_gpu=False, enable_tpu=True, machine_shape="TpuV5E8")
    title = metadata(enable_gpu=True, enable_tpu=False, machine_shape="NvidiaTeslaT4", title="Mine")
    for ours, theirs in ((tpu, title), (title, tpu)):
        result, conflicts = merged(ours, theirs, base)
        assert conflicts == ()
        assert (result["enable_gpu"], result["enable_tpu"], result["machine_shape"]) == (False, True, "TpuV5E8")


def _resolved(text: str, side: int) -> str:
    """The file as somebody who takes one side of each conflict leaves it."""
    kept, at = [], None
    for line in text.split("\n"):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            at = {"<": 0, "=": 1, ">": None}[line[0]]
        elif at in (None, side):
            kept.append(line)
    return "\n".join(kept)


def test_the_file_keeps_its_layout() -> None:
    odd = b'{"id": "awa/fula",\r\n\r\n "title": "Fula",  "a": [1,2],\r\n\r\n "b": 1}'
    ours, theirs = odd.replace(b"Fula", b"Mine"), odd.replace(b'"b": 1', b'"b": 2')
    assert merge_metadata(odd, ours, theirs).content == ours.replace(b'"b": 1', b'"b": 2')
    for indent in (None, 1, "\t"):
        sides = [
            json.dumps(BASE | changed, indent=indent).encode().replace(b"\n", b"\r\n")
            for changed in ({}, {"title": "a"}, {"code_file": "b"})
        ]
        done = merge_metadata(sides[0], sides[1], sides[2])
        assert done.content == json.dumps(BASE | {"title": "a", "code_file": "b"}, indent=indent).encode().replace(
            b"\n", b"\r\n"
        )


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"<<<<<<< HEAD\n{}"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        merge_metadata(metadata(), data, metadata(title="x"))


KEYS = st.sampled_from(("id", "title", "dataset_sources", "keywords", "a", "b"))
VALUES = st.one_of(
    st.lists(st.sampled_from(("a/b", "a/b/1", "a/b/2", "c/d")), max_size=3, unique=True), st.integers(0, 2), st.none()
)
OBJECTS = st.dictionaries(KEYS, VALUES)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_it_is_valid_or_marked_and_one_side_alone_is_that_side(base: Any, ours: Any, theirs: Any) -> None:
    sides = [json.dumps(one, indent=2).encode() for one in (base, ours, theirs)]
    done = merge_metadata(*sides)
    assert has_markers(done.content.decode()) <= bool(done.conflicts)
    if not has_markers(done.content.decode()):
        result = json.loads(done.content)
        assert result.keys() <= ours.keys() | theirs.keys()
        assert result.keys() >= ours.keys() & theirs.keys()
    alone = merge_metadata(sides[0], sides[1], json.dumps(base, indent=4).encode())
    if "id" not in base or "id" not in ours or base["id"] == ours["id"]:
        assert json.loads(alone.content) == ours
        assert alone.conflicts == ()
