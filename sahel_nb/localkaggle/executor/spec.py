"""What the service tells the supervisor, as one line of JSON on its standard input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sahel_nb.localkaggle.executor.resources import Resources

INTERPRETER_HEADER = "X-Sahel-Nb-Interpreter"
"""With a push to the background service: the Python of the program that pushes, as JSON; runs of the push use it."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs a kernel, as the sandbox has to show it."""

    executable: str
    prefixes: tuple[str, ...]
    """sys.prefix, sys.base_prefix and their like; only bin, lib, share and so on of each are shown."""
    user_site: str
    """Where `pip install --user` put packages that count here; empty where they do not."""

    @classmethod
    def current(cls) -> Interpreter:
        import site
        import sys

        prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
        user_site = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
        return cls(
            executable=sys.executable,
            prefixes=tuple(dict.fromkeys(prefixes)),
            user_site=user_site if user_site and Path(user_site).is_dir() else "",
        )

    def to_json(self) -> str:
        """ASCII on one line, which a header can carry."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Interpreter:
        """Raises `ValueError` for anything but absolute paths."""
        return cls.from_fields(json.loads(text))

    @classmethod
    def from_fields(cls, fields: Any) -> Interpreter:
        try:
            found = cls(fields["executable"], tuple(fields["prefixes"]), fields["user_site"])
        except (TypeError, KeyError) as exc:
            raise ValueError(f"not an interpreter: {exc}") from exc
        paths = (found.executable, *found.prefixes, *([found.user_site] if found.user_site else []))
        if not all(isinstance(path, str) and path.startswith("/") and "\0" not in path for path in paths):
            raise ValueError("the paths of an interpreter are absolute")
        return found


@dataclass(frozen=True)
class Spec:
    folder: str
    kind: str
    """notebook, script, or probe: the last one proves that the sandbox stands, and runs nothing of anybody's."""
    interpreter: Interpreter
    mounts: tuple[tuple[str, tuple[str, ...]], ...]
    environment: Mapping[str, str]
    time_limit: float
    resources: Resources
    internet: bool
    namespaces: bool
    network_tool: str
    """What connects a sandbox with internet; without, such a sandbox shares the host's network."""
    mark: str
    """Stands in the environment of every process of the run, so that strays can be found."""
    api_token: str = ""
    """By which the code of the run calls Kaggle's API; empty for none (see `api_access`)."""
    api_url: str = ""
    api_channel: int = -1
    """The descriptor on which a sandbox with a network of its own hands its port out."""

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Spec:
        fields: dict[str, Any] = json.loads(line)
        fields["interpreter"] = Interpreter.from_fields(fields["interpreter"])
        fields["resources"] = Resources(**fields["resources"])
        fields["mounts"] = tuple((source, tuple(targets)) for source, targets in fields["mounts"])
        return cls(**fields)

    @property
    def own_network(self) -> bool:
        return self.namespaces and not (self.internet and not self.network_tool)

    @property
    def path(self) -> Path:
        return Path(self.folder)


PACKAGES = ".local/packages"
"""Below the home: where `pip install` in a cell puts things. There from the start, or no kernel would look in it."""


@dataclass(frozen=True)
class Layout:
    """Where things are from the kernel's point of view: the real paths in a sandbox, the job's folder without one."""

    working: str
    source: str
    exchange: str
    """Folder for the executed notebook, and for the sockets on which the runner and the kernel talk: a short path."""
    runner: str
    home: str
    temporary: str
    kaggle: str
    """What /kaggle is: mounts' targets are below it."""


SANDBOX = Layout(
    working="/kaggle/working",
    source="/kaggle/src",
    exchange="/run/sahel-nb/exchange",
    runner="/run/sahel-nb/runner.py",
    home="/root",
    temporary="/tmp",  # noqa: S108 - the sandbox's own, private to one run
    kaggle="/kaggle",
)
