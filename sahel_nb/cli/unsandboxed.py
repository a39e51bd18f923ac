"""What the embedded service cannot keep a run from, said before each run; without a sandbox a run needs a word."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sahel_nb.cli.hints import again
from sahel_nb.report.events import Check, Level, Verdict

if TYPE_CHECKING:
    from sahel_nb.cli.context import Context
    from sahel_nb.run.plan import Plan

SETTING, VARIABLE = "sahel-nb.unsandboxed", "SAHEL_NB_UNSANDBOXED"
"""A person's own, and never the committed file's: whose repository this is, that person alone knows."""


def examine(context: Context, plan: Plan, *, said: bool) -> Iterator[Check]:
    """The rows `sandbox` and, for a kernel with internet, `network`. `said`: the command has --unsandboxed."""
    service = context.embedded
    if not service.without:
        yield Check("sandbox", Verdict.OK, "the kernel sees none of your files")
    else:
        for sentence in service.without:
            context.reporter.say(sentence, Level.WARN)
        yield _unsandboxed(context, said=said)
    if service.open_network and json.loads(plan.metadata.to_json())["enable_internet"] and not service.without:
        yield Check("network", Verdict.WARNING, service.open_network, service.to_close_network)


def _unsandboxed(context: Context, *, said: bool) -> Check:
    by = "--unsandboxed" if said else _allowed_by(context)
    if by:
        return Check("sandbox", Verdict.WARNING, f"there is none; {by} allows it")
    return Check(
        "sandbox",
        Verdict.FAILED,
        "there is none: the kernel could read and change all that you can",
        f"{again(sys.argv[1:])} --unsandboxed",
        more=(f"git config --global {SETTING} true   # for all that you run here",),
    )


def _allowed_by(context: Context) -> str:
    """The personal setting that allows it; empty where none does. Raises `UsageError` for a value that is none."""
    from sahel_nb.config import boolean

    for name, value in (
        (VARIABLE, os.environ.get(VARIABLE, "")),
        (f"git config {SETTING}", context.worktree.git_config().get(SETTING, "")),
    ):
        if value:
            return name if boolean(value, name) else ""
    return ""
