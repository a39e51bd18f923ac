"""The command that installs this copy again: for each way in which it can have been installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sahel_nb import distribution
from sahel_nb.distribution import install_command, upgrade_command

ROOT = Path(__file__).parents[2]
UV_TOOL = ["uv", "tool", "install", "--force"]
PIP = [sys.executable, "-m", "pip", "install"]


class _Installed:
    """Stands in for what an installer has left of this package: its direct_url.json."""

    def __init__(self, origin: dict[str, object] | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._origin is None else json.dumps(self._origin)


@pytest.fixture
def came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    def set_up(origin: dict[str, object] | None, *, beside: str = "", pip: bool = True) -> None:
        monkeypatch.setattr(metadata, "distribution", lambda name: _Installed(origin))
        monkeypatch.setattr(util, "find_spec", lambda name: object() if pip else None)
        monkeypatch.setattr(distribution, "__file__", str(tmp_path / "site-packages" / "sahel_nb" / "distribution.py"))
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        if beside:
            (tmp_path / beside).touch()

    return set_up


CLONE = {"url": "file:///srv/it%27s%20%C5%8B", "dir_info": {"editable": True}}
WHEEL = {"url": "file:///tmp/sahel_nb-0.1.0-py3-none-any.whl", "archive_info": {}}
GIT = {
    "url": "https://example.org/sahel-nb.git",
    "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "a"},
}


@pytest.mark.parametrize(
    ("origin", "extra", "beside", "pip", "expected"),
    [
        (CLONE, "local", "", True, [*PIP, "--editable", "/srv/it's ŋ[local]"]),
        ({**CLONE, "dir_info": {}}, "", "", True, [*PIP, "/srv/it's ŋ"]),
        (WHEEL, "local", "", True, [*PIP, f"sahel-nb[local] @ {WHEEL['url']}"]),
        (GIT, "", "", True, [*PIP, "sahel-nb @ git+https://example.org/sahel-nb.git@v1"]),
        (GIT, "demo", "uv-receipt.toml", True, [*UV_TOOL, f"sahel-nb[demo] @ git+{GIT['url']}@v1"]),
        (WHEEL, "local", "pipx_metadata.json", True, ["pipx", *UV_TOOL[2:], f"sahel-nb[local] @ {WHEEL['url']}"]),
        (WHEEL, "", "", False, ["uv", "pip", "install", "--python", sys.executable, f"sahel-nb @ {WHEEL['url']}"]),
        (None, "local", "", True, [*PIP, "--upgrade", "sahel-nb[local]"]),
    ],
)  # fmt: skip
def test_it_installs_from_where_it_came(came_from, origin, extra, beside, pip, expected) -> None:  # type: ignore[no-untyped-def]
    came_from(origin, beside=beside, pip=pip)
    assert shlex.split(install_command(extra)) == expected


def test_a_clone_is_brought_up_to_date_by_git(came_from, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    clone = tmp_path / "a clone"
    (clone / ".git").mkdir(parents=True)
    came_from({"url": clone.as_uri(), "dir_info": {"editable": True}})
    assert shlex.split(upgrade_command()) == ["git", "-C", str(clone), "pull"]
    came_from({"url": clone.as_uri(), "dir_info": {}})
    assert upgrade_command().endswith(f"pip install {shlex.quote(str(clone))}")


def test_this_copy_is_installed_by_its_own_command() -> None:
    """What it names is there to be installed: a project, or a file."""
    python, *_, spec = shlex.split(install_command("local"))
    folder = spec.removesuffix("[local]")
    if folder != spec and not spec.startswith("sahel-nb["):
        assert (Path(folder) / "pyproject.toml").is_file()
    else:
        assert Requirement(spec).extras == {"local"}
    assert Path(python).is_file()


@pytest.mark.parametrize("folder", ["sahel_nb", "hooks", "bin", "templates", "docs"])
def test_nothing_suggests_whatever_has_our_name_on_an_index(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in (".pyc", ".svg")]
    hits = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
        if "pip install" in line and " sahel-nb" in line.split("pip install", 1)[1].split("@")[0] and "/" not in line
    ]
    assert hits == []
