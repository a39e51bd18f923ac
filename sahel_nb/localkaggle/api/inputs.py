"""competitions.CompetitionApiService, and how the files of competitions and models are listed and sent.

Of both this service has what lies in its data folder, for everybody: there are no rules to accept.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from starlette.responses import RedirectResponse, Response

from sahel_nb.localkaggle import bundles, names, wire
from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.model import Output
from sahel_nb.localkaggle.signing import Grant, Kind
from sahel_nb.localkaggle.wire import ApiError, denied


def get_competition(call: Call) -> dict[str, Any]:
    slug = _competition(call).name
    return {"id": 1, "ref": slug, "title": slug, "userHasEntered": True}


def list_competition_files(call: Call) -> dict[str, Any]:
    found, token = page_of(call, _competition(call))
    files = [
        {"ref": one.name, "name": one.name, "totalBytes": one.size, "creationDate": wire.stamp(one.modified)}
        for one in found
    ]
    return {"files": files, "nextPageToken": token}


def download_competition(call: Call) -> Response:
    folder = _competition(call)
    return send_all(call, folder, f"{folder.name}.zip")


def download_competition_file(call: Call) -> Response:
    return send_file(call, _competition(call), call.fields.text("fileName"))


def page_of(call: Call, folder: Path) -> tuple[tuple[Output, ...], str]:
    """The files below `folder` that a request asks for, and the token of the next page."""
    found = _files(folder)
    offset, size, token = wire.page(call.fields, len(found))
    return found[offset : offset + size], token


def send_file(call: Call, folder: Path, name: str) -> Response:
    """302 to one file below `folder`."""
    if all(one.name != name for one in _files(folder)):
        raise ApiError(404, f"{name} was not found")
    inside = folder.relative_to(call.service.folder.root).as_posix()
    return RedirectResponse(call.file_url(Grant(Kind.INPUT, 0, f"{inside}/{name}")), 302)


def send_all(call: Call, folder: Path, name: str) -> Response:
    """302 to all files below `folder` in one archive: a .zip or a .tar.gz, as the name says.

    People put files there by hand: an archive is made once for each state of the folder.
    """
    found = _files(folder)
    state = f"{folder}\n{name}\n" + "".join(f"{one.name}\n{one.size}\n{one.modified}\n" for one in found)
    digest = hashlib.sha256(state.encode("utf-8")).hexdigest()[:32]
    pack = bundles.tar_once if name.endswith(".tar.gz") else bundles.zip_once
    pack(call.service.folder.archive(f"{digest}.{name}"), [(one.name, folder / one.name) for one in found])
    return RedirectResponse(call.file_url(Grant(Kind.INPUTS, 0, f"{digest}/{name}")), 302)


def _files(folder: Path) -> tuple[Output, ...]:
    """Regular files that can be sent; links are not followed, as a mount does not."""
    found: list[Output] = []
    for top, _, files in os.walk(folder):
        for file in files:
            path = Path(top, file)
            name, status = path.relative_to(folder).as_posix(), path.lstat()
            if stat.S_ISREG(status.st_mode) and names.file_path(name) is not None:
                found.append(Output(name, status.st_size, status.st_mtime))
    return tuple(sorted(found, key=lambda one: one.name))


def _competition(call: Call) -> Path:
    call.need_account()
    slug = names.slug(call.fields.text("competitionName"))
    if slug is None or not (call.service.folder.root / "competitions" / slug).is_dir():
        raise denied("competitions.get")
    return call.service.folder.root / "competitions" / slug


COMPETITIONS: dict[str, Handler] = {
    "GetCompetition": get_competition,
    "ListDataFiles": list_competition_files,
    "DownloadDataFiles": download_competition,
    "DownloadDataFile": download_competition_file,
}
