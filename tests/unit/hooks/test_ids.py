"""When a permanent id changes: in place, with its folder, in the place of another; and when it does not."""

from __future__ import annotations

import json

from sahel_nb.hooks.ids import changed_ids, parse_renames
from sahel_nb.hooks.staged import Change

META = b"kernel-metadata.json"


def blob(name: str, code: str = "fula.ipynb") -> bytes:
    return json.dumps({"id": f"awa/{name}", "code_file": code}).encode()


BLOBS = {"one": blob("one"), "other": blob("other"), "script": blob("other", "x.py"), "odd": b"{", "none": b"{}"}
MODE = "100644"


def asked(*changes: tuple[str, str | None, str | None], moved: dict[bytes, bytes] | None = None) -> list[str]:
    def renames() -> dict[bytes, bytes]:
        assert moved is not None, "asked without need"
        return moved

    made = [Change(folder.encode() + b"/" + META, old, new, MODE) for folder, old, new in changes]
    return [f"{one.path}: {one.message}" for one in changed_ids(made, BLOBS, renames)]


def test_in_place() -> None:
    assert asked(("a", "one", "other")) == ["a/kernel-metadata.json: changes the permanent id awa/one to awa/other"]
    assert asked(("a", "one", "one"), ("b", None, "other"), ("c", "one", None)) == []
    assert asked(("a", "one", "odd"), ("b", "none", "one"), ("c", "odd", "other")) == []


def test_with_its_folder() -> None:
    both = (("a", "one", None), ("b", None, "other"))
    assert asked(*both, moved={b"b/fula.ipynb": b"a/fula.ipynb"}) == [
        "b/kernel-metadata.json: changes the permanent id awa/one to awa/other"
    ]
    assert asked(*both, moved={b"b/fula.py": b"a/fula.py"}) != []
    # A kernel goes and another one comes; metadata and read-me files all look alike.
    assert asked(*both, moved={}) == []
    assert asked(*both, moved={b"b/" + META: b"a/" + META, b"b/README.md": b"a/README.md"}) == []
    assert asked(("a", "one", None), ("b", None, "script"), moved={b"b/x.py": b"a/fula.py"}) != []
    assert asked(("a", "one", None), ("b", None, "one")) == []
    assert asked(("a", "one", None), ("b", "other", "one"), ("c", None, "other")) != []


def test_a_merge_has_several_pasts() -> None:
    assert asked(("a", "one", "other"), ("a", "other", "other")) == []
    assert len(asked(("a", "one", "other"), ("a", "one", "other"))) == 1


def test_what_git_says_of_renames() -> None:
    assert parse_renames(b"M\0a\0R100\0old b\0new b\0D\0c\0A\0d\0") == {b"new b": b"old b"}
    assert parse_renames(b"") == {}
