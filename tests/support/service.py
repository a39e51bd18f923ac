"""The embedded service as a real process, and the unmodified `kaggle` command pointed at it.

    with Service(tmp_path, users=("awa",)) as service:
        service.kaggle("awa", "kernels", "status", "awa/fula-words")

Any module gets one of its own with `service = service_fixture(users=("awa", "binta"))`: a module-scoped fixture.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

BIN = Path(sys.executable).parent
_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")


class Service:
    """One service process. Files lie below `folder`: data/, home-<user>/, service.err."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        users: tuple[str, ...] = ("awa", "binta"),
        client: Path = BIN / "kaggle",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.client = client
        self.data = folder / "data"
        self.users = users
        self._arguments = arguments
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def stderr(self) -> str:
        return (self.folder / "service.err").read_text("utf-8")

    def key(self, user: str) -> str:
        return f"key-of-{user}-0123456789abcdef"

    @property
    def owner(self) -> tuple[str, str]:
        """Who may ask /admin/…: any name, and the key of the data folder."""
        return "owner", (self.data / "key").read_text()

    def start(self, *, port: int = 0) -> Service:
        """Returns when the service has printed its URL."""
        users = " ".join(f"{user}:{self.key(user)}" for user in self.users)
        command = [str(BIN / "sahel-nb"), "local", "serve", "--data", str(self.data), "--port", str(port)]
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "service.err", "ab") as errors:
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**self._plain_env("service"), "SAHEL_NB_LOCAL_USERS": users, **self._environment},
            )
        self.url = self._line()
        return self

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: no chance to put anything in order."""
        self._end(signal.SIGKILL)

    def restart(self) -> Service:
        """Start again with the same data, on the same port: URLs that were handed out stay good."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        return self.start(port=self.port)

    def env(self, user: str, *, token: str = "") -> dict[str, str]:
        """What points the unmodified client at this service, in a HOME of its own."""
        env = self._plain_env(user)
        env |= {
            "KAGGLE_CONFIG_DIR": str(Path(env["HOME"]) / ".kaggle"),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "http_proxy": self.url,
            "HTTP_PROXY": self.url,
            "KAGGLEHUB_CACHE": str(Path(env["HOME"]) / "hub"),
        }
        if token:
            return env | {"KAGGLE_API_TOKEN": token}
        return env | {"KAGGLE_USERNAME": user, "KAGGLE_KEY": self.key(user)}

    def kaggle(
        self, user: str, *arguments: str, check: bool = True, cwd: Path | None = None, token: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `kaggle` command. With `check`, a failure shows what it printed."""
        done = subprocess.run(
            [str(self.client), *arguments],
            env=self.env(user, token=token),
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        if check and done.returncode != 0:
            pytest.fail(
                f"kaggle {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.stderr}"
            )
        return done

    def python(self, user: str, code: str, *arguments: str) -> str:
        """Run Python with this user's environment, for kagglehub; its stdout."""
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.env(user),
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.stderr}"
        return done.stdout

    def api(self, user: str, method: str, fields: dict[str, Any] | None = None, service: str = "") -> Any:
        """One call without the client: `(status, JSON)`. `user` empty: no credentials."""
        import requests

        session = requests.Session()
        session.trust_env = False
        auth = (user, self.key(user)) if user else None
        where = f"{self.url}/api/v1/{service or 'kernels.KernelsApiService'}/{method}"
        answer = session.post(where, json=fields or {}, auth=auth, timeout=30)
        return answer.status_code, answer.json()

    def wait(self, user: str, ref: str, *, version: str = "", until: tuple[str, ...] = ()) -> str:
        """The status of a kernel when it is over, or one of `until`."""
        ends = until or ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")
        owner, slug = ref.split("/")
        status = ""

        def over() -> bool:
            nonlocal status
            code, answer = self.api(
                user, "GetKernelSessionStatus", {"userName": owner, "kernelSlug": slug, "versionLabel": version or None}
            )
            status = answer["status"] if code == 200 else f"HTTP {code}"
            return status in ends

        wait_until(over, f"{ref} {version} to be {' or '.join(ends)}")
        return status

    def __enter__(self) -> Service:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _plain_env(self, user: str) -> dict[str, str]:
        home = self.folder / f"home-{user}"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        env = {key: os.environ[key] for key in _KEPT if key in os.environ}
        return env | {"HOME": str(home), "TMPDIR": str(home / "tmp"), "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 60)
        line = self._process.stdout.readline().decode() if ready else ""
        if not line.startswith("http://"):
            self._end(signal.SIGKILL)
            pytest.fail(f"the service did not start: {line!r}\n{self.stderr}")
        return line.strip()

    def _end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(timeout=60)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code


def wait_until(done: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Poll until something is true; fail with its name when the deadline is over."""
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience} s for {what}")
        time.sleep(0.05)


def service_fixture(*arguments: str, users: tuple[str, ...] = ("awa", "binta")) -> Any:
    """A module-scoped fixture that starts one service for the module's tests."""

    @pytest.fixture(scope="module")
    def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
        folder = tmp_path_factory.mktemp("service")
        with Service(folder, *arguments, users=users) as running:
            yield running
        shutil.rmtree(folder, ignore_errors=True)

    return service
