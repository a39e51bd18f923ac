"""Going on with a run that somebody began: from any clone, after a crash, a detach or a reboot.

For a shared kernel the lock's record is the whole truth. For a personal slug there is no lock: the stamp in Kaggle's
source says which commit and which attempt the current version is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sahel_nb.errors import Refused, SahelError
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.proof import Copy, compare
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held, Recovery
from sahel_nb.lock.record import Record
from sahel_nb.repo.kept_commits import bring
from sahel_nb.repo.objects import commit_info
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Reporter
from sahel_nb.run import journal
from sahel_nb.run.execute import Places, Who
from sahel_nb.run.finish import Code, Finished, Job, finish
from sahel_nb.run.plan import began, read_source, unpaired
from sahel_nb.run.select import kernels_in


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
    dev: bool = True,
) -> Finished:
    """The same where there is no lock: the current version, if it was pushed by us; of a personal slug (`dev`), or on
    the embedded service. Raises `Refused` where it was not."""
    kernel = service.kernel(ref)
    stamp = Stamp.find(kernel.source) if kernel is not None else None
    if kernel is None or stamp is None:
        what = "has no version yet" if kernel is None else f"v{kernel.current_version} was not pushed by sahel-nb"
        raise Refused(
            f"{ref} {what}: there is no run to go on with",
            hints=(attach.replace("sahel-nb attach", "sahel-nb run", 1),),
        )
    version = kernel.current_version
    code = _pushed_from(worktree, stamp, kernel.source)
    job = Job(
        ref=ref, shared=ref, dev=dev, run_id=stamp.run_id,
        commit=stamp.commit, subject=_subject(worktree, stamp.commit),
        source_sha256=hashlib.sha256(code.data).hexdigest() if code is not None else "",
        version=version, url=service.web_url(ref), began=began(stamp.run_id),
        actor=who.actor, account=who.account, host=who.host, service=who.service,
        nonce=stamp.nonce, code=code,
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
        actor=record.actor, account=who.account, host=record.host, service=who.service, nonce=record.stamp,
        code=_code_of(worktree, record.git_commit, ref),
    )  # fmt: skip


def _code_of(worktree: Worktree, commit: str, ref: KernelRef) -> Code | None:
    """The source of a shared kernel at a commit; None where this clone has no such thing."""
    return next((code for name, code in _codes(worktree, commit) if name.lower() == str(ref).lower()), None)


def _pushed_from(worktree: Worktree, stamp: Stamp, copy: str) -> Code | None:
    """The kernel of the stamp's commit that Kaggle's copy was made from: a personal slug does not say which that is.

    Where none of them is, the copy was changed: the only one there is, or None, is what it will be compared with.
    """
    codes = [code for _, code in _codes(worktree, stamp.commit)]
    for code in codes:
        try:
            if compare(copy, code.data, notebook=code.notebook, nonce=stamp.nonce).copy is Copy.SAME:
                return code
        except SahelError:
            continue  # what cannot be pushed was not
    return codes[0] if len(codes) == 1 else None


def _codes(worktree: Worktree, commit: str) -> Iterator[tuple[str, Code]]:
    """All kernels of a commit, as far as they can be read, with their ids."""
    if not bring(worktree, commit):
        return  # the commit is not in this clone, and no remote has it
    kernels = kernels_in(worktree, commit)
    for kernel in kernels:
        try:
            source = read_source(worktree, commit, kernel.folder, unpaired)
        except SahelError:
            continue
        yield kernel.id, Code(source.code, source.is_notebook)


def _subject(worktree: Worktree, commit: str) -> str:
    return commit_info(worktree, commit).subject if bring(worktree, commit) else ""


def _say_free(ref: KernelRef, record: Record | None, reporter: Reporter) -> None:
    outcome = record.outcome if record is not None else None
    if outcome is None:
        reporter.say(f"{ref}: the lock is free, and no run is on")
        return
    reporter.say(
        f"{ref}: no run is on; the last one, v{outcome.version} by {outcome.actor}, ended {outcome.status}. "
        f"Its outputs: $ sahel-nb output {ref}@v{outcome.version}"
    )
