"""datasets.DatasetApiService."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import Any

from starlette.responses import RedirectResponse, Response

from sahel_nb.durable import sync_folder
from sahel_nb.localkaggle import access, bundles, ingest, names, outputs, wire
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.model import Dataset, DatasetVersion
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.signing import Grant, Kind
from sahel_nb.localkaggle.store import datasets
from sahel_nb.localkaggle.wire import ApiError, Fields, denied


def create(call: Call) -> dict[str, Any]:
    """A new dataset with its first version. One that exists is an `error` in a 200: kagglehub depends on that."""
    account = call.need_account()
    fields = call.fields
    ref = names.ref(fields.text("ownerSlug") or account, fields.text("slug") or names.slug_of(fields.text("title")))
    title = fields.text("title").strip() or (ref.slug if ref else "")
    if ref is None or len(ref.slug) < names.MIN_DATASET:
        raise ApiError(400, "The dataset slug must be between 6 and 50 characters")
    if not names.MIN_DATASET <= len(title) <= names.MAX_SLUG:
        raise ApiError(400, "The dataset title must be between 6 and 50 characters")
    if ref.owner != account and not call.caller.has_key:
        raise denied("datasets.create")
    taken = f'The requested title "{title}" is already in use by a dataset. Please choose another title.'
    service = call.service
    with service.db.read() as tx:
        if datasets.find(tx, ref) is not None:
            return _answer(call, ref, 0, taken)
        wanted = ingest.items(tx, account, fields)
    with ingest.staged(service.folder, wanted, call.allowance) as staged, service.db.write() as tx:
        call.spend(staged.size)
        if datasets.find(tx, ref) is not None:
            shutil.rmtree(staged.path)
            return _answer(call, ref, 0, taken)
        dataset = datasets.create(
            tx,
            ref,
            title=title,
            subtitle=fields.text("subtitle"),
            description=fields.text("description"),
            license_name=fields.text("licenseName", "unknown"),
            private=fields.flag("isPrivate"),
            keywords=fields.texts("categoryIds"),
            now=time.time(),
        )
        version = datasets.add_version(tx, dataset, "Initial release", staged.files, time.time())
        staged.settle(service.folder.dataset(version.id))
        sync_folder(service.folder.root / "datasets")
    return _answer(call, ref, version.number)


def create_version(call: Call) -> dict[str, Any]:
    account = call.need_account()
    return _add_version(call, _owned(call, account, "datasetSlug"), account)


def create_version_by_id(call: Call) -> dict[str, Any]:
    account = call.need_account()
    with call.service.db.read() as tx:
        dataset = datasets.by_id(tx, call.fields.number("id"))
    if dataset is None or dataset.owner != account:
        raise denied("datasets.update")
    return _add_version(call, dataset, account)


def get_status(call: Call) -> dict[str, Any]:
    """A dataset is acknowledged when its files are unpacked and in place, so it is never anything but READY."""
    _find(call)
    return {"status": "READY"}


def get(call: Call) -> dict[str, Any]:
    dataset, version = _find(call)
    return _summary(call, dataset, version)


def get_metadata(call: Call) -> dict[str, Any]:
    dataset, _ = _find(call)
    info = {
        "datasetId": dataset.id,
        "datasetSlug": dataset.slug,
        "ownerUser": dataset.owner,
        "title": dataset.title,
        "subtitle": dataset.subtitle,
        "description": dataset.description,
        "isPrivate": dataset.private,
        "keywords": list(dataset.keywords),
        "licenses": [{"name": dataset.license}],
        "collaborators": [],
        "data": [],
    }
    return {"info": info, "errorMessage": ""}


def update_metadata(call: Call) -> dict[str, Any]:
    dataset = _owned(call, call.need_account(), "datasetSlug")
    settings = call.fields.object("settings")
    title = settings.text("title", dataset.title)
    if not names.MIN_DATASET <= len(title) <= names.MAX_SLUG:
        return {"errors": ["The dataset title must be between 6 and 50 characters"]}
    licenses = settings.objects("licenses")
    with call.service.db.write() as tx:
        described = replace(
            dataset,
            title=title,
            subtitle=settings.text("subtitle", dataset.subtitle),
            description=settings.text("description", dataset.description),
            private=settings.flag("isPrivate"),
            keywords=settings.texts("keywords") if "keywords" in settings else dataset.keywords,
            license=licenses[0].text("name", dataset.license) if licenses else dataset.license,
        )
        datasets.describe(tx, described)
    return {"errors": []}


def list_files(call: Call) -> dict[str, Any]:
    _, version = _find(call)
    with call.service.db.read() as tx:
        found = datasets.files(tx, version)
    offset, size, token = wire.page(call.fields, len(found))
    created = wire.stamp(version.created)
    files = [
        {"name": name, "totalBytes": total, "creationDate": created, "ref": name}
        for name, total in found[offset : offset + size]
    ]
    return {"datasetFiles": files, "nextPageToken": token, "errorMessage": ""}


def list_tree(call: Call) -> dict[str, Any]:
    """What lies directly in the folder `path` of a version; kagglehub asks folder by folder."""
    _, version = _find(call)
    top = call.fields.text("path").strip("/")
    with call.service.db.read() as tx:
        found = datasets.files(tx, version)
    below = f"{top}/" if top else ""
    inside = [(name.removeprefix(below), name, size) for name, size in found if name.startswith(below)]
    folders = dict.fromkeys(rest.partition("/")[0] for rest, _, _ in inside if "/" in rest)
    created = wire.stamp(version.created)
    children: list[tuple[str, dict[str, Any]]] = [
        *(("directories", {"name": name, "relativeUrl": f"{below}{name}"}) for name in folders),
        *(
            ("files", {"name": rest, "relativeUrl": name, "totalBytes": size, "creationDate": created})
            for rest, name, size in inside
            if "/" not in rest
        ),
    ]
    offset, size, token = wire.page(call.fields, len(children))
    answer: dict[str, Any] = {"directories": [], "files": [], "nextPageToken": token}
    for kind, child in children[offset : offset + size]:
        answer[kind].append(child)
    return answer


def download(call: Call) -> Response:
    """302 to one file, or to a zip of the whole version."""
    dataset, version = _find(call)
    service = call.service
    with service.db.read() as tx:
        found = datasets.files(tx, version)
    root = service.folder.dataset(version.id)
    name = call.fields.text("fileName")
    if name:
        if all(listed != name for listed, _ in found):
            raise ApiError(404, f"{name} was not found in the dataset")
        return RedirectResponse(call.file_url(Grant(Kind.DATASET_FILE, version.id, name)), 302)
    members = [(listed, path) for listed, _ in found if (path := outputs.inside(root, listed)) is not None]
    bundles.zip_once(service.folder.archive(f"z{version.id}.zip"), members)
    return RedirectResponse(call.file_url(Grant(Kind.DATASET, version.id, f"{dataset.slug}.zip")), 302)


def list_all(call: Call) -> dict[str, Any]:
    fields = call.fields
    group = fields.text("group")
    mine = group.startswith("DATASET_SELECTION_GROUP_MY")
    account = call.need_account() if mine else call.account
    user = names.account(fields.text("user")) or fields.text("user")
    words = fields.text("search").casefold().split()
    rows = []
    with call.service.db.read() as tx:
        for dataset in datasets.everything(tx):
            version = datasets.latest(tx, dataset)
            shown = dataset.owner == account if mine else not dataset.private or (user and dataset.owner == account)
            haystack = f"{dataset.title} {dataset.owner}/{dataset.slug}".casefold()
            if (
                version is not None
                and shown
                and (not user or dataset.owner == user)
                and all(word in haystack for word in words)
                and version.total_bytes >= fields.number("minSize")
                and ("maxSize" not in fields or version.total_bytes <= fields.number("maxSize"))
            ):
                rows.append((dataset, version))
    rows.sort(key=lambda row: row[1].created, reverse=True)
    offset, size, token = wire.page(fields, len(rows))
    listed = [_summary(call, dataset, version) for dataset, version in rows[offset : offset + size]]
    return {"datasets": listed, "nextPageToken": token}


def delete(call: Call) -> dict[str, Any]:
    dataset = _owned(call, call.need_account(), "datasetSlug")
    with call.service.db.write() as tx:
        gone = datasets.delete(tx, dataset)
    _remove(call, gone)
    return {"error": ""}


def _add_version(call: Call, dataset: Dataset, account: str) -> dict[str, Any]:
    body = call.fields.object("body")
    service = call.service
    with service.db.read() as tx:
        wanted = ingest.items(tx, account, body)
    gone: tuple[int, ...] = ()
    with ingest.staged(service.folder, wanted, call.allowance) as staged, service.db.write() as tx:
        call.spend(staged.size)
        if datasets.by_id(tx, dataset.id) is None:  # deleted in the meantime
            raise denied("datasets.update")
        version = datasets.add_version(tx, dataset, body.text("versionNotes"), staged.files, time.time())
        if body.flag("deleteOldVersions"):
            gone = datasets.delete_before(tx, dataset, version.number)
        staged.settle(service.folder.dataset(version.id))
        sync_folder(service.folder.root / "datasets")
    _remove(call, gone)
    return _answer(call, Ref(dataset.owner, dataset.slug), version.number)


def _remove(call: Call, version_ids: tuple[int, ...]) -> None:
    folder = call.service.folder
    for version_id in version_ids:
        shutil.rmtree(folder.dataset(version_id), ignore_errors=True)
        folder.archive(f"z{version_id}.zip").unlink(missing_ok=True)


def _owned(call: Call, account: str, slug_key: str) -> Dataset:
    with call.service.db.read() as tx:
        dataset = access.dataset(tx, call.fields.text("ownerSlug") or account, call.fields.text(slug_key), account)
    if dataset.owner != account and not call.caller.has_key:
        raise denied("datasets.update")
    return dataset


def _find(call: Call) -> tuple[Dataset, DatasetVersion]:
    """Public datasets need no login, as on Kaggle."""
    fields: Fields = call.fields
    number = fields.number("datasetVersionNumber")
    with call.service.db.read() as tx:
        dataset = access.dataset(tx, fields.text("ownerSlug"), fields.text("datasetSlug"), call.account)
        version = datasets.version(tx, dataset, number) if number else datasets.latest(tx, dataset)
    if version is None:
        raise ApiError(404, f"Version {number} of {dataset.owner}/{dataset.slug} was not found")
    return dataset, version


def _answer(call: Call, ref: Ref, number: int, error: str = "") -> dict[str, Any]:
    return {
        "ref": f"{ref}/{number}" if number else str(ref),
        "url": call.page_url(f"/datasets/{ref}"),
        "status": "error" if error else "ok",
        "error": error,
        "invalidTags": [],
    }


def _summary(call: Call, dataset: Dataset, version: DatasetVersion) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "ref": f"{dataset.owner}/{dataset.slug}",
        "title": dataset.title,
        "subtitle": dataset.subtitle,
        "description": dataset.description,
        "ownerName": dataset.owner,
        "ownerRef": dataset.owner,
        "creatorName": dataset.owner,
        "licenseName": dataset.license,
        "isPrivate": dataset.private,
        "totalBytes": version.total_bytes,
        "lastUpdated": wire.stamp(version.created),
        "currentVersionNumber": version.number,
        "usabilityRating": 0.0,
        "url": call.page_url(f"/datasets/{dataset.owner}/{dataset.slug}"),
    }


METHODS: dict[str, Handler] = {
    "CreateDataset": create,
    "CreateDatasetVersion": create_version,
    "CreateDatasetVersionById": create_version_by_id,
    "GetDatasetStatus": get_status,
    "GetDataset": get,
    "GetDatasetMetadata": get_metadata,
    "UpdateDatasetMetadata": update_metadata,
    "ListDatasetFiles": list_files,
    "ListTreeDatasetFiles": list_tree,
    "DownloadDataset": download,
    "ListDatasets": list_all,
    "DeleteDataset": delete,
}
