"""Going on with a run that somebody began: from any clone, after a crash, a detach or a reboot.

For a shared kernel the lock's record is the whole truth. For a personal slug there is no lock: the stamp in Kaggle's
source says which commit and which attempt the current version is.
"""

from __future__ import annotations

from sahel_nb.errors import Refused, SahelError
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held, Recovery
from sahel_nb.lock.record import Record
from sahel_nb.repo.objects import commit_info
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Reporter
from sahel_nb.run import journal
from sahel_nb.run.execute import Places, Who
from sahel_nb.run.finish import Finished, Job, finish
from sahel_nb.run.plan import began


def resume(
    ref: KernelRef,
    *,
    who: Who,
    places: Places,
    worktree: Worktree,
    service: KernelService,
    lock: LockClient,
    reporter: Reporter,
    attach: str,
) -> Finished | None:
    """Bring the run of a shared kernel to its end. None where there is none to follow, which is then said.

    Waits for the lock's TTL where somebody may still be about to push; a KeyboardInterrupt leaves all as it is.
    """
    found = lock.recover(wait=True)
    if found.state is Recovery.FREE or found.held is None:
        _say_free(ref, found.record, reporter)
        return None
    held = found.held
    job = _job(ref, held, who, worktree, service)
    reporter.say(f"{ref} v{job.version}, started by {held.record.actor} on {held.record.host}: {job.url}")
    with journal.adopted(places.journal, held.record.stamp):
        return finish(
            job, places=places.root / places.outputs, service=service, lock=lock, held=held, reporter=reporter,
            attach=attach,
        )  # fmt: skip


def resume_dev(
    ref: KernelRef,
    *,
    who: Who,
    places: Places,
    worktree: Worktree,
    service: KernelService,
    reporter: Reporter,
    attach: str,
) -> Finished:
    """The same for a personal slug: its current version, if it was pushed by us. Raises `Refused` where it was not."""
    kernel = service.kernel(ref)
    stamp = Stamp.find(kernel.source) if kernel is not None else None
    if kernel is None or stamp is None:
        what = "has no version yet" if kernel is None else f"v{kernel.current_version} was not pushed by sahel-nb"
        raise Refused(f"{ref} {what}: there is no run to go on with", hints=("sahel-nb run --dev",))
    version = kernel.current_version
    job = Job(
        ref=ref, shared=ref, dev=True, run_id=stamp.run_id,
        commit=stamp.commit, subject=_subject(worktree, stamp.commit),
        source_sha256="", version=version, url=service.web_url(ref), began=began(stamp.run_id),
        actor=who.actor, account=who.account, host=who.host,
    )  # fmt: skip
    with journal.adopted(places.journal, stamp.nonce):
        return finish(
            job, places=places.root / places.outputs, service=service, lock=None, held=None, reporter=reporter,
            attach=attach,
        )  # fmt: skip


def _job(ref: KernelRef, held: Held, who: Who, worktree: Worktree, service: KernelService) -> Job:
    record = held.record
    version = record.kaggle_version or 0
    return Job(
        ref=ref, shared=ref, dev=False, run_id=record.run_id, commit=record.git_commit,
        subject=_subject(worktree, record.git_commit), source_sha256=record.src_digest, version=version,
        url=record.url or service.web_url(ref), began=record.since,
        actor=record.actor, account=who.account, host=record.host,
    )  # fmt: skip


def _subject(worktree: Worktree, commit: str) -> str:
    try:
        return commit_info(worktree, commit).subject
    except SahelError:
        return ""  # the commit is not in this clone yet


def _say_free(ref: KernelRef, record: Record | None, reporter: Reporter) -> None:
    outcome = record.outcome if record is not None else None
    if outcome is None:
        reporter.say(f"{ref}: the lock is free, and no run is on")
        return
    reporter.say(
        f"{ref}: no run is on; the last one, v{outcome.version} by {outcome.actor}, ended {outcome.status}. "
        f"Its outputs: $ sahel-nb output {ref}@v{outcome.version}"
    )
