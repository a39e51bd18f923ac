"""The chain in memory, a Kaggle that is a folder, and people who share both and one clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.lock.memory import Memory, MemoryRemote
from support.lock_stories import Eventful, People
from support.locks import FolderKaggle, Person


@pytest.fixture
def remote() -> MemoryRemote:
    return MemoryRemote()


@pytest.fixture
def kaggle(tmp_path: Path) -> FolderKaggle:
    return FolderKaggle(tmp_path / "kaggle")


@pytest.fixture
def clock() -> Eventful:
    return Eventful()


@pytest.fixture
def people(remote: MemoryRemote, kaggle: FolderKaggle, clock: Eventful) -> People:
    return lambda name: Person(name, Memory(remote), kaggle, clock)
