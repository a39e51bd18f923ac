"""A run that kills itself with -9 at a named point: `dies.py SLUG OBJECT METHOD before|after|unreachable|away`.

The real run, assembled as the command assembles it; only one method of one object is wrapped. `unreachable` does not
kill: the method fails once, as over a line that is away for a moment; with `away` it fails each time.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sahel_nb.cli import assembly
from sahel_nb.cli.context import Context
from sahel_nb.errors import NetworkError
from sahel_nb.run import plan as planning
from sahel_nb.run.execute import RunOptions, Waiting, execute
from sahel_nb.run.select import select


class Dies:
    """Everything that `real` does, and the end of this process around one of its methods."""

    def __init__(self, real: Any, method: str, when: str) -> None:
        self._real, self._method, self._when = real, method, when

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._real, name)
        if name != self._method:
            return attribute

        def deadly(*args: Any, **kwargs: Any) -> Any:
            if self._when == "unreachable":
                self._when = "passed"
                raise NetworkError("the remote is away for a moment")
            if self._when == "away":
                raise NetworkError("the remote is away")
            if self._when == "passed":
                return attribute(*args, **kwargs)
            if self._when == "after":
                result = attribute(*args, **kwargs)
                if name == "outputs":
                    list(result)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("still alive")

        return deadly


def main(slug: str, victim: str, method: str, when: str) -> None:
    context = Context.here()
    worktree = context.worktree
    head = worktree.head()
    source = planning.read_source(worktree, head, select(worktree, head, slug, context.cwd).kernel.folder)
    plan = planning.make_plan(source)
    service: Any = context.kaggle
    lock: Any = assembly.lock_of(context, plan.ref)
    if victim == "service":
        service = Dies(service, method, when)
    else:
        lock = Dies(lock, method, when)
    execute(
        plan,
        RunOptions(3600, Waiting.FOLLOW, f"sahel-nb attach {plan.ref}"),
        who=assembly.who(context),
        places=assembly.places(context),
        service=service,
        lock=lock,
        reporter=context.reporter,
    )


main(*sys.argv[1:])
