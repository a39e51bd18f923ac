"""A clone, and a server of one kind that it makes compare-and-swaps on."""

from __future__ import annotations

from dataclasses import dataclass

from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap
from support.git import Git, Origin

REF = "refs/sahel/locks/o/s"


@dataclass
class Scene:
    origin: Origin
    clone: Git
    refs: RemoteRefs
    base: str

    def commit(self, text: str, parent: RawCommit | None = None) -> RawCommit:
        return make_commit(text.encode(), parent=parent.oid if parent else None, name="n", email="e@x", when=1)

    def swap(self, old: RawCommit | None, new: RawCommit, **more: float) -> Swap:
        return self.refs.swap(REF, old, new, **more).swap

    def there(self) -> str:
        return self.origin("rev-parse", "--verify", "-q", REF, check=False)
