"""The same faults against the unmodified client: each trap is one that it walks into, so the service plays it truly.

Two of them are mended in kaggle 2.2.5, and are looked at by its version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import requests

from support.service import Service, service_fixture

MENDED = tuple(int(part) for part in version("kaggle").split(".")[:3]) >= (2, 2, 5)
service = service_fixture("--admin", users=("awa",))
SLUG = "plain-client-lab"


@contextmanager
def armed(service: Service, name: str, **more: Any) -> Iterator[None]:
    requests.post(f"{service.url}/admin/fault", json={"name": name, **more}, timeout=30).raise_for_status()
    yield
    struck = requests.post(f"{service.url}/admin/calm", json={"kernel": ""}, timeout=30).json()["disarmed"]
    assert struck[0]["struck"] > 0


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel that has run, and the folder that it was pushed from."""
    folder = tmp_path_factory.mktemp("kernel")
    settings = {
        "id": f"awa/{SLUG}", "title": "Plain client lab", "code_file": "x.py", "language": "python",
        "kernel_type": "script", "is_private": True, "enable_internet": False,
    }  # fmt: skip
    (folder / "kernel-metadata.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "x.py").write_text("print('ŋana')\nopen('a.bin', 'wb').write(bytes(5000))\n", encoding="utf-8")
    service.kaggle("awa", "kernels", "push", "-p", str(folder))
    assert service.wait("awa", f"awa/{SLUG}") == "COMPLETE"
    return folder


@pytest.mark.parametrize("name", ["notebook-not-found", "session-cap", "dropped-sources"])
def test_it_exits_0_on_a_refusal(service: Service, folder: Path, name: str) -> None:
    with armed(service, name):
        done = service.kaggle("awa", "kernels", "push", "-p", str(folder), check=False)
    assert done.returncode == 0, done.stdout


def test_it_takes_an_empty_status_for_queued(service: Service, folder: Path) -> None:
    with armed(service, "status-empty", times=1):
        assert "QUEUED" in service.kaggle("awa", "kernels", "status", f"awa/{SLUG}").stdout


def test_it_saves_an_error_page_as_the_file(service: Service, folder: Path, tmp_path: Path) -> None:
    service.wait("awa", f"awa/{SLUG}")
    with armed(service, "download-503", times=1):
        done = service.kaggle("awa", "kernels", "output", f"awa/{SLUG}", "-p", str(tmp_path), check=False)
    saved = (tmp_path / "a.bin").read_bytes() if (tmp_path / "a.bin").exists() else b""
    assert (done.returncode == 0 and b"Service Unavailable" in saved) is not MENDED


def test_it_writes_outside_of_the_folder(service: Service, folder: Path, tmp_path: Path) -> None:
    service.wait("awa", f"awa/{SLUG}")
    target = tmp_path / "out"
    with armed(service, "hostile-names"):
        service.kaggle("awa", "kernels", "output", f"awa/{SLUG}", "-p", str(target), check=False)
    assert (tmp_path / "escape.txt").exists() is not MENDED


def test_it_gives_up_where_the_service_is_busy(service: Service, folder: Path) -> None:
    with armed(service, "429", times=1):
        assert service.kaggle("awa", "kernels", "status", f"awa/{SLUG}", check=False).returncode != 0
