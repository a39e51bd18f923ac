"""How this copy of sahel-nb was installed, and the command that installs it again: with an extra, or a newer one.

The name `sahel-nb` alone is no hint: on an index it is whoever's took it. pip and uv leave where a package came from in
direct_url.json (PEP 610); uv's tools have a uv-receipt.toml, pipx's a pipx_metadata.json beside the interpreter.
Imports nothing of ours, so that every layer may ask.
"""

from __future__ import annotations

# What is needed for a hint alone is imported where it is: nearly every command imports this, and gives none.
import sys
from shlex import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

NAME = "sahel-nb"


def install_command(extra: str = "") -> str:
    """The command to type for this copy with `extra` ("local", "demo"), or as it is, from where it came."""
    origin = _origin()
    url = str(origin.get("url", ""))
    wanted = f"{NAME}[{extra}]" if extra else NAME
    if (folder := _folder(origin, url)) is not None:
        spec = f"{folder}[{extra}]" if extra else str(folder)
        arguments = ["--editable", spec] if origin["dir_info"].get("editable") else [spec]
    elif url:
        arguments = [f"{wanted} @ {_with_revision(origin, url)}"]
    else:
        arguments = [wanted]
    return " ".join([*_installer(fresh=not url), *map(quote, arguments)])


def upgrade_command() -> str:
    """The command to type for a newer copy: of a clone, what brings it up to date; else as it was installed."""
    origin = _origin()
    folder = _folder(origin, str(origin.get("url", "")))
    if folder is not None and (folder / ".git").exists():
        pull = f"git -C {quote(str(folder))} pull"
        return pull if origin["dir_info"].get("editable") else f"{pull} && {install_command()}"
    return install_command()


def _origin() -> dict[str, Any]:
    """What direct_url.json says; empty where it came from an index, or nothing says where from."""
    import json
    from importlib import metadata
    from pathlib import Path

    try:
        found = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        found = {}
    if not isinstance(found, dict) or not found:
        checkout = Path(__file__).resolve().parents[1]
        if (checkout / "pyproject.toml").is_file():  # run from a clone that was never installed
            return {"url": checkout.as_uri(), "dir_info": {"editable": True}}
        return {}
    return found


def _folder(origin: dict[str, Any], url: str) -> Path | None:
    """The folder that it was installed from, if it was one."""
    if not isinstance(origin.get("dir_info"), dict) or not url.startswith("file:"):
        return None
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    return Path(unquote(urlsplit(url).path))


def _with_revision(origin: dict[str, Any], url: str) -> str:
    vcs = origin.get("vcs_info")
    if not isinstance(vcs, dict):
        return url
    revision = vcs.get("requested_revision")
    return f"{vcs.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else "")


def _installer(*, fresh: bool) -> list[str]:
    from importlib import util
    from pathlib import Path

    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        return ["uv", "tool", "install", "--force"]
    if (prefix / "pipx_metadata.json").is_file():
        return ["pipx", "install", "--force"]
    again = ["--upgrade"] if fresh else []
    if util.find_spec("pip") is None:  # as in the environments that uv makes
        return ["uv", "pip", "install", "--python", quote(sys.executable), *again]
    return [quote(sys.executable), "-m", "pip", "install", *again]
