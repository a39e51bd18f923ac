"""Proves that clean parses no notebook twice, and that what it remembers never stands for another notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.hooks.filter import NotebookFilter, stripper
from sahel_nb.notebook import strip_fast, strip_stream
from sahel_nb.notebook.strip import strip
from sahel_nb.repo.vault import Vault
from sahel_nb.repo.vault_entry import key_of
from sahel_nb.repo.vault_spool import Spool
from sahel_nb.repo.vault_sweep import size_of, sweep
from tests.unit.notebook.shapes import simple

PATH = "ŋ a.ipynb".encode()


def printing(text: str) -> bytes:
    return simple("a = 'ŋ'").replace(b"said 0", text.encode())


RAW = printing("out" * 2000)
LARGE = printing("ɓ" * 600_000)
MADE_UP = b'{"what": "somebody said that it was stripped"}\n'
"""Nobody would strip a notebook to this: whoever answers it has not looked."""
ORDINARY = stripper(strip_fast.__file__)
STREAM = stripper(strip_stream.__file__, strip_fast.__file__)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path / ".git/vault"


def clean(folder: Path, raw: bytes, path: bytes = PATH) -> bytes:
    """As one git command does."""
    vault = Vault(str(folder))
    ours = NotebookFilter(vault)
    answer = b"".join(ours.clean(path, pieces(raw)))
    ours.finish()
    return answer


def pieces(raw: bytes) -> Iterator[bytes]:
    return iter([raw[at : at + 65_516] for at in range(0, len(raw), 65_516)])


def pretend(folder: Path, raw: bytes, by: str) -> None:
    """Let the vault believe that this stripper made MADE_UP of `raw`."""
    vault = Vault(str(folder))
    if len(raw) > 1 << 20:
        spool = Spool(vault)
        spool.write(raw)
        spool.keep(PATH, key_of(MADE_UP), MADE_UP, by)
        spool.discard()
    else:
        vault.keep(PATH, key_of(MADE_UP), raw, MADE_UP, by)
    vault.close()


@pytest.mark.parametrize(("raw", "by"), [(RAW, ORDINARY), (LARGE, STREAM)], ids=["small", "large"])
def test_what_was_stripped_before_is_not_stripped_again(folder: Path, raw: bytes, by: str) -> None:
    pretend(folder, raw, by)
    assert clean(folder, raw) == MADE_UP
    assert sweep(folder, 10**9, thorough=True)
    assert clean(folder, raw) == MADE_UP


@pytest.mark.parametrize("raw", [RAW, LARGE], ids=["small", "large"])
def test_a_changed_stripper_strips_again(folder: Path, raw: bytes) -> None:
    pretend(folder, raw, "0badcafe")
    assert clean(folder, raw) == strip(raw)


@pytest.mark.parametrize(("raw", "by"), [(RAW, ORDINARY), (LARGE, STREAM)], ids=["small", "large"])
def test_another_notebook_is_stripped_itself(folder: Path, raw: bytes, by: str) -> None:
    pretend(folder, raw, by)
    for other in (raw.replace(b"outout", b"outoot", 1).replace("ɓ".encode(), "ɗ".encode(), 1), raw + b"\n", raw[:-1]):
        assert clean(folder, other) == strip(other)
    assert clean(folder, raw, b"elsewhere.ipynb") == strip(raw)


@pytest.mark.parametrize(("raw", "by"), [(RAW, ORDINARY), (LARGE, STREAM)], ids=["small", "large"])
def test_a_memory_that_decayed_is_no_memory(folder: Path, raw: bytes, by: str) -> None:
    pretend(folder, raw, by)
    for pack in folder.glob("*.pack"):
        pack.write_bytes(pack.read_bytes().replace(b"somebody", b"somebodX"))
    assert clean(folder, raw) == strip(raw)
    assert sweep(folder, 10**9, thorough=True)
    assert Vault(str(folder)).find(PATH, key_of(strip(raw))) == raw


@pytest.mark.parametrize("raw", [RAW, LARGE], ids=["small", "large"])
def test_looking_again_adds_nothing(folder: Path, raw: bytes) -> None:
    assert clean(folder, raw) == clean(folder, raw) == strip(raw)
    size = size_of(folder)
    assert clean(folder, raw) == strip(raw)
    assert size_of(folder) == size
    assert Vault(str(folder)).find(PATH, key_of(strip(raw))) == raw


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, len(LARGE) - 1), st.sampled_from([b"", b"x", b"12", b'"'])), max_size=3))
def test_large_notebooks_that_are_alike_up_to_anywhere_are_each_their_own(edits: list[tuple[int, bytes]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "vault"
        alone = Path(temporary) / "alone"
        assert clean(folder, LARGE) == strip(LARGE)
        for at, inserted in edits:
            raw = LARGE[:at] + inserted + LARGE[at:]
            assert answer_or_error(folder, raw) == answer_or_error(alone, raw)
        assert clean(folder, LARGE) == strip(LARGE)


def answer_or_error(folder: Path, raw: bytes) -> bytes | str:
    try:
        return clean(folder, raw)
    except Exception as exc:  # noqa: BLE001  whichever it is, it has to be the same
        return f"{type(exc).__name__}: {exc}"


def test_entries_of_an_older_version_are_read(folder: Path) -> None:
    folder.mkdir()
    key = key_of(strip(RAW))
    head = f"vault1 {key} {len(RAW)} {len(PATH)} - 1700000000000000000 -\n".encode()
    (folder / "01700000000000000000-1.pack").write_bytes(head + PATH + b"\n" + RAW + b"\n")
    assert Vault(str(folder)).find(PATH, key) == RAW
    assert clean(folder, RAW) == strip(RAW)
    assert sweep(folder, 10**9, thorough=True)
    assert Vault(str(folder)).find(PATH, key) == RAW
