"""What the code of a run asked for and this service does not have, said in the run's own log.

Kaggle's client says "403 Client Error", often without the name; `sahel-nb debug` reads this line:

    sahel-nb: the embedded service has no dataset awa/fula-words; `sahel-nb debug` says how to give it
"""

from __future__ import annotations

import contextlib
import time

from sahel_nb.localkaggle import logs, names
from sahel_nb.localkaggle.run_tokens import RunGrant
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.store import kernels
from sahel_nb.localkaggle.wire import Fields

_DATASET = ("dataset", "ownerSlug", "datasetSlug")
_COMPETITION = ("competition", "competitionName")
_KERNEL = ("kernel", "userName", "kernelSlug")
_MODEL = ("model", "ownerSlug", "modelSlug", "framework", "instanceSlug", "versionNumber")
_ASKS = {
    "GetDataset": _DATASET,
    "GetDatasetMetadata": _DATASET,
    "ListDatasetFiles": _DATASET,
    "DownloadDataset": _DATASET,
    "GetCompetition": _COMPETITION,
    "ListDataFiles": _COMPETITION,
    "DownloadDataFiles": _COMPETITION,
    "DownloadDataFile": _COMPETITION,
    "GetKernel": _KERNEL,
    "ListKernelFiles": _KERNEL,
    "ListKernelSessionOutput": _KERNEL,
    "DownloadKernelOutput": ("kernel", "ownerSlug", "kernelSlug"),
    "GetModelInstance": _MODEL,
    "ListModelInstanceVersionFiles": _MODEL,
    "DownloadModelInstanceVersion": _MODEL,
}
"""Method → what it asks for, and the fields that name it. Not those that are asked before an upload."""


def tell(service: Service, run: RunGrant, method: str, fields: Fields) -> None:
    """Write the line for a call that was denied, once for each source."""
    if method not in _ASKS:
        return
    kind, *keys = _ASKS[method]
    parts = [_part(fields, key) for key in keys]
    name = "/".join(parts)
    if name in run.told or any(names.file_name(part) is None or " " in part for part in parts):
        return
    run.told.add(name)
    with service.db.read() as tx:
        version = kernels.version_by_id(tx, run.version_id)
    if version is None or version.started is None:
        return
    text = f"sahel-nb: the embedded service has no {kind} {name}; `sahel-nb debug` says how to give it\n"
    with contextlib.suppress(OSError):
        logs.append(service.folder.log(run.version_id), max(0.0, time.time() - version.started), text)


def _part(fields: Fields, key: str) -> str:
    if key == "versionNumber":
        return str(fields.number(key) or 1)
    return names.framework(fields.text(key)) if key == "framework" else fields.text(key)
