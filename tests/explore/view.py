"""Kaggle as the production code sees it, over the explored world."""

from __future__ import annotations

from dataclasses import dataclass

from sahel_nb.lock.kaggle_view import Newest, Phase

from .world import Shared


@dataclass(frozen=True)
class View:
    shared: Shared

    def newest(self) -> Newest:
        versions = self.shared.versions
        return Newest(len(versions), self.shared.kernel) if versions else Newest(0)

    def gone(self) -> bool:
        return True

    def phase(self, version: int) -> Phase:
        return Phase.RUNNING if self.shared.versions[version - 1].runs else Phase.ENDED_COMPLETE

    def stamp(self, version: int) -> str | None:
        return self.shared.versions[version - 1].stamp or None
