"""File downloads: plain GETs of signed URLs, with Content-Length, ETag, Last-Modified and Range."""

from __future__ import annotations

import time
from pathlib import Path

from starlette.responses import Response

from sahel_nb.localkaggle import outputs, signing
from sahel_nb.localkaggle.delivery import Delivery
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.signing import Grant, Kind
from sahel_nb.localkaggle.store import kernels
from sahel_nb.localkaggle.wire import ApiError

# Outputs are other people's bytes on the address of the service's own pages: a browser saves them, and runs nothing.
HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}


def send(service: Service, head: str, path: str) -> Response:
    """The file that a signed URL stands for. 403 for a URL not made here or too old, 404 for a file that is gone."""
    grant = signing.check(service.secret, head, path, time.time())
    if grant is None:
        raise ApiError(403, "This URL is not valid, or no longer")
    found = _locate(service, grant)
    if found is None:
        raise ApiError(404, "Not found")
    try:
        return Delivery(found, filename=path.rsplit("/", 1)[-1], headers=HARMLESS)
    except FileNotFoundError:
        raise ApiError(404, "Not found") from None


def kernel_of(service: Service, head: str, path: str) -> str:
    """The kernel whose output a signed URL stands for, as `owner/slug`; empty for anything else."""
    grant = signing.check(service.secret, head, path, time.time())
    if grant is None or grant.kind not in (Kind.OUTPUT, Kind.OUTPUTS):
        return ""
    with service.db.read() as tx:
        version = kernels.version_by_id(tx, grant.id)
        kernel = kernels.by_id(tx, version.kernel_id) if version is not None else None
    return f"{kernel.owner}/{kernel.slug}" if kernel is not None else ""


def _locate(service: Service, grant: Grant) -> Path | None:
    folder = service.folder
    if grant.kind is Kind.OUTPUT:
        return outputs.inside(folder.working(grant.id), grant.path)
    if grant.kind is Kind.DATASET_FILE:
        return outputs.inside(folder.dataset(grant.id), grant.path)
    if grant.kind is Kind.INPUT:
        return outputs.inside(folder.root, grant.path)
    if grant.kind is Kind.INPUTS:
        archive = folder.archive(grant.path.replace("/", "."))
        return archive if archive.is_file() else None
    archive = folder.archive(f"{grant.kind.value}{grant.id}.zip")
    return archive if archive.is_file() else None
