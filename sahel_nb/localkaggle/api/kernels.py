"""kernels.KernelsApiService."""

from __future__ import annotations

import time
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from starlette.responses import RedirectResponse, Response

from sahel_nb.localkaggle import access, bundles, limits, logs, names, outputs, push, wire
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.long_text import LongText
from sahel_nb.localkaggle.model import Accelerator, Kernel, Settings, Status, Version
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.push import NotPushed
from sahel_nb.localkaggle.signing import Grant, Kind
from sahel_nb.localkaggle.store import accounts, kernels, sessions
from sahel_nb.localkaggle.wire import ApiError, denied


def save_kernel(call: Call) -> dict[str, Any]:
    """Committed before it is answered: an acknowledged version survives kill -9."""
    account = call.need_account()
    service = call.service
    with service.db.write() as tx:
        pushed = push.save(
            tx, service.folder, service.options.limits, account, call.fields, time.time(), call.interpreter
        )
    if isinstance(pushed, NotPushed):
        return {"ref": "", "url": "", "error": pushed.error}
    if pushed.runs:
        service.scheduler.submit(pushed.version.id)
    kernel, version, invalid = pushed.kernel, pushed.version, pushed.invalid
    return {
        "ref": f"{kernel.owner}/{kernel.slug}",
        "url": call.page_url(f"/code/{kernel.owner}/{kernel.slug}?scriptVersionId={version.id}"),
        "versionNumber": version.number,
        "kernelId": kernel.id,
        "error": "",
        "invalidTags": [],
        "invalidDatasetSources": list(invalid.datasets),
        "invalidCompetitionSources": list(invalid.competitions),
        "invalidKernelSources": list(invalid.kernels),
        "invalidModelSources": list(invalid.models),
    }


def get_status(call: Call) -> dict[str, Any]:
    _, version = find(call)
    return {"status": version.status.value, "failureMessage": version.failure or None}


def list_output(call: Call) -> dict[str, Any]:
    """Files with their URLs, and the log. Both are empty until the run is over, as on the live service."""
    _, version = find(call)
    with call.service.db.read() as tx:
        found = sessions.outputs(tx, version.id)
    offset, size, token = wire.page(call.fields, len(found))
    files = [
        {"fileName": o.name, "url": call.file_url(Grant(Kind.OUTPUT, version.id, o.name))}
        for o in found[offset : offset + size]
    ]
    return {"files": files, "log": persisted_log(call, version), "nextPageToken": token}


def list_files(call: Call) -> dict[str, Any]:
    _, version = find(call)
    with call.service.db.read() as tx:
        found = sessions.outputs(tx, version.id)
    offset, size, token = wire.page(call.fields, len(found))
    files = [
        {"name": o.name, "size": o.size, "creationDate": wire.stamp(o.modified)} for o in found[offset : offset + size]
    ]
    return {"files": files, "nextPageToken": token}


def get_kernel(call: Call) -> dict[str, Any]:
    kernel, version = find(call)
    with call.service.db.read() as tx:
        source = kernels.source(tx, version)
        latest = kernels.latest(tx, kernel)
    settings = version.settings
    blob = {
        "source": source,
        "language": settings.language,
        "kernelType": settings.kernel_type,
        "slug": kernel.slug,
    }
    return {"metadata": _metadata(kernel, version, latest or version), "blob": blob}


def list_kernels(call: Call) -> dict[str, Any]:
    account = call.need_account()
    fields = call.fields
    mine = fields.text("group") == "PROFILE"
    user = names.account(fields.text("user")) or fields.text("user")
    with call.service.db.read() as tx:
        rows = [
            (kernel, latest)
            for kernel in kernels.everything(tx)
            if (kernel.owner == account if mine else _listed(tx, kernel, user, account))
            and (latest := kernels.latest(tx, kernel)) is not None
            and _matches(call, kernel, latest.settings)
        ]
    by_creation = fields.text("sortBy") == "DATE_CREATED"
    rows.sort(key=lambda row: row[0].created if by_creation else row[1].created, reverse=True)
    offset, size, token = wire.page(fields, len(rows))
    listed = [_metadata(kernel, latest, latest) for kernel, latest in rows[offset : offset + size]]
    return {"kernels": listed, "nextPageToken": token}


def delete_kernel(call: Call) -> dict[str, Any]:
    """The owner's right alone. What runs is ended, and its hours stay counted."""
    account = call.need_account()
    service = call.service
    with service.db.write() as tx:
        kernel = access.kernel(tx, call.fields.text("userName"), call.fields.text("kernelSlug"), account)
        if kernel.owner != account:
            raise denied("kernels.delete")
        for version in kernels.versions(tx, kernel):
            sessions.charge(tx, version.id, time.time())
        gone = kernels.delete(tx, kernel)
    service.scheduler.discard(gone)
    for version_id in gone:
        service.folder.archive(f"o{version_id}.zip").unlink(missing_ok=True)
    return {}


def cancel_session(call: Call) -> dict[str, Any]:
    account = call.need_account()
    with call.service.db.read() as tx:
        version = kernels.version_by_id(tx, call.fields.number("kernelSessionId"))
        kernel = kernels.by_id(tx, version.kernel_id) if version is not None else None
        if version is None or kernel is None or not accounts.may_edit(tx, Ref(kernel.owner, kernel.slug), account):
            raise denied("kernelSessions.cancel")
    call.service.scheduler.cancel(version.id)
    return {}


def get_quota(call: Call) -> dict[str, Any]:
    account = call.need_account()
    now = time.time()
    start, end = limits.week(now)
    answer: dict[str, Any] = {"quotaRefreshTime": wire.stamp(end)}
    with call.service.db.read() as tx:
        for key, accelerator in (("gpuQuota", Accelerator.GPU), ("tpuQuota", Accelerator.TPU)):
            used = sessions.used_seconds(tx, account, accelerator, start, now)
            allowed = call.service.options.limits.hours(accelerator) or 0.0
            answer[key] = {
                "timeUsed": wire.duration(used),
                "timeReserved": "0s",
                "totalTimeAllowed": wire.duration(allowed * limits.HOUR),
                "hasEverRun": used > 0,
            }
    return answer


def download_output(call: Call) -> Response:
    """302 to one file, or to a zip of all of them; only a run that is over has any."""
    fields = call.fields
    with call.service.db.read() as tx:
        kernel = access.kernel(tx, fields.text("ownerSlug"), fields.text("kernelSlug"), call.account)
        number = fields.number("versionNumber")
        version = access.version(tx, kernel, f"v{number}" if number else "")
        found = sessions.outputs(tx, version.id)
    name = fields.text("filePath")
    if name:
        if all(o.name != name for o in found):
            raise ApiError(404, f"{name} was not found among the outputs")
        return RedirectResponse(call.file_url(Grant(Kind.OUTPUT, version.id, name)), 302)
    return _all_outputs(call, kernel, version)


def download_zip(call: Call) -> Response:
    with call.service.db.read() as tx:
        version = kernels.version_by_id(tx, call.fields.number("kernelSessionId"))
        kernel = kernels.by_id(tx, version.kernel_id) if version is not None else None
        if version is None or kernel is None or not access.sees_kernel(tx, kernel, call.account):
            raise denied("kernels.get")
    return _all_outputs(call, kernel, version)


def find(call: Call) -> tuple[Kernel, Version]:
    """The version that `userName`, `kernelSlug` and `versionLabel` name."""
    account = call.need_account()
    fields = call.fields
    with call.service.db.read() as tx:
        kernel = access.kernel(tx, fields.text("userName"), fields.text("kernelSlug"), account)
        return kernel, access.version(tx, kernel, fields.text("versionLabel"))


def persisted_log(call: Call, version: Version) -> LongText:
    """Empty while there is a session; `[]` for a run that said nothing."""
    if version.status.active or version.status is Status.NEW_SCRIPT:
        return LongText(lambda: iter(()))
    return LongText(lambda: logs.array(call.service.folder.log(version.id)))


def _all_outputs(call: Call, kernel: Kernel, version: Version) -> Response:
    if version.status.active:
        raise ApiError(404, "This version has no output yet")
    folder = call.service.folder
    with call.service.db.read() as tx:
        found = sessions.outputs(tx, version.id)
    members: list[tuple[str, Path]] = []
    for output in found:
        path = outputs.inside(folder.working(version.id), output.name)
        if path is not None:
            members.append((output.name, path))
    bundles.zip_once(folder.archive(f"o{version.id}.zip"), members)
    return RedirectResponse(call.file_url(Grant(Kind.OUTPUTS, version.id, f"{kernel.slug}.zip")), 302)


def _listed(tx: Connection, kernel: Kernel, user: str, account: str) -> bool:
    """In lists of everyone's kernels private ones are not shown; in a user's, those that the caller may see."""
    if not user:
        return not kernel.private
    return kernel.owner == user and access.sees_kernel(tx, kernel, account)


def _matches(call: Call, kernel: Kernel, settings: Settings) -> bool:
    fields = call.fields
    words = fields.text("search").casefold().split()
    haystack = f"{kernel.title} {kernel.owner}/{kernel.slug}".casefold()
    if not all(word in haystack for word in words):
        return False
    for key, value in (("language", settings.language), ("kernelType", settings.kernel_type)):
        if fields.text(key, "all") not in ("", "all", value):
            return False
    for key, sources in (
        ("dataset", settings.dataset_sources),
        ("competition", settings.competition_sources),
        ("parentKernel", settings.kernel_sources),
    ):
        wanted = fields.text(key)
        if wanted and not any(source == wanted or source.startswith(f"{wanted}/") for source in sources):
            return False
    return True


def _metadata(kernel: Kernel, version: Version, latest: Version) -> dict[str, Any]:
    settings = version.settings
    return {
        "id": kernel.id,
        "ref": f"{kernel.owner}/{kernel.slug}",
        "title": kernel.title,
        "author": kernel.owner,
        "slug": kernel.slug,
        "lastRunTime": wire.stamp(latest.started or latest.created),
        "language": settings.language,
        "kernelType": settings.kernel_type,
        "isPrivate": kernel.private,
        "enableGpu": settings.enable_gpu,
        "enableTpu": settings.enable_tpu,
        "enableInternet": settings.enable_internet,
        "categoryIds": list(settings.category_ids),
        "datasetDataSources": list(settings.dataset_sources),
        "kernelDataSources": list(settings.kernel_sources),
        "competitionDataSources": list(settings.competition_sources),
        "modelDataSources": list(settings.model_sources),
        "totalVotes": 0,
        "currentVersionNumber": latest.number,
        "dockerImage": settings.docker_image,
        "machineShape": settings.machine_shape,
    }


METHODS: dict[str, Handler] = {
    "SaveKernel": save_kernel,
    "GetKernelSessionStatus": get_status,
    "ListKernelSessionOutput": list_output,
    "ListKernelFiles": list_files,
    "GetKernel": get_kernel,
    "ListKernels": list_kernels,
    "DeleteKernel": delete_kernel,
    "CancelKernelSession": cancel_session,
    "GetAcceleratorQuotaStatistics": get_quota,
    "DownloadKernelOutput": download_output,
    "DownloadKernelOutputZip": download_zip,
}
