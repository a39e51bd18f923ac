"""Plain pages for people: what there is, one kernel with its versions, status, log and outputs, one dataset.

A browser has no API key to show. So private things are shown to one that has been at `/?key=…` once, the address that
`sahel-nb local status` prints; a cookie keeps that. Coming from this machine is not enough: kernels do that, too.
A service that answers its owner alone (`only_own_key`) shows others nothing at all.
Everything that users wrote is escaped, and the pages run no script.
"""

from __future__ import annotations

import json
import time
from collections import deque
from datetime import UTC, datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sahel_nb.localkaggle import logs, names, signing
from sahel_nb.localkaggle.model import Kernel, Version
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.signing import Grant, Kind, PagesKey
from sahel_nb.localkaggle.store import datasets, kernels, sessions

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}"
    "pre{background:#f5f5f5;padding:1rem;overflow-x:auto;white-space:pre-wrap}.stderr{color:#a40}.note{color:#777}"
)
_LOG_SHOWN = 4000


_NOT_FOUND = (
    "<p>There is nothing here that you may see.</p><p>To see private things in this browser, open the address that "
    "<code>sahel-nb local status</code> prints, once, then come back.</p>"
)


def render(service: Service, request: Request) -> Response:
    """The page that a path names."""
    key = PagesKey.of(service.secret)
    if key.fits(request.query_params.get("key", "")):
        answer = RedirectResponse(str(request.url.remove_query_params("key").replace(scheme="", netloc="")), 303)
        answer.set_cookie(key.cookie, key.value, max_age=signing.LIFETIME, httponly=True, samesite="lax")
        return answer
    private = key.fits(request.cookies.get(key.cookie, ""))
    if service.options.only_own_key and not private:
        return _page("Not signed in", _NOT_FOUND, 401)
    params = request.path_params
    if "slug" not in params:
        return _page("sahel-nb local", _index(service, private))
    ref = names.ref(params["owner"], params["slug"])
    if ref is not None and request.url.path.startswith("/datasets/"):
        with service.db.read() as tx:
            dataset = datasets.find(tx, ref)
            if dataset is not None and (private or not dataset.private):
                rows = [(v, datasets.files(tx, v)) for v in datasets.versions(tx, dataset)]
                body = [f"<p>{escape(dataset.title)}{_private(dataset.private)}</p>"]
                for version, files in rows:
                    body.append(f"<h2>Version {version.number}</h2><p>{escape(version.notes)}</p><ul>")
                    for name, size in files:
                        body.append(
                            f"<li>{_link(service, Grant(Kind.DATASET_FILE, version.id, name))} {size} bytes</li>"
                        )
                    body.append("</ul>")
                return _page(str(ref), "".join(body))
    elif ref is not None:
        with service.db.read() as tx:
            kernel = kernels.find(tx, ref)
            if kernel is not None and (private or not kernel.private):
                return _page(str(ref), _kernel(service, request, kernel))
    return _page("Not found", _NOT_FOUND, 404)


def _index(service: Service, private: bool) -> str:
    with service.db.read() as tx:
        shown = [k for k in kernels.everything(tx) if private or not k.private]
        listed = [(k, kernels.latest(tx, k)) for k in shown]
        sets = [d for d in datasets.everything(tx) if private or not d.private]
    rows = "".join(
        f'<tr><td><a href="/code/{k.owner}/{k.slug}">{k.owner}/{k.slug}</a>{_private(k.private)}</td>'
        f"<td>{v.status.value} (version {v.number})</td><td>{_when(v.created)}</td></tr>"
        for k, v in listed
        if v is not None
    )
    items = "".join(
        f'<li><a href="/datasets/{d.owner}/{d.slug}">{d.owner}/{d.slug}</a>{_private(d.private)}</li>' for d in sets
    )
    return f"<h2>Kernels</h2><table>{rows}</table><h2>Datasets</h2><ul>{items}</ul>"


def _kernel(service: Service, request: Request, kernel: Kernel) -> str:
    with service.db.read() as tx:
        versions = kernels.versions(tx, kernel)
        chosen = _chosen(request, versions)
        found = sessions.outputs(tx, chosen.id)
    rows = "".join(
        f'<tr><td><a href="?scriptVersionId={v.id}">Version {v.number}</a>{" ←" if v.id == chosen.id else ""}</td>'
        f"<td>{v.status.value}</td><td>{escape(v.author)}</td><td>{_when(v.created)}</td><td>{_took(v)}</td></tr>"
        for v in versions
    )
    files = "".join(f"<li>{_link(service, Grant(Kind.OUTPUT, chosen.id, o.name))} {o.size} bytes</li>" for o in found)
    failure = f'<p class="stderr">{escape(chosen.failure)}</p>' if chosen.failure else ""
    refresh = '<meta http-equiv="refresh" content="3">' if chosen.status.active else ""
    return (
        f"{refresh}<p>{escape(kernel.title)}{_private(kernel.private)}</p>"
        f"<h2>Version {chosen.number}: {chosen.status.value}</h2>{failure}"
        f"<h3>Output</h3><ul>{files or '<li class=note>none</li>'}</ul>"
        f"<h3>Log</h3><pre>{_log(service, chosen)}</pre><h3>Versions</h3><table>{rows}</table>"
    )


def _chosen(request: Request, versions: tuple[Version, ...]) -> Version:
    wanted = request.query_params.get("scriptVersionId", "")
    number = request.query_params.get("version", "")
    for version in versions:
        if wanted == str(version.id) or number == str(version.number):
            return version
    return versions[0]


def _log(service: Service, version: Version) -> str:
    """The end of the log, also while the run goes on: here people look, no client does."""
    count, last = 0, deque[bytes](maxlen=_LOG_SHOWN)
    for count, line in enumerate(logs.records(service.folder.log(version.id)), 1):  # noqa: B007  counts to the end
        last.append(line)
    head = f"… {count - _LOG_SHOWN} records before …\n" if count > _LOG_SHOWN else ""
    parts = []
    for line in last:
        record = json.loads(line)
        text = escape(str(record.get("data", "")))
        parts.append(f'<span class="stderr">{text}</span>' if record.get("stream_name") == "stderr" else text)
    return head + "".join(parts)


def _link(service: Service, grant: Grant) -> str:
    return f'<a href="{escape(signing.path_for(service.secret, grant, time.time()))}">{escape(grant.path)}</a>'


def _page(title: str, body: str, status: int = 200) -> Response:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f'<h1>{escape(title)}</h1>{body}<p class="note">sahel-nb local: the embedded Kaggle-compatible service. '
        f'<a href="/">All kernels</a></p></html>'
    )
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers=_HEADERS)


def _private(private: bool) -> str:
    return ' <span class="note">(private)</span>' if private else ""


def _when(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _took(version: Version) -> str:
    return f"{version.ended - version.started:.1f} s" if version.started and version.ended else ""
