"""competitions.CompetitionApiService and models.ModelApiService: whether what a run may mount is there.

Of both this service has what lies in its data folder, for everybody: there are no rules to accept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.wire import denied


def get_competition(call: Call) -> dict[str, Any]:
    call.need_account()
    slug = names.slug(call.fields.text("competitionName"))
    if slug is None or not (call.service.folder.root / "competitions" / slug).is_dir():
        raise denied("competitions.get")
    return {"id": 1, "ref": slug, "title": slug, "userHasEntered": True}


def get_model(call: Call) -> dict[str, Any]:
    call.need_account()
    _folder(call, "ownerSlug", "modelSlug")
    return {"id": 1, "slug": call.fields.text("modelSlug")}


def get_model_instance(call: Call) -> dict[str, Any]:
    """A framework comes as MODEL_FRAMEWORK_PY_TORCH, and is a folder called pyTorch."""
    call.need_account()
    asked = _plain(call.fields.text("framework").removeprefix("MODEL_FRAMEWORK_"))
    model = _folder(call, "ownerSlug", "modelSlug")
    instance = names.file_name(call.fields.text("instanceSlug"))
    for framework in model.iterdir():
        if instance is None or _plain(framework.name) != asked or not (framework / instance).is_dir():
            continue
        numbers = [int(one.name) for one in (framework / instance).iterdir() if one.name.isdigit()]
        if numbers:
            return {"id": 1, "slug": instance, "versionNumber": max(numbers)}
    raise denied("models.get")


def _folder(call: Call, *fields: str) -> Path:
    parts = [names.file_name(call.fields.text(field)) for field in fields]
    folder = call.service.folder.root.joinpath("models", *(part or "" for part in parts))
    if not all(parts) or not folder.is_dir():
        raise denied("models.get")
    return folder


def _plain(framework: str) -> str:
    return "".join(filter(str.isalnum, framework)).lower()


COMPETITIONS: dict[str, Handler] = {"GetCompetition": get_competition}
MODELS: dict[str, Handler] = {"GetModel": get_model, "GetModelInstance": get_model_instance}
