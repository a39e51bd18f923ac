"""Hundreds of small files of one host, without asking the same about each of them.

`requests` looks for a proxy, a .netrc and a CA bundle, merges settings and copies cookies with every request: three
quarters of a millisecond, and more than a small file takes. All that depends on the host alone is worked out once here,
by `requests` itself, and its adapter sends what is left. Signed URLs need no cookies, and none are kept.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests


class Lane:
    """A `requests.Session` that is good for `get`. For one thread."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._hosts: dict[tuple[str, str], tuple[Any, Any, dict[str, Any]]] = {}

    def get(
        self, url: str, *, headers: dict[str, str], stream: bool, timeout: tuple[float, float]
    ) -> requests.Response:
        """What `requests.Session.get` answers and raises. A redirect is followed by the session, from its beginning."""
        parts = urlsplit(url)
        host = (parts.scheme, parts.netloc)
        if host not in self._hosts:
            self._hosts[host] = self._learn(url)
        common, adapter, settings = self._hosts[host]
        request = requests.PreparedRequest()
        request.method, request.hooks = "GET", {}
        request.prepare_url(url, None)
        request.headers = common.copy()
        request.headers.update(headers)
        response: requests.Response = adapter.send(request, **{**settings, "stream": stream}, timeout=timeout)
        if not response.is_redirect:
            return response
        response.close()
        return self._session.get(url, headers=headers, stream=stream, timeout=timeout)

    def _learn(self, url: str) -> tuple[Any, Any, dict[str, Any]]:
        """The headers of every request to this host, a .netrc's credentials among them; who sends it, and how."""
        prepared = self._session.prepare_request(requests.Request("GET", url))
        settings = self._session.merge_environment_settings(prepared.url, {}, None, None, None)
        return prepared.headers, self._session.get_adapter(prepared.url or url), dict(settings)
