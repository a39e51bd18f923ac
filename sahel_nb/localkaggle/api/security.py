"""security.OAuthService and api.v1.DiagnosticsService: who somebody is."""

from __future__ import annotations

from typing import Any

from sahel_nb.localkaggle.api.call import Call, Handler
from sahel_nb.localkaggle.store import accounts


def introspect_token(call: Call) -> dict[str, Any]:
    """A token that is not known is `active: false` with 200: to a 401 the client answers with a traceback."""
    token = call.fields.text("token")
    run = call.service.run_tokens.find(token)
    name = run.account if run is not None else None
    if run is None and not call.service.options.only_own_key:
        with call.service.db.read() as tx:
            name = accounts.by_token(tx, token)
    return {"active": name is not None, "username": name or "", "clientId": "", "scope": ""}


def hello(call: Call) -> dict[str, Any]:
    return {"userName": call.need_account()}


OAUTH: dict[str, Handler] = {"IntrospectToken": introspect_token}
DIAGNOSTICS: dict[str, Handler] = {"Hello": hello}
