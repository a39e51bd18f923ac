"""Our client against a service that misbehaves, one trap after the other: prints what came of each, as JSON.

python traps.py URL KEY TOKEN FOLDER

A process of its own, because the `kaggle` package serves one target a process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from sahel_nb.errors import SahelError
from sahel_nb.kernels.arrivals import ARRIVED
from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.model import KernelRef, LogRecord
from sahel_nb.kernels.outputs import fetch_all
from sahel_nb.kernels.service import PartlyPushed
from sahel_nb.kernels.settings import settings_of
from sahel_nb.kernels.target import Target, TargetKind
from sahel_nb.report.events import Silent
from sahel_nb.run.follow import follow

OUTPUTS = "for n in range(3): open(f'{n}.bin', 'wb').write(bytes([n]) * 5000)\nprint('ŋana ɓiɗɗo')\n"
LIVE = (
    "import time\ntime.sleep(0.6)\n"
    "for n in range(40): print(f'ŋ {n}', flush=True); time.sleep(0.02)\n"
)  # fmt: skip


class Traps:
    def __init__(self, url: str, key: str, token: str, folder: Path) -> None:
        self.url, self.token, self.folder = url, token, folder
        self.client = KaggleClient(Target(TargetKind.EMBEDDED, url, "awa", key))
        self.pushes = 0

    def admin(self, verb: str, **fields: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        session = requests.Session()
        session.trust_env = False
        return session.post(f"{self.url}/admin/{verb}", json=fields, headers=headers, timeout=30).json()

    @contextmanager
    def armed(self, name: str, **more: Any) -> Iterator[None]:
        self.admin("fault", name=name, **more)
        yield
        struck = self.admin("calm")["disarmed"]
        assert struck[0]["struck"] > 0, f"{name} never struck"

    def push(self, slug: str, text: str, **metadata: Any) -> tuple[KernelRef, int]:
        self.pushes += 1
        folder = self.folder / f"{slug}-{self.pushes}"
        folder.mkdir()
        title = slug.replace("-", " ").capitalize()
        settings = {"id": f"awa/{slug}", "title": title, "code_file": "x.py", "language": "python",
                    "kernel_type": "script", "is_private": True, "enable_internet": False, **metadata}  # fmt: skip
        (folder / "kernel-metadata.json").write_text(json.dumps(settings), encoding="utf-8")
        (folder / "x.py").write_text(text, encoding="utf-8")
        pushed = self.client.push(folder, None)
        return KernelRef.parse(pushed.ref), pushed.version

    def follow(self, ref: KernelRef, version: int) -> tuple[str, str]:
        seen: list[LogRecord] = []
        followed = follow(self.client, ref, version, Silent(), sink=seen.append, attach="attach")
        return followed.status.state.value, "".join(record.data for record in seen)

    def fetch(self, ref: KernelRef, version: int, name: str) -> Any:
        target = self.folder / "out" / name
        fetched, missed = fetch_all(list(self.client.outputs(ref, version)), target)
        files = (path for path in target.rglob("*") if path.is_file() and path.name != ARRIVED)
        found = sorted(str(path.relative_to(self.folder / "out")) for path in files)
        whole = [
            file.name for file in fetched if (target / file.name).read_bytes() == bytes([int(file.name[0])]) * 5000
        ]
        return {"whole": sorted(whole), "missed": len(missed), "found": found}

    def current(self, slug: str) -> int:
        found = self.client.kernel(KernelRef("awa", slug))
        return found.current_version if found else 0

    def run(self) -> dict[str, Any]:
        ref, version = self.push("trap-kernel", OUTPUTS)
        assert self.follow(ref, version)[0] == "COMPLETE"
        found: dict[str, Any] = {}
        for name in ("429", "500", "503-html", "status-empty", "status-unknown"):
            with self.armed(name, times=1):
                first = attempt(lambda: self.client.status(ref, version).state.value)
            found[name] = {"first": first, "then": self.client.status(ref, version).state.value}
        for name in ("status-lag", "status-empty"):
            with self.armed(name):
                found[f"follow {name}"] = self.follow(ref, version)[0]
        with self.armed("sessions-403"):
            found["sessions-403"] = attempt(lambda: self.client.status(ref, version))
        with self.armed("paging"):
            found["paging"] = [file.name for file in self.client.outputs(ref, version)]
        for name in ("hostile-names", "download-cut", "download-503", "download-slow"):
            with self.armed(name):
                found[name] = self.fetch(ref, version, name)
        found["escaped"] = sorted(path.name for path in self.folder.rglob("escape*"))
        with self.armed("machine-substituted"):
            settings = settings_of(self.client, ref)
            found["machine-substituted"] = settings.shape if settings else ""
        with self.armed("quota-low"):
            quota = self.client.quotas().gpu
            found["quota-low"] = quota.left.total_seconds() if quota else None
        for name in ("notebook-not-found", "session-cap", "quota-spent", "push-503", "push-429", "push-no-version",
                     "push-cut", "push-500", "dropped-sources", "push-other-slug"):  # fmt: skip
            before = self.current("trap-kernel")
            with self.armed(name):
                answer = attempt(lambda: self.push("trap-kernel", "print(1)"))
            found[name] = {"answer": answer, "made": self.current("trap-kernel") - before}
            self.settle(ref)
        for name in ("sse-cut", "sse-no-charset"):
            live = self.push("live-kernel", LIVE)
            with self.armed(name):
                found[name] = self.follow(*live)
        return found

    def settle(self, ref: KernelRef) -> None:
        while not self.client.status(ref, self.current(ref.slug)).state.ended:
            time.sleep(0.05)


def attempt(call: Callable[[], Any]) -> Any:
    try:
        return str(call())
    except PartlyPushed as exc:
        return {"error": "PartlyPushed", "message": exc.kaggle, "started": exc.started}
    except SahelError as exc:
        return {"error": type(exc).__name__, "message": exc.message, "started": exc.started, "code": exc.exit_code}


if __name__ == "__main__":
    print(json.dumps(Traps(*sys.argv[1:4], Path(sys.argv[4])).run()))
