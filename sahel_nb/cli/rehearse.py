"""`sahel-nb rehearse`: a run on the embedded service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from sahel_nb.cli.context import Context


@click.command(epilog="Example: sahel-nb rehearse notebooks/fula-tts")
@click.argument("kernel", required=False)
@click.option("--at", "commit", metavar="COMMIT", help="Rehearse this commit in place of HEAD.")
@click.option("--timeout", metavar="TIME", help="Limit of the session: 3600, 90m, 2h.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=TIMES]",
    help="Let the service misbehave as Kaggle does: push-cut, sse-cut, status-lag, … An unknown name lists them all.",
)
@click.option("--unsandboxed", is_flag=True, help="Also where no sandbox can be built: the kernel then runs as you do.")
@click.option("--json", "as_json", is_flag=True, help="The run's record as one JSON object on stdout.")
def rehearse(
    kernel: str | None,
    commit: str | None,
    timeout: str | None,
    faults: tuple[str, ...],
    unsandboxed: bool,
    as_json: bool,
) -> None:
    """Run the committed KERNEL on this machine, on the embedded Kaggle-compatible service.

    No account, no quota, no lock, and the commit need not be pushed. The packages are those of this machine, not those
    of Kaggle's image: what works here may still fail there, and the other way round.
    Where no sandbox can be built, it is refused without --unsandboxed: the kernel could read and change all your files.
    """
    from sahel_nb.cli.run import launch, seconds

    context = Context.here(local=True)
    with _misbehaving(context, kernel, commit, faults):
        launch(
            context,
            kernel,
            dev=False,
            commit=commit,
            timeout=seconds(timeout) if timeout else None,
            unsandboxed=unsandboxed,
            as_json=as_json,
            rehearsal=True,
        )


@contextmanager
def _misbehaving(context: Context, kernel: str | None, commit: str | None, faults: tuple[str, ...]) -> Iterator[None]:
    """Inside: the faults are armed for this kernel, and for nobody else's requests. Afterwards: what struck."""
    if not faults:
        yield
        return
    from sahel_nb.cli import assembly
    from sahel_nb.cli.run import refuse_other_languages
    from sahel_nb.localkaggle.control import Control, parse

    wanted = [parse(fault) for fault in faults]
    asked = assembly.asked(context, kernel)
    if asked.selection is not None:
        sha = context.worktree.resolve(commit) if commit else context.worktree.head()
        refuse_other_languages(assembly.source_of(context, sha, asked.selection.kernel.folder))
    ref = str(asked.ref)
    control = Control(context.target.url, context.embedded_folder.admin_token())
    control.calm(ref)
    for name, times in wanted:
        control.arm(name, ref, times)
    try:
        yield
    finally:
        for struck in control.calm(ref):
            context.reporter.say(f"the fault {struck.name} struck {struck.times} times")
