"""The composition root: the one place that builds real objects, each when it is first asked for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sahel_nb.config import Config
    from sahel_nb.kernels.client import KaggleClient
    from sahel_nb.kernels.target import Target
    from sahel_nb.localkaggle.folder import DataFolder
    from sahel_nb.localkaggle.instance import Endpoint
    from sahel_nb.lock.home import Home
    from sahel_nb.repo.worktree import Worktree
    from sahel_nb.report.console import Console
    from sahel_nb.report.jsonl import JsonLines


def reporter() -> Console | JsonLines:
    """Where people, or programs that set SAHEL_NB_EVENTS=json, read what is going on: stderr."""
    if os.environ.get("SAHEL_NB_EVENTS") == "json":
        from sahel_nb.report.jsonl import JsonLines

        return JsonLines(sys.stderr)
    from sahel_nb.report.console import Console

    return Console(sys.stderr)


@dataclass(frozen=True)
class Context:
    """What a command works with. `local` sends everything to the embedded service instead of Kaggle."""

    cwd: Path
    local: bool = False

    @classmethod
    def here(cls, *, local: bool = False) -> Context:
        from pathlib import Path

        return cls(Path.cwd(), local)

    @cached_property
    def reporter(self) -> Console | JsonLines:
        return reporter()

    @cached_property
    def worktree(self) -> Worktree:
        from sahel_nb.repo.worktree import Worktree

        return Worktree.discover(self.cwd)

    @cached_property
    def config(self) -> Config:
        return self.worktree.config(environ=os.environ)

    def remind_of_install(self) -> None:
        """Say it where a repository is set up for sahel-nb and this clone is not."""
        from sahel_nb.install.forgotten import NOTICE, install_is_forgotten
        from sahel_nb.report.events import Level

        if install_is_forgotten(self.worktree, os.environ):
            self.reporter.say(NOTICE, Level.WARN)

    @cached_property
    def lock_home(self) -> Home:
        """Where the locks are; a place that nobody else sees is called so, once in every command that looks there."""
        from sahel_nb.lock.home import home_of
        from sahel_nb.lock.team import lock_config
        from sahel_nb.report.events import Level

        home = home_of(self.worktree, lock_config(self.worktree, self.config.lock, os.environ))
        if home.label:
            self.reporter.say(home.label, Level.WARN)
        return home

    @cached_property
    def target(self) -> Target:
        """Which Kaggle, decided once: `--local`, else SAHEL_NB_KAGGLE, else Kaggle itself."""
        from dataclasses import replace

        from sahel_nb.kernels.target import Target, TargetKind, patience_of

        patience = patience_of(os.environ.get("SAHEL_NB_KAGGLE_TIMEOUT", ""))
        choice = Target.choose("local" if self.local else os.environ.get("SAHEL_NB_KAGGLE", ""))
        if choice.kind is not TargetKind.EMBEDDED:
            return replace(choice, patience=patience)
        from sahel_nb.localkaggle.executor.spec import INTERPRETER_HEADER, Interpreter

        return Target(
            TargetKind.EMBEDDED,
            self.embedded.url,
            self._owner,
            self.embedded_folder.key(),
            patience,
            headers=((INTERPRETER_HEADER, Interpreter.current().to_json()),),
        )

    @property
    def embedded_folder(self) -> DataFolder:
        """Where this person's embedded service keeps its data, and the keys that it accepts."""
        from sahel_nb.localkaggle.folder import DataFolder
        from sahel_nb.report.crash import state_home

        return DataFolder(state_home() / "local")

    @cached_property
    def embedded(self) -> Endpoint:
        """This person's embedded service, started where it does not run. Raises `NetworkError`, `Refused`."""
        from sahel_nb.localkaggle import daemon

        folder = self.embedded_folder.root
        endpoint = daemon.current(folder)
        if endpoint is not None:
            self.reporter.say(f"using the embedded Kaggle service at {endpoint.url}")
            self._look_at_python(endpoint)
            return endpoint
        endpoint = daemon.ensure(folder)
        self.reporter.say(f"started the embedded Kaggle service at {endpoint.url}; `sahel-nb local stop` ends it")
        return endpoint

    def _look_at_python(self, endpoint: Endpoint) -> None:
        """A service that was started by hand runs everything in its own Python; the Python of any may be gone."""
        from pathlib import Path

        from sahel_nb.errors import Refused
        from sahel_nb.report.events import Level

        if endpoint.python and not Path(endpoint.python).exists():
            raise Refused(
                f"The Python that the embedded service runs in is gone: {endpoint.python}",
                hints=("sahel-nb local stop   # the next run starts it in this one",),
            )
        if endpoint.python not in ("", sys.executable) and not endpoint.runs_callers_python:
            text = f"it runs kernels in {endpoint.python}, not in {sys.executable}; `sahel-nb local stop` changes that"
            self.reporter.say(text, Level.WARN)

    @cached_property
    def _owner(self) -> str:
        """Who one is on the embedded service: the owner of the kernels here, so that their slugs can be pushed to."""
        from sahel_nb.errors import SahelError
        from sahel_nb.run.select import kernels_in

        try:
            kernels = kernels_in(self.worktree, self.worktree.head())
        except SahelError:
            kernels = ()
        owners = [kernel.id.partition("/")[0] for kernel in kernels if "/" in kernel.id]
        return max(owners, key=owners.count) if owners else "local"

    @property
    def is_named_embedded(self) -> bool:
        """The same as `is_embedded`, without starting the service that is meant."""
        return self.local or os.environ.get("SAHEL_NB_KAGGLE", "") == "local"

    @property
    def is_embedded(self) -> bool:
        from sahel_nb.kernels.target import TargetKind

        return self.target.kind is TargetKind.EMBEDDED

    @cached_property
    def kaggle(self) -> KaggleClient:
        from sahel_nb.kernels.client import KaggleClient
        from sahel_nb.report.events import Level

        return KaggleClient(self.target, lambda text: self.reporter.say(text, Level.WARN))
