"""How the code of a run reaches Kaggle's API, which is this service: kagglehub and `kaggle` need no setting in it.

In a network of its own, port 80 of the run's loopback is the service: `http://localhost` is what Kaggle's client calls
where KAGGLE_API_ENVIRONMENT is LOCALHOST. The socket is made inside and served outside:

    pid 1 of the sandbox ── bind, listen ──▶ SCM_RIGHTS over `channel` ──▶ the service accepts

A run that shares this machine's network calls the service's own port. There the client's table of endpoints is
changed as it is imported, by a `sitecustomize` on PYTHONPATH: http_proxy would take all that is not https with it.

Without internet there is no way to the API, as on Kaggle: its name cannot be resolved.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.localkaggle.executor.spec import Layout, Spec

REDACTED = "<redacted>"
_FOLDER = ".local/kaggle"
"""Below the home: the token, and what points the client at the service."""
_PORT = 80
_UNREACHABLE = "http://no-internet.invalid"  # RFC 2606: resolves nowhere

_SITECUSTOMIZE = '''\
"""Kaggle's client in this rehearsal calls the embedded service of sahel-nb."""
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

HERE = os.path.dirname(__file__)


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "kagglesdk.kaggle_env":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                module._env_to_endpoint[module.KaggleEnv.LOCAL] = {url!r}

            spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
hidden = PathFinder.find_spec("sitecustomize", [folder for folder in sys.path if folder != HERE])
if hidden is not None and hidden.loader is not None:
    hidden.loader.exec_module(module_from_spec(hidden))
'''


@dataclass(frozen=True)
class ApiAccess:
    """What the service gives a run for it."""

    token: str
    url: str
    """Where the service listens on this machine."""
    serve: Callable[[socket.socket], None]
    """Takes a channel on which a listening socket comes, and serves that until the channel's other end is closed."""


def prepare(spec: Spec) -> None:
    """Write the files that a run of this machine's sees in its home."""
    if not spec.api_token:
        return
    folder = spec.path / "scratch" / "home" / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.open(folder / "token", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(spec.api_token)
    if not spec.own_network:
        url = spec.api_url if spec.internet else _UNREACHABLE
        (folder / "sitecustomize.py").write_text(sitecustomize(url), encoding="utf-8")


def sitecustomize(url: str) -> str:
    """The module that points Kaggle's client at `url`; one that it hides is run as well."""
    return _SITECUSTOMIZE.format(url=url)


def environment(spec: Spec, layout: Layout) -> dict[str, str]:
    """The variables of the client. The token itself is in none of them: notebooks show their environment."""
    if not spec.api_token:
        return {}
    variables = {"KAGGLE_API_TOKEN": f"{layout.home}/{_FOLDER}/token"}
    if spec.internet or not spec.own_network:
        variables["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
    return variables


def import_path(spec: Spec, layout: Layout) -> list[str]:
    return [f"{layout.home}/{_FOLDER}"] if spec.api_token and not spec.own_network else []


def listen(channel: int) -> None:
    """Called in the run's own network: open port 80 of its loopback, and hand it to who holds the other end."""
    with (
        socket.socket(fileno=os.dup(channel)) as other_end,
        socket.create_server(("127.0.0.1", _PORT), backlog=128) as listener,
    ):
        socket.send_fds(other_end, [b"1"], [listener.fileno()])


def hide_token(spec: Spec, text: str) -> str:
    """`text` as it may be kept: in the log, and in how the run ended."""
    return text.replace(spec.api_token, REDACTED) if spec.api_token else text


def hide_token_in(spec: Spec, path: Path) -> None:
    """The same in a file, in its place: the executed notebook, which has outputs."""
    import mmap

    token = spec.api_token.encode("ascii")
    if not token or not path.stat().st_size:
        return
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        found = content.find(token)
        while found >= 0:
            content[found : found + len(token)] = b"*" * len(token)
            found = content.find(token, found)
