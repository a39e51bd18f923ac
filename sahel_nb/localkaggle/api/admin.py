"""/admin/…, only with `--admin`: what tests and rehearsals need and no Kaggle client can ask for.

    GET  /admin/state                        everything, as JSON
    POST /admin/cancel {"session": 7}        end a session; or {"owner", "slug", "version"?}
    POST /admin/fault {"name": "push-cut"}   arm a fault (see `tricks`); "kernel", "times" and "millis" are optional
    POST /admin/calm {"kernel": ""}          disarm the faults of a kernel, or all; answers how often each struck
    GET  /admin/faults                       what is armed, and what can be

Every request needs the key of the data folder, as Bearer token or as the password of any user name, or the one that
`--admin-token` gives: other users of this machine reach the port as well.
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.api.call import password
from sahel_nb.localkaggle.faults import Armed, Fault
from sahel_nb.localkaggle.model import Version
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.store import accounts, datasets, kernels, sessions, uploads
from sahel_nb.localkaggle.tricks import TRICKS
from sahel_nb.localkaggle.wire import ApiError, Fields, stamp


def answer(service: Service, request: Request, body: bytes) -> Response:
    _authorise(service, request)
    verb = (request.method, request.path_params["verb"])
    if verb in (("GET", "state"), ("HEAD", "state")):
        return JSONResponse(_state(service))
    if verb == ("POST", "cancel"):
        version = _session(service, Fields.parse(body))
        return JSONResponse({"session": version.id, "status": service.scheduler.cancel(version.id).value})
    if verb == ("GET", "faults"):
        tricks = [{"name": trick.name, "what": trick.what, "times": trick.times} for trick in TRICKS.values()]
        return JSONResponse({"armed": _struck(service.faults.armed()), "tricks": tricks})
    if verb == ("POST", "fault"):
        service.faults.arm(_fault(Fields.parse(body)))
        return JSONResponse({"armed": _struck(service.faults.armed())})
    if verb == ("POST", "calm"):
        return JSONResponse({"disarmed": _struck(service.faults.disarm(Fields.parse(body).text("kernel")))})
    raise ApiError(404, "Not found")


def _fault(fields: Fields) -> Fault:
    trick = TRICKS.get(fields.text("name"))
    if trick is None:
        raise ApiError(400, f"There is no fault of that name; there are {', '.join(TRICKS)}")
    times = fields.number("times", trick.times)
    return Fault(trick.name, fields.text("kernel"), times, fields.number("millis") / 1000)


def _struck(armed: tuple[Armed, ...]) -> list[dict[str, Any]]:
    return [{"name": a.fault.name, "kernel": a.fault.kernel, "times": a.fault.times, "struck": a.struck} for a in armed]


def _authorise(service: Service, request: Request) -> None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    given = value.strip()
    if scheme.lower() == "basic":
        given = password(given)[1]
    accepted = [key.encode() for key in (service.key, service.options.admin_token) if key]
    if not any(hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key) for key in accepted):
        raise ApiError(401, "Unauthenticated")


def _session(service: Service, fields: Fields) -> Version:
    with service.db.read() as tx:
        if "session" in fields:
            version = kernels.version_by_id(tx, fields.number("session"))
        else:
            ref = names.ref(fields.text("owner"), fields.text("slug"))
            kernel = kernels.find(tx, ref) if ref is not None else None
            number = fields.number("version")
            version = None
            if kernel is not None:
                version = kernels.version(tx, kernel, number) if number else kernels.latest(tx, kernel)
    if version is None:
        raise ApiError(404, "No such session")
    return version


def _state(service: Service) -> dict[str, Any]:
    with service.db.read() as tx:
        return {
            "accounts": list(accounts.names(tx)),
            "kernels": [
                {
                    "id": kernel.id,
                    "ref": f"{kernel.owner}/{kernel.slug}",
                    "title": kernel.title,
                    "private": kernel.private,
                    "versions": [
                        {
                            "session": version.id,
                            "number": version.number,
                            "author": version.author,
                            "accelerator": version.settings.accelerator.value,
                            "status": version.status.value,
                            "failure": version.failure,
                            "created": stamp(version.created),
                            "started": stamp(version.started) if version.started else None,
                            "ended": stamp(version.ended) if version.ended else None,
                            "timeLimit": version.time_limit,
                            "outputs": [o.name for o in sessions.outputs(tx, version.id)],
                        }
                        for version in kernels.versions(tx, kernel)
                    ],
                }
                for kernel in kernels.everything(tx)
            ],
            "datasets": [
                {
                    "ref": f"{dataset.owner}/{dataset.slug}",
                    "private": dataset.private,
                    "versions": [
                        {"number": v.number, "notes": v.notes, "files": [name for name, _ in datasets.files(tx, v)]}
                        for v in datasets.versions(tx, dataset)
                    ],
                }
                for dataset in datasets.everything(tx)
            ],
            "uploads": [
                {"token": u.token, "account": u.account, "name": u.name, "size": u.size, "complete": u.complete}
                for u in uploads.everything(tx)
            ],
        }
