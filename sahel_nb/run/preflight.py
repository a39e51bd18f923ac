"""Everything that would spoil a run, looked at before anything is spent, and all of it shown at once.

Each row is a `Check` with the command that mends it. What cannot be looked at is UNKNOWN, and blocks: an honest run
does not start on a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sahel_nb.config import CleanScope, Config
from sahel_nb.errors import AuthError, Refused, SahelError
from sahel_nb.kernels.metadata import FILE_NAME, MAX_SOURCE_BYTES, SOURCE_LISTS, Problem
from sahel_nb.kernels.model import KernelRef, Quota
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.source_state import SourceState, how_to_give
from sahel_nb.links import edit, typed
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.home import remotes
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.record import Record, State
from sahel_nb.lock.refusals import (
    UNREADABLE,
    KaggleBusy,
    Locked,
    NotShown,
    break_by_force,
    occupant,
    ways_on,
)
from sahel_nb.notebook import lint, pair, strip
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.lint_scope import LintScope
from sahel_nb.repo.cmd import FilterRefused, git
from sahel_nb.repo.phantom import phantoms
from sahel_nb.repo.upstream import likely_remote, on_a_branch, upstream
from sahel_nb.repo.worktree import StatusEntry, StatusKind, Worktree
from sahel_nb.report.events import Check, Verdict
from sahel_nb.run import usual
from sahel_nb.run.plan import Plan, Source
from sahel_nb.run.select import kernels_in
from sahel_nb.run.signs import is_over

SOURCES_AT_ONCE = 4
_READY = SourceState.READY
_WORDS = {
    "dataset_sources": "dataset",
    "competition_sources": "competition",
    "kernel_sources": "kernel",
    "model_sources": "model",
}


@dataclass(frozen=True)
class Situation:
    """What the checks look at. `lock` is None for a personal slug and for a rehearsal."""

    worktree: Worktree
    config: Config
    service: KernelService
    lock: LockClient | None
    is_dead: Callable[[Record], bool]
    attach: str
    """The command that goes on with a run of this kernel which is on already."""
    at: bool = False
    """The commit was named; it need not be HEAD, and the worktree does not matter."""
    rehearsal: bool = False
    unlockable: SahelError | None = None
    """Why the lock could not even be looked for: no such remote, nobody known to git."""
    waits: bool = False
    limit: int | None = None
    """Seconds that the session may take; None: as long as Kaggle lets it."""
    over_quota: bool = False
    """Run also where the week's hours are not enough by the team's history."""
    brought: frozenset[str] = frozenset()
    """Datasets that the service will be given before the push."""
    inputs: Path | None = None
    """Where the embedded service looks for competitions and models; None for Kaggle."""


@dataclass(frozen=True)
class Occupied(Check):
    """The row of a kernel that runs; `locked` says who, since when, and what to do now."""

    locked: Refused | None = None


def examine(situation: Situation, plan: Plan) -> Iterator[Check]:
    """Every row, cheapest first; none of them raises what is expected, so that all of them are seen."""
    config, worktree, service = situation.config, situation.worktree, situation.service
    if not situation.at:
        yield from guarded("tree", lambda: examine_tree(worktree, config, plan.source.folder))
    if not situation.rehearsal:
        yield from guarded(
            "pushed", lambda: examine_upstream(worktree, plan.stamp.commit, at=situation.at), "git fetch"
        )
    if situation.unlockable is not None:
        mend = situation.unlockable.hints[0] if situation.unlockable.hints else "sahel-nb doctor"
        yield Check("lock", Verdict.FAILED, situation.unlockable.message, mend)
    yield from guarded("metadata", lambda: examine_metadata(plan))
    yield from guarded("id", lambda: examine_id(worktree, plan))
    yield from guarded("source", lambda: examine_source(plan, config))
    yield from guarded("mirror", lambda: examine_mirror(plan.source))
    credentials = list(guarded("credentials", lambda: examine_credentials(service, plan.ref)))
    yield from credentials
    if situation.unlockable is not None or any(check.blocks for check in credentials):
        return  # the rows below could only repeat it
    yield from guarded("sources", lambda: examine_sources(situation, plan))
    yield from guarded("idle", lambda: examine_idle(situation, plan.ref), f"sahel-nb lock show {plan.ref}")
    if situation.inputs is None:
        yield from guarded("quota", lambda: examine_quota(situation, plan), "sahel-nb quota")


def examine_tree(worktree: Worktree, config: Config, folder: str) -> Check:
    """Tracked files anywhere, untracked ones in the kernel's folder; with `run.clean = "kernel"` that folder alone."""
    busy = worktree.in_progress()
    if busy:
        top = typed("")  # where alone git bisect works
        up = f"cd {top} && " if top != "." else ""
        mend = f"{up}git bisect reset" if busy == "bisect" else f"git {busy} --abort"
        return Check("tree", Verdict.FAILED, f"a {busy} is in progress", mend)
    entries = [entry for entry in worktree.status() if _counts(entry, config.run.clean, folder)]
    if any(entry.path.endswith(b".ipynb") for entry in entries):
        # A notebook that was only run again shows as modified, and no commit would make it clean.
        again = set(phantoms(worktree))
        entries = [entry for entry in entries if entry.text != " M" or entry.path not in again]
    if not entries:
        return Check("tree", Verdict.OK, "clean")
    shown = ", ".join(_shown(entry.path) for entry in entries[:3]) + (
        f" and {len(entries) - 3} more" * (len(entries) > 3)
    )
    unmerged = [entry.path for entry in entries if entry.kind is StatusKind.UNMERGED]
    loose = [entry.kind is StatusKind.UNTRACKED for entry in entries]
    if unmerged:
        name = _shown(unmerged[0])
        mend = f"{edit(name)} && git add {typed(name)} && git commit"
        return Check("tree", Verdict.FAILED, f"unmerged: {shown}", mend)
    what = "untracked in the kernel's folder" if all(loose) else "not committed"
    mend = "git commit -a" if not any(loose) else f"git add {typed(folder)} && git commit{' -a' * (not all(loose))}"
    return Check("tree", Verdict.FAILED, f"{what}: {shown}", mend)


def _counts(entry: StatusEntry, scope: CleanScope, folder: str) -> bool:
    inside = not folder or entry.path == folder.encode() or entry.path.startswith(folder.encode() + b"/")
    if entry.kind is StatusKind.UNTRACKED or scope is CleanScope.KERNEL:
        return inside
    return True


def examine_id(worktree: Worktree, plan: Plan) -> Check | None:
    """No other folder of the commit may have the kernel's id: one lock, and one kernel on Kaggle, would be of both."""
    own, wanted = plan.source.folder, str(plan.source.metadata.ref).lower()
    kernels = kernels_in(worktree, plan.stamp.commit)
    others = [kernel.folder for kernel in kernels if kernel.id.lower() == wanted and kernel.folder != own]
    if not others:
        return None
    return Check(
        "id", Verdict.FAILED, f"{plan.source.metadata.ref} is the id of {', '.join(others)}, too", "sahel-nb lint"
    )


def examine_upstream(worktree: Worktree, commit: str, *, at: bool) -> Check:
    """HEAD is what the upstream branch has on the remote itself, asked now; `--at` may be any ancestor of it."""
    if not remotes(worktree):
        found = "there is no remote: nobody else can see what runs"
        return Check("pushed", Verdict.WARNING, found, "git remote add origin URL")
    state = upstream(worktree, refresh=True)
    where = f"{state.remote}/{state.ref.removeprefix('refs/heads/')}"
    if state.missing and at and worktree.branch() is None:
        return _examine_branches(worktree, commit)
    if state.missing:
        return Check("pushed", Verdict.FAILED, state.missing, state.mend)
    if at:
        if state.commit and _contains(worktree, state.commit, commit):
            return Check("pushed", Verdict.OK, f"{commit[:8]} is in {where}")
        ours = _contains(worktree, worktree.head(), commit)
        mend = state.push if ours else on_a_branch(state.remote, commit)
        return Check("pushed", Verdict.FAILED, f"{commit[:8]} is not in {where}", mend)
    if state.ahead and state.behind:
        return Check(
            "pushed", Verdict.FAILED, f"HEAD and {where} have gone apart (+{state.ahead} −{state.behind})",
            f"git pull --rebase && {state.push}",
        )  # fmt: skip
    if state.ahead:
        return Check("pushed", Verdict.FAILED, f"{_commits(state.ahead)} not in {where}", state.push)
    if state.behind:
        found = f"{_commits(state.behind)} in {where} and not here"
        return Check("pushed", Verdict.FAILED, found, "git pull --ff-only")
    return Check("pushed", Verdict.OK, f"{commit[:8]} is {where}")


def _commits(count: int) -> str:
    return "1 commit is" if count == 1 else f"{count} commits are"


def _examine_branches(worktree: Worktree, commit: str) -> Check:
    """On no branch, as CI checks out: the commit must be in some branch of a remote, as it was last fetched."""
    answer = git("for-each-ref", "--format=%(refname:short)", "--contains", commit, "refs/remotes", cwd=worktree.root)
    if answer.text:
        return Check("pushed", Verdict.OK, f"{commit[:8]} is in {answer.text.splitlines()[0]}, as last fetched")
    mend = on_a_branch(likely_remote(worktree), commit)
    return Check("pushed", Verdict.FAILED, f"{commit[:8]} is in no branch of a remote", mend)


def _contains(worktree: Worktree, branch: str, commit: str) -> bool:
    answer = git("merge-base", "--is-ancestor", commit, branch, cwd=worktree.root, check=False)
    return answer.returncode == 0


def examine_metadata(plan: Plan) -> Check:
    problems = (*plan.metadata.problems(), *_language_problems(plan))
    blocking = [problem for problem in problems if problem.blocks]
    where = f"{plan.source.folder}/{FILE_NAME}" if plan.source.folder else FILE_NAME
    if problems:
        weighty = blocking or problems
        fix = f"sahel-nb lint --fix {typed(where)} && git add {typed(where)} && git commit"
        mend = fix if all(problem.fixable for problem in weighty) else edit(where)
        verdict = Verdict.FAILED if blocking else Verdict.WARNING
        return Check("metadata", verdict, "; ".join(problem.message for problem in weighty), mend)
    return Check("metadata", Verdict.OK, f"{plan.ref}, title {plan.metadata.title!r}")


def _language_problems(plan: Plan) -> tuple[Problem, ...]:
    if not plan.source.is_notebook:
        return ()
    try:
        problem = plan.metadata.language_problem(parse(plan.source.code).kernel_language)
    except NotebookError:
        return ()  # the row of the source says it
    return (problem,) if problem else ()


def examine_source(plan: Plan, config: Config) -> Check:
    """Size, outputs, kernelspec and the other rules, on the source as the commit has it."""
    source = plan.source
    path = source.code_path
    if len(plan.stamped) >= MAX_SOURCE_BYTES:
        size = f"{len(plan.stamped) / 1e6:.2f} MB"
        return Check(
            "source", Verdict.FAILED, f"{path} has {size}; Kaggle takes less than 1 MB", f"sahel-nb lint {typed(path)}"
        )
    if not source.is_notebook:
        return Check("source", Verdict.OK, f"{path}, {len(source.code)} bytes")
    if not strip.is_stripped(source.code):
        mend = f"sahel-nb install && git add --renormalize {typed(path)} && git commit"
        what = "with outputs" if strip.has_something_to_strip(source.code) else "without being stripped: its JSON"
        crlf = " has CRLF line ends" if b"\r\n" in source.code else " is laid out differently"
        text = what if what == "with outputs" else what + crlf
        return Check("source", Verdict.FAILED, f"{path} was committed {text}", mend)
    scope = LintScope(config.lint.disable, config.lint.exclude)
    findings = [one for one in scope.within(lint.lint_notebook(source.code, path, committed=True)) if one.blocks]
    if findings:
        text = "; ".join(f"{finding.code} {finding.message}" for finding in findings[:3])
        return Check("source", Verdict.FAILED, f"{path}: {text}", f"sahel-nb lint {typed(path)}")
    return Check("source", Verdict.OK, f"{path}, stripped, {len(source.code)} bytes")


def examine_mirror(source: Source) -> Check | None:
    if source.form is None:
        return None
    if source.mirror is None:
        why = f"{source.code_path} has no mirror {source.mirror_path}"
        mend = f"sahel-nb pair {typed(source.code_path)} && git add {typed(source.mirror_path)} && git commit"
        return Check("mirror", Verdict.WARNING, why, mend)
    if pair.in_step(source.code, source.mirror, source.form):
        return Check("mirror", Verdict.OK, f"{source.mirror_path} is in step")
    return Check(
        "mirror", Verdict.FAILED, f"{source.mirror_path} is not in step with the notebook",
        f"sahel-nb pair --from notebook {typed(source.code_path)} && git commit -a   # or --from mirror",
    )  # fmt: skip


def examine_credentials(service: KernelService, ref: KernelRef) -> Check:
    account = service.account()
    try:
        service.quotas()  # the cheapest question that nobody may ask without being known
    except AuthError:
        raise
    except SahelError:
        pass  # whatever this is, the rows below say it of what they look at
    if account.username and account.username.lower() != ref.owner.lower():
        return Check(
            "credentials", Verdict.WARNING,
            f"you are {account.username}, the kernel is {ref.owner}'s: Kaggle may refuse your push",
            f"sahel-nb run {ref} --dev",
        )  # fmt: skip
    return Check("credentials", Verdict.OK, f"{account.username} ({account.method.replace('_', ' ')})")


def examine_sources(situation: Situation, plan: Plan) -> Check | None:
    """Each source that the kernel names, as Kaggle knows it: a push drops what it does not, and runs without."""
    named = [
        (key, name)
        for key in SOURCE_LISTS
        for name in plan.metadata.sources(key)
        if key != "dataset_sources" or name not in situation.brought
    ]
    if not named or any(problem.blocks and problem.key in SOURCE_LISTS for problem in plan.metadata.problems()):
        return Check("sources", Verdict.OK, "brought from this repository") if situation.brought else None
    with ThreadPoolExecutor(max_workers=SOURCES_AT_ONCE) as pool:
        states = list(pool.map(lambda one: situation.service.source(*one), named))
    wrong = [(key, name, state) for (key, name), state in zip(named, states, strict=True) if state is not _READY]
    if not wrong:
        return Check("sources", Verdict.OK, f"{len(named)} can be mounted")
    found = "; ".join(f"{name} ({_WORDS[key]}) {state.value}" for key, name, state in wrong)
    if situation.inputs is not None and any(key == "dataset_sources" for key, _, _ in wrong):
        found += "; a dataset that is committed here, with its dataset-metadata.json, is brought"
    first, *others = (_mend_source(situation, plan, *one) for one in wrong)
    return Check("sources", Verdict.FAILED, found, first, more=tuple(others) if situation.inputs is not None else ())


def _mend_source(situation: Situation, plan: Plan, key: str, name: str, state: SourceState) -> str:
    if situation.inputs is not None and (key != "dataset_sources" or name.count("/") == 1):
        mend = how_to_give(key, name, situation.inputs)
        ours = {kernel.id.lower() for kernel in kernels_in(situation.worktree, plan.stamp.commit)}
        return f"cd ITS-CLONE && {mend}" if key == "kernel_sources" and name.lower() not in ours else mend
    if state is SourceState.NOT_JOINED:
        return f"python3 -m webbrowser https://www.kaggle.com/competitions/{name}/rules"
    if state in (SourceState.PENDING, SourceState.FAILED):
        return f"kaggle datasets status {'/'.join(name.split('/')[:2])}"
    where = f"{plan.source.folder}/{FILE_NAME}" if plan.source.folder else FILE_NAME
    return edit(where)


def examine_idle(situation: Situation, ref: KernelRef) -> Check:
    """No run of this kernel anywhere: by the lock, and by Kaggle's own word on every version that it does not know.

    Only a look: what decides is the compare-and-swap when the lock is taken.
    """
    if situation.lock is None:
        return _examine_alone(situation, ref)
    lock = situation.lock
    tip = lock.show()
    record = tip.record if tip else None
    if lock.went_back is not None:
        mend = lock.went_back.hints[-1]
        return Occupied("idle", Verdict.FAILED, lock.went_back.message.partition(": ")[2], mend, lock.went_back)
    if record is not None and record.is_held and record.state is not State.HELD:
        return _examine_held(situation, lock, record)
    if record is not None and record.state is not State.FREE:
        found, mend = occupant(record), f"sahel-nb run {ref} --wait"
        if situation.waits:
            return Check("idle", Verdict.WARNING, f"will wait: {found}", mend)
        return Occupied("idle", Verdict.FAILED, f"locked: {found}", mend, Locked(record))
    sight, busy = lock.idle(record)
    if sight.hidden:
        hidden = NotShown(str(ref), sight.newest)
        return Occupied("idle", Verdict.FAILED, hidden.message.partition(": ")[2], hidden.hints[0], hidden)
    if not busy:
        newest = sight.newest
        if sight.other:
            return Check("idle", Verdict.WARNING, sight.other, f"sahel-nb status {ref}")
        if record is not None and newest > record.last_done:
            found = f"v{newest} has ended, and was not run from git: an edit in the web page?"
            return Check("idle", Verdict.WARNING, found, f"sahel-nb drift {ref}")
        return Check("idle", Verdict.OK, f"v{newest} has ended" if newest else "the first version of this kernel")
    refusal = KaggleBusy(str(ref), busy)
    found = ", ".join(f"v{version}" for version in busy)
    saved = set(busy.values()) == {Phase.SAVED}
    if situation.waits:
        return Check("idle", Verdict.WARNING, f"will wait for {found}" + ", saved and not run" * saved)
    if saved:
        return Occupied(
            "idle", Verdict.FAILED, f"{found} was saved in the web page, and not run", refusal.hints[0], refusal
        )
    runs = "may still run" if Phase.UNKNOWN in busy.values() else "runs" if len(busy) == 1 else "run"
    return Occupied("idle", Verdict.FAILED, f"{found} {runs} on Kaggle", f"sahel-nb status {ref}", refusal)


def _examine_held(situation: Situation, lock: LockClient, record: Record) -> Check:
    """Somebody is about to run it, or runs it, or has: ARMED or RUNNING."""
    over = "its runner is gone, and the lock will be taken over"
    if record.state is State.ARMED and situation.is_dead(record):
        return Check("idle", Verdict.OK, over)
    locked = Locked(record)
    found = f"{record.actor} on {record.host} since {record.since}"
    if record.state is State.RUNNING:
        own = record.kaggle_version or 0
        sight, busy = lock.idle(record)
        if sight.other:
            return Check(
                "idle", Verdict.WARNING, f"v{own} cannot be followed: {sight.other}", f"sahel-nb attach {record.kernel}"
            )
        phase = lock.phase(own)
        if phase.ended and not busy:
            return Check("idle", Verdict.OK, f"v{own} has ended; {over}")
        if phase is Phase.UNKNOWN:
            locked = Locked(record, note=f"v{own}: {UNREADABLE}", hints=ways_on(record, break_by_force(record)))
    mend = f"sahel-nb attach {record.kernel}"
    if situation.waits:
        return Check("idle", Verdict.WARNING, f"will wait for {found}", mend)
    return Occupied("idle", Verdict.FAILED, f"locked: {found}", mend, locked)


def _examine_alone(situation: Situation, ref: KernelRef) -> Check:
    """Nobody else's business, and no lock that could tell whose it is."""
    kernel = situation.service.kernel(ref)
    newest = 0 if kernel is None else kernel.current_version
    if newest == 0 or is_over(situation.service, ref, newest):
        return Check("idle", Verdict.OK, f"v{newest} has ended" if newest else "the first version of this kernel")
    return Check("idle", Verdict.FAILED, f"v{newest} still runs", situation.attach)


def examine_quota(situation: Situation, plan: Plan) -> Check:
    """Hours left, against what complete runs of this kernel took; a `--timeout` within the hours is a way on."""
    quotas = situation.service.quotas()
    if not plan.metadata.uses_gpu and not plan.metadata.uses_tpu:
        left = f"; GPU {_hours(quotas.gpu.left)} h left" if quotas.gpu else ""
        return Check("quota", Verdict.OK, f"no accelerator asked for{left}")
    name, quota = ("TPU", quotas.tpu) if plan.metadata.uses_tpu else ("GPU", quotas.gpu)
    if quota is None:
        return Check("quota", Verdict.WARNING, f"Kaggle names no {name} quota", "sahel-nb quota")
    text = f"{name}: {_hours(quota.left)} h left of {_hours(quota.allowed)}{_refresh(quota)}"
    if quota.left <= timedelta(0):
        return Check("quota", Verdict.FAILED, text, "sahel-nb quota")
    known = _usual(situation)
    fits = usual.fit(known, quota.left, situation.limit)
    if fits is usual.Fit.FITS:
        return Check("quota", Verdict.OK, text)
    text += f"; it took {known}"
    if fits is usual.Fit.TIGHT or situation.over_quota:
        return Check("quota", Verdict.WARNING, text, "sahel-nb quota")
    return Check("quota", Verdict.FAILED, f"{text}: it cannot finish", f"sahel-nb run {plan.ref} --over-quota")


def _usual(situation: Situation) -> usual.Usual | None:
    """What the chain of the lock tells; nothing where there is no lock, or it cannot be read now."""
    if situation.lock is None:
        return None
    with suppress(SahelError):
        return usual.usual(usual.durations(situation.lock.log(usual.RECORDS)))
    return None


def guarded(name: str, look: Callable[[], Check | None], mend: str = "sahel-nb doctor") -> Iterator[Check]:
    """The row that `look` gives, or an UNKNOWN one where it could not look."""
    try:
        check = look()
    except (AuthError, FilterRefused) as exc:
        yield Check(name, Verdict.FAILED, exc.message, exc.hints[0] if exc.hints else mend)
    except SahelError as exc:
        yield Check(name, Verdict.UNKNOWN, exc.message, exc.hints[0] if exc.hints else mend)
    else:
        if check is not None:
            yield check


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f}"


def _refresh(quota: Quota) -> str:
    return f", anew on {quota.refresh:%a %d %b %H:%M}" if quota.refresh else ""


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
