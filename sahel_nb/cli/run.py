"""`sahel-nb run`: argv → a plan, a preflight, `run.execute`, an exit code."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.signals import as_interrupts
from sahel_nb.errors import (
    NOTHING_STARTED,
    NOTHING_STARTED_HERE,
    AuthError,
    NetworkError,
    Refused,
    SahelError,
    UsageError,
)
from sahel_nb.report.terminal import write_product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahel_nb.datasets.committed import CommittedDataset
    from sahel_nb.lock.client import LockClient
    from sahel_nb.lock.record import Outcome
    from sahel_nb.report.events import Check
    from sahel_nb.run.execute import Places, Who
    from sahel_nb.run.finish import Finished
    from sahel_nb.run.plan import Plan, Source
    from sahel_nb.run.preflight import Situation


@click.command(epilog="Example: sahel-nb run notebooks/fula-tts --timeout 2h")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="On your personal slug, leaving the shared kernel and its lock alone.")
@click.option("--dry-run", is_flag=True, help="Show the preflight and what would be pushed; do nothing.")
@click.option("--detach", is_flag=True, help="Return when the run has started; `sahel-nb attach` goes on.")
@click.option("--at", "commit", metavar="COMMIT", help="Run this pushed commit in place of HEAD.")
@click.option("--timeout", metavar="TIME", help="Limit of the session on Kaggle: 3600, 90m, 2h.")
@click.option(
    "--wait", metavar="[TIME]", is_flag=False, flag_value="", help="Stand in line while others run: 10m, 2h, no end."
)
@click.option("--over-quota", is_flag=True, help="Also where this week's hours are not enough, by earlier runs.")
@click.option("--local", is_flag=True, help="On the embedded service instead of Kaggle.")
@click.option("--unsandboxed", is_flag=True, help="With --local, also where no sandbox can be built: see `rehearse`.")
@click.option("--json", "as_json", is_flag=True, help="The run's record as one JSON object on stdout.")
def run(
    kernel: str | None,
    dev: bool,
    dry_run: bool,
    detach: bool,
    commit: str | None,
    timeout: str | None,
    wait: str | None,
    over_quota: bool,
    local: bool,
    unsandboxed: bool,
    as_json: bool,
) -> None:
    """Run KERNEL on Kaggle, exactly as git has it.

    From a clean and pushed checkout only. Takes the kernel's lock, pushes what the commit has, follows the log, fetches
    the outputs into runs/, records the run and frees the lock. KERNEL is a folder, its name, or owner/slug.
    """
    from sahel_nb.cli.lock_by_hand import patience_of

    kernel, patience = patience_of(kernel, wait)
    launch(
        Context.here(local=local),
        kernel,
        dev=dev,
        dry_run=dry_run,
        detach=detach,
        commit=commit,
        timeout=seconds(timeout) if timeout else None,
        wait=patience,
        over_quota=over_quota,
        unsandboxed=unsandboxed,
        as_json=as_json,
    )


@as_interrupts()
def launch(
    context: Context,
    kernel: str | None,
    *,
    dev: bool,
    dry_run: bool = False,
    detach: bool = False,
    commit: str | None = None,
    timeout: int | None = None,
    wait: float = 0.0,
    over_quota: bool = False,
    unsandboxed: bool = False,
    as_json: bool = False,
    rehearsal: bool = False,
) -> None:
    """Everything that `run` and `rehearse` do. A rehearsal takes no lock and asks for nothing to be pushed."""
    from sahel_nb.run.execute import Detached, RunOptions, Waiting, execute

    context.remind_of_install()
    try:
        with _without_quota(context):
            plan, lock, who, places, attach = _prepare(
                context, kernel, commit, dev=dev, rehearsal=rehearsal, waits=wait > 0, dry_run=dry_run,
                timeout=timeout, over_quota=over_quota, unsandboxed=unsandboxed, as_json=as_json,
            )  # fmt: skip
    except KeyboardInterrupt:
        context.reporter.say(f"stopped. {NOTHING_STARTED_HERE if context.is_named_embedded else NOTHING_STARTED}")
        raise
    if dry_run:
        return
    if not (rehearsal or context.is_embedded):
        _keep_commit(context, plan)
    options = RunOptions(_limit(context, plan, timeout), Waiting.DETACH if detach else Waiting.FOLLOW, attach, wait)
    with _without_quota(context):
        finished = execute(
            plan, options, who=who, places=places, service=context.kaggle, lock=lock, reporter=context.reporter
        )
    if isinstance(finished, Detached):
        if as_json:
            value = {"schema": "sahel-nb.detached/1", **asdict(finished)}
            click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    show(context, finished, as_json=as_json)
    finished.raise_for_outcome()


@contextmanager
def _without_quota(context: Context) -> Iterator[None]:
    """What fails on the embedded service, which has none, does not speak of quota."""
    try:
        yield
    except SahelError as exc:
        if exc.kaggle == NOTHING_STARTED and context.is_named_embedded:
            exc.kaggle = NOTHING_STARTED_HERE
        raise


def _prepare(
    context: Context,
    kernel: str | None,
    commit: str | None,
    *,
    dev: bool,
    rehearsal: bool,
    waits: bool,
    over_quota: bool,
    unsandboxed: bool,
    dry_run: bool,
    timeout: int | None,
    as_json: bool,
) -> tuple[Plan, LockClient | None, Who, Places, str]:
    """Everything before the first step that others can see. Raises what the preflight refuses."""
    from sahel_nb.cli import assembly
    from sahel_nb.links import inside
    from sahel_nb.report.crash import state_home
    from sahel_nb.run import collect
    from sahel_nb.run import plan as planning
    from sahel_nb.run.preflight import Situation
    from sahel_nb.run.select import select
    from sahel_nb.run.since import since_failure

    worktree = context.worktree
    sha = worktree.resolve(commit) if commit else worktree.head()
    verb = "rehearse" if rehearsal else "run"
    selection = select(worktree, sha, kernel, context.cwd, verb=verb)
    again = f"sahel-nb {verb} {quote(selection.kernel.folder or selection.kernel.id)}{' --dev' * dev}"
    if selection.version is not None:
        raise UsageError("a run makes a new version; name the commit to run with --at", hints=(f"{again} --at COMMIT",))
    source = assembly.source_of(context, sha, selection.kernel.folder)
    if context.is_named_embedded:
        refuse_other_languages(source)
    ref, title = assembly.dev_ref(context, source.metadata.ref) if dev else (None, "")
    plan = planning.make_plan(source, dev_ref=ref, dev_title=title)
    if timeout is not None and timeout > source.metadata.longest:
        hours = source.metadata.longest // 3600
        raise UsageError(
            f"--timeout: Kaggle ends a session of {plan.ref} after {hours} h, whatever it is told",
            hints=(f"{again} --timeout {hours}h",),
            kaggle=NOTHING_STARTED,
        )
    places = assembly.places(context)
    left = f"{places.outputs}/{plan.ref.slug}"
    inside(f"{places.root}/{left}/x", left)  # what a run leaves goes there: refused before it begins
    collect.refuse_what_cannot_be_a_folder(places.root / left, places.root)
    # On the embedded service one is alone: its versions have nothing to do with those that the shared lock counts.
    shared = not (dev or rehearsal or context.is_embedded)
    lock, unlockable = None, None
    if shared:
        try:
            lock = assembly.lock_of(context, plan.ref)
        except SahelError as exc:
            unlockable = exc  # a row of the preflight, so that the others are seen as well
    attach = assembly.attach_command(context, selection.kernel.id, dev=dev)

    situation = Situation(
        context.worktree,
        context.config,
        context.kaggle,
        lock,
        assembly.is_dead(context),
        attach,
        at=commit is not None,
        rehearsal=rehearsal,
        unlockable=unlockable,
        waits=waits,
        limit=timeout or context.config.run.timeout or None,
        over_quota=over_quota,
        brought=frozenset(_committed_datasets(context, plan)) if context.is_embedded else frozenset(),
        inputs=state_home() / "local" if context.is_embedded else None,
    )
    checks = _preflight(context, situation, plan, unsandboxed=unsandboxed)
    kept, folder = places.root / places.outputs, selection.kernel.folder
    changed = since_failure(kept, worktree, plan.ref, sha, folder, context.target.name, lambda: _outcome(lock))
    if changed is not None:
        context.reporter.say(str(changed))
        for row in changed.changed:
            context.reporter.say(f"  {row}")
    if dry_run:
        _show_plan(context, plan, timeout, checks, as_json=as_json)
    _refuse(checks)
    who = assembly.who(context)
    if context.is_embedded and not dry_run:
        _bring_datasets(context, plan)
    return plan, lock, who, places, attach


def refuse_other_languages(source: Source) -> None:
    """The embedded service has no kernel but Python's: said before anything starts, the service too."""
    from shlex import quote

    from sahel_nb.notebook.document import NotebookError, parse

    language = source.metadata.language
    if source.is_notebook and language == "python":
        with suppress(NotebookError):
            language = parse(source.code).kernel_language
    if language not in ("", "python", "ipython"):
        raise Refused(
            f"{source.code_path} is in {language}: the embedded service runs Python only",
            hints=(f"SAHEL_NB_KAGGLE=kaggle sahel-nb run {quote(str(source.metadata.ref))}   # on Kaggle",),
            kaggle=NOTHING_STARTED,
        )


def _keep_commit(context: Context, plan: Plan) -> None:
    """The commit outlives its branch: a squash merge that deletes it is every team's default."""
    from sahel_nb.repo.kept_commits import keep
    from sahel_nb.report.events import Level

    context.reporter.status(f"keeping commit {plan.source.commit.short} on the remote")
    why = keep(context.worktree, plan.stamp.commit)
    context.reporter.status("")
    if why:
        lost = "if its branch is deleted, `drift` and `rescue` will miss it"
        context.reporter.say(f"the remote does not keep commit {plan.source.commit.short} ({why}); {lost}", Level.WARN)


def _outcome(lock: LockClient | None) -> Outcome | None:
    """How the newest run ended that the shared lock knows of. A lock that cannot be read is the preflight's to name."""
    try:
        tip = lock.show() if lock is not None else None
    except SahelError:
        return None
    return tip.record.outcome if tip is not None else None


def show(context: Context, finished: Finished, *, as_json: bool) -> None:
    """The product on stdout: where the outputs are, or the whole record."""
    if as_json:
        click.echo(finished.record.to_json().decode("utf-8"), nl=False)
        return
    if finished.diagnosis is not None:
        from sahel_nb.cli.debug import explain

        explain(context, finished.record, finished.folder, finished.diagnosis)
    elif finished.status.state.ended:
        from sahel_nb.cli.debug import remark

        remark(context, finished.record)
    write_product(f"{finished.folder}\n")


def _preflight(context: Context, situation: Situation, plan: Plan, *, unsandboxed: bool) -> list[Check]:
    from dataclasses import replace
    from itertools import chain

    from sahel_nb.cli import unsandboxed as alone
    from sahel_nb.cli.hints import there
    from sahel_nb.run.preflight import examine

    context.reporter.say(f"preflight of {plan.ref} at {plan.source.commit.short} ({plan.source.commit.subject})")
    checks = []
    sandbox = alone.examine(context, plan, said=unsandboxed) if context.is_embedded else ()
    for check in chain(sandbox, examine(situation, plan)):
        row = replace(check, mend=there(check.mend)) if context.local else check
        context.reporter.check(row)
        checks.append(row)
    return checks


def _refuse(checks: list[Check]) -> None:
    failing = [check for check in checks if check.blocks]
    if not failing:
        return
    from sahel_nb.report.events import Verdict
    from sahel_nb.run.preflight import Occupied

    for check in failing:
        if isinstance(check, Occupied) and check.locked is not None and len(failing) == 1:
            raise check.locked
    names = ", ".join(check.name for check in failing)
    hints = tuple(dict.fromkeys(mend for check in failing for mend in (check.mend, *check.more) if mend))
    if [check.name for check in failing] == ["credentials"]:
        raise AuthError(failing[0].found, hints=hints, kaggle=NOTHING_STARTED)
    if all(check.verdict is Verdict.UNKNOWN for check in failing):
        raise NetworkError(f"preflight could not look at: {names}", hints=hints, kaggle=NOTHING_STARTED)
    raise Refused(f"preflight refused: {names}", hints=hints, kaggle=NOTHING_STARTED)


def _bring_datasets(context: Context, plan: Plan) -> None:
    """Give the embedded service those of the kernel's datasets that are committed in this repository."""
    import tempfile
    from pathlib import Path

    from sahel_nb.datasets.committed import lay_out
    from sahel_nb.datasets.uploads import Datasets

    here = _committed_datasets(context, plan)
    datasets = Datasets(context.kaggle) if here else None
    for ref in here:
        if datasets is None or datasets.has(ref):
            continue
        context.reporter.say(f"bringing the dataset {ref} from {here[ref].folder}")
        with tempfile.TemporaryDirectory(prefix="sahel-nb-") as folder:
            lay_out(context.worktree, plan.stamp.commit, here[ref], Path(folder))
            # Somebody else's: the account that rehearses could not see it if it were private.
            datasets.create(Path(folder), public=ref.partition("/")[0] != context.kaggle.account().username)


def _committed_datasets(context: Context, plan: Plan) -> dict[str, CommittedDataset]:
    """The datasets that are committed in this repository, of those that the kernel lists or that its code names."""
    from sahel_nb.datasets.committed import find

    listed, code = plan.metadata.sources("dataset_sources"), plan.source.code
    here = find(context.worktree, plan.stamp.commit) if listed or b"kaggle" in code else ()
    return {one.ref: one for one in here if one.ref.count("/") == 1 and (one.ref in listed or _names(code, one.ref))}


def _names(code: bytes, ref: str) -> bool:
    """Whether a source names a dataset, as in `kagglehub.dataset_download("owner/slug")`."""
    return re.search(rb"(?<![\w/-])" + re.escape(ref.encode()) + rb"(?![\w-])", code) is not None


def _show_plan(context: Context, plan: Plan, timeout: int | None, checks: list[Check], *, as_json: bool) -> None:
    metadata = plan.metadata
    rows = {
        "kernel": f"{plan.ref}" + ("  (personal; the shared one is left alone)" if plan.dev else ""),
        "title": metadata.title,
        "commit": f"{plan.source.commit.sha}  {plan.source.commit.subject}",
        "source": f"{plan.source.code_path}, {len(plan.stamped)} bytes with its stamp, sha256 {plan.digest[:16]}…",
        "sources": ", ".join(metadata.sources()) or "none",
        "machine": str(metadata.raw.get("machine_shape") or ("GPU" if metadata.uses_gpu else "CPU")),
        "internet": "on" if json.loads(metadata.to_json())["enable_internet"] else "off",
        "time limit": f"{_limit(context, plan, timeout)} s",
        "outputs": f"{context.config.run.outputs}/{plan.ref.slug}/<date>-{plan.source.commit.sha[:8]}-v<N>"
        + "-rehearsal" * context.is_embedded
        + "/",
    }
    if as_json:
        found = [
            {"name": row.name, "verdict": row.verdict.value, "found": row.found, "mend": row.mend} for row in checks
        ]
        ready = not any(check.blocks for check in checks)
        plan_json = {"schema": "sahel-nb.plan/1", "ready": ready, **rows, "checks": found}
        click.echo(json.dumps(plan_json, ensure_ascii=False, indent=2))
        return
    for name, value in rows.items():
        click.echo(f"{name:<11} {value}")


def _limit(context: Context, plan: Plan, timeout: int | None) -> int:
    """Seconds after which Kaggle is told to end the session. It is always told: nobody can stop a run by the API."""
    longest = plan.source.metadata.longest
    return min(timeout or context.config.run.timeout or longest, longest)


_TIME = re.compile(r"(\d+)\s*(s|m|min|h)?")
_UNITS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def seconds(text: str) -> int:
    """`90m` → 5400. Raises `UsageError`."""
    match = _TIME.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is not a time: write 3600, 90m or 2h")
    return int(match[1]) * _UNITS[match[2]]
