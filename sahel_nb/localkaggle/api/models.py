"""models.ModelApiService: models are folders, `models/<owner>/<model>/<framework>/<variation>/<version>/`.

A framework comes as MODEL_FRAMEWORK_PY_TORCH, and is a folder called pyTorch, as in the name of a source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import Response

from sahel_nb.durable import sync_folder
from sahel_nb.localkaggle import ingest, names, wire
from sahel_nb.localkaggle.api import inputs
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.wire import ApiError, Fields, denied


def get(call: Call) -> dict[str, Any]:
    call.need_account()
    _model(call)
    slug = call.fields.text("modelSlug")
    return {"id": 1, "ref": f"{call.fields.text('ownerSlug')}/{slug}", "slug": slug, "title": slug}


def get_instance(call: Call) -> dict[str, Any]:
    call.need_account()
    instance = _instance(call)
    numbers = _numbers(instance)
    if not numbers:
        raise denied("models.get")
    return {"id": 1, "slug": instance.name, "framework": call.fields.text("framework"), "versionNumber": max(numbers)}


def list_files(call: Call) -> dict[str, Any]:
    found, token = inputs.page_of(call, _version(call))
    files = [{"name": one.name, "size": one.size, "creationDate": wire.stamp(one.modified)} for one in found]
    return {"files": files, "nextPageToken": token}


def download(call: Call) -> Response:
    """302 to one file, or to a tar of the whole version."""
    name = call.fields.text("path")
    if name:
        return inputs.send_file(call, _version(call), name)
    return inputs.send_all(call, _version(call), f"{names.file_name(call.fields.text('modelSlug'))}.tar.gz")


def create(call: Call) -> dict[str, Any]:
    account = call.need_account()
    ref = names.ref(call.fields.text("ownerSlug") or account, call.fields.text("slug"))
    if ref is None:
        raise ApiError(400, "The model's slug is not valid")
    if ref.owner != account:
        raise denied("models.create")
    folder = call.service.folder.root / "models" / ref.owner / ref.slug
    if folder.is_dir():
        return {"error": f"A model {ref} exists already", "errorCode": 409}
    folder.mkdir(parents=True, exist_ok=True)
    return {"id": 1, "ref": str(ref), "error": "", "url": call.page_url("/")}


def create_instance(call: Call) -> dict[str, Any]:
    """The first version of a variation. One that exists is a 409 in a 200: kagglehub then makes a version of it."""
    return _add(call, call.fields.object("body"), first=True)


def create_version(call: Call) -> dict[str, Any]:
    return _add(call, call.fields, first=False)


def _add(call: Call, named: Fields, *, first: bool) -> dict[str, Any]:
    account = call.need_account()
    model = _model(call)
    if model.parent.name != account:
        raise denied("models.update")
    framework, variation = names.framework(named.text("framework")), names.file_name(named.text("instanceSlug"))
    if variation is None or names.file_name(framework) is None or not framework.isalnum():
        raise ApiError(400, "The framework or the variation is not valid")
    service = call.service
    instance = (_like(model, framework) or model / framework) / variation
    with service.db.read() as tx:
        wanted = ingest.items(tx, account, call.fields.object("body"))
    # The transaction writes nothing: it keeps two uploads from giving the same number.
    with ingest.staged(service.folder, wanted, call.allowance) as staged, service.db.write():
        call.spend(staged.size)
        numbers = _numbers(instance)
        if first and numbers:
            return {"error": f"The variation {variation} exists already", "errorCode": 409}
        if not first and not numbers:
            raise denied("models.get")
        instance.mkdir(parents=True, exist_ok=True)
        number = max(numbers, default=0) + 1
        staged.settle(instance / str(number))
        sync_folder(instance)
    ref = f"{model.parent.name}/{model.name}/{instance.parent.name}/{variation}/{number}"
    return {"id": 1, "ref": ref, "error": "", "url": call.page_url("/")}


def _model(call: Call) -> Path:
    parts = [names.file_name(call.fields.text(field)) for field in ("ownerSlug", "modelSlug")]
    folder = call.service.folder.root.joinpath("models", *(part or "" for part in parts))
    if not all(parts) or not folder.is_dir():
        raise denied("models.get")
    return folder


def _instance(call: Call) -> Path:
    variation = names.file_name(call.fields.text("instanceSlug"))
    framework = _like(_model(call), names.framework(call.fields.text("framework")))
    if variation is None or framework is None or not (framework / variation).is_dir():
        raise denied("models.get")
    return framework / variation


def _version(call: Call) -> Path:
    call.need_account()
    folder = _instance(call) / str(call.fields.number("versionNumber"))
    if not folder.is_dir():
        raise denied("models.get")
    return folder


def _numbers(instance: Path) -> list[int]:
    return [int(one.name) for one in instance.iterdir() if one.name.isdigit()] if instance.is_dir() else []


def _like(model: Path, framework: str) -> Path | None:
    """The folder of a framework, however it is spelt there: one of those that are there, whatever the text says."""
    return next((one for one in model.iterdir() if _plain(one.name) == _plain(framework)), None)


def _plain(framework: str) -> str:
    return "".join(filter(str.isalnum, framework)).lower()


MODELS: dict[str, Handler] = {
    "GetModel": get,
    "GetModelInstance": get_instance,
    "ListModelInstanceVersionFiles": list_files,
    "DownloadModelInstanceVersion": download,
    "CreateModel": create,
    "CreateModelInstance": create_instance,
    "CreateModelInstanceVersion": create_version,
}
