"""Whether the sources that a kernel names can be mounted, asked of Kaggle one by one before anything is pushed.

A push takes all of them, drops those that it does not know, and runs without (`invalidDatasetSources` and its like in a
200); with a dataset that is still processed it answers 409. A private source of another account is, to Kaggle, one that
does not exist: with 403, mostly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from shlex import quote
from typing import Any

from sahel_nb.kernels.door import NotFound, Rejected, translated
from sahel_nb.kernels.metadata import without_prefix
from sahel_nb.kernels.model import KernelRef

_FOLDERS = {"competition_sources": "competitions", "model_sources": "models"}


class SourceState(Enum):
    READY = "ready"
    MISSING = "does not exist, or is not for this account to see"
    PENDING = "is still processed by Kaggle"
    FAILED = "could not be processed by Kaggle"
    NOT_JOINED = "is a competition whose rules this account has not accepted"
    NEVER_RAN = "has no version"


def state_of(sdk: Any, key: str, name: str) -> SourceState:
    """The state of `name` in the list `key` of kernel-metadata.json. `sdk` is Kaggle's client, signed in.

    Raises the errors of `kernels.door`.
    """
    try:
        with translated(f"asking for {name}"):
            return _ASK[key](sdk, without_prefix(key, name).split("/"))
    except (NotFound, Rejected):
        return SourceState.MISSING


def how_to_give(key: str, name: str, inputs: Path) -> str:
    """The command that brings a source to the embedded service, which keeps what it is given in `inputs`."""
    if key in _FOLDERS:
        return f"mkdir -p {quote(str(inputs / _FOLDERS[key] / name))}  # and put its files there"
    if key == "kernel_sources":
        return f"sahel-nb rehearse {quote(name)}"
    owner, slug = name.split("/")[:2]
    metadata = json.dumps({"title": slug, "id": f"{owner}/{slug}", "licenses": [{"name": "unknown"}]})
    where = quote(f"data/{slug}")
    write = f"echo {quote(metadata)} > {where}/dataset-metadata.json"
    return f"mkdir -p {where} && {write}  # put its files there, git add and commit them"


def _dataset(sdk: Any, parts: list[str]) -> SourceState:
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetStatusRequest

    request = ApiGetDatasetStatusRequest()
    request.owner_slug, request.dataset_slug = parts[:2]
    status = str(getattr(sdk.datasets.dataset_api_client.get_dataset_status(request).status, "name", "")).upper()
    if status in ("READY", "REPROCESSING"):  # the files of the newest version are there while they are looked at again
        return SourceState.READY
    return {"FAILED": SourceState.FAILED, "DELETED": SourceState.MISSING}.get(status, SourceState.PENDING)


def _kernel(sdk: Any, parts: list[str]) -> SourceState:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    ref = KernelRef(*parts[:2])
    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.owner, ref.slug
    answer = sdk.kernels.kernels_api_client.get_kernel(request)
    return SourceState.READY if int(answer.metadata.current_version_number or 0) else SourceState.NEVER_RAN


def _competition(sdk: Any, parts: list[str]) -> SourceState:
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    request = ApiGetCompetitionRequest()
    request.competition_name = parts[0]
    answer = sdk.competitions.competition_api_client.get_competition(request)
    return SourceState.READY if answer.user_has_entered else SourceState.NOT_JOINED


def _model(sdk: Any, parts: list[str]) -> SourceState:
    """A framework that this client does not know yet cannot be asked for: then the model alone is."""
    from kagglesdk.models.types.model_api_service import ApiGetModelInstanceRequest, ApiGetModelRequest
    from kagglesdk.models.types.model_enums import ModelFramework

    known = {_plain(framework.name.removeprefix("MODEL_FRAMEWORK_")): framework for framework in ModelFramework}
    framework = known.get(_plain(parts[2]))
    if framework is None:
        request = ApiGetModelRequest()
        request.owner_slug, request.model_slug = parts[:2]
        sdk.models.model_api_client.get_model(request)
        return SourceState.READY
    instance = ApiGetModelInstanceRequest()
    instance.owner_slug, instance.model_slug, instance.framework, instance.instance_slug = (
        *parts[:2], framework, parts[3],
    )  # fmt: skip
    answer = sdk.models.model_api_client.get_model_instance(instance)
    newest = int(getattr(answer, "version_number", 0) or 0)
    return SourceState.MISSING if newest and int(parts[4]) > newest else SourceState.READY


def _plain(framework: str) -> str:
    return "".join(filter(str.isalnum, framework)).lower()


_ASK: dict[str, Callable[[Any, list[str]], SourceState]] = {
    "dataset_sources": _dataset,
    "kernel_sources": _kernel,
    "competition_sources": _competition,
    "model_sources": _model,
}
