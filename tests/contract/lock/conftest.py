"""The servers that a lock can live on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree
from support.reached import WAYS, reached
from support.swap_scene import Scene


@pytest.fixture(params=WAYS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with reached(request.param, tmp_path) as (origin, clone, base):
        yield Scene(origin, clone, RemoteRefs(Worktree.discover(clone.root), "origin"), base)
