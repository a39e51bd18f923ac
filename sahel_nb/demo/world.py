"""A small world to show things in: a bare remote, the embedded service, and people with a home, a clone and an account.

Nothing outside the folder is read or written: every process gets a HOME of its own and no setting of the person who
watches.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.errors import SahelError
from sahel_nb.localkaggle import daemon
from sahel_nb.localkaggle.executor.isolation import SWITCH

BIN = Path(sys.executable).parent


class DemoFailed(SahelError):
    """A step of the demo did not do what it says: a bug of ours, or a machine that lacks something."""

    exit_code = 70


@dataclass(frozen=True)
class Person:
    """Somebody of the team. `account` and `key` are their credentials on the embedded service."""

    name: str
    email: str
    account: str
    key: str
    home: Path
    clone: Path


def environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """A fresh login: the interpreter's folder first on PATH, UTF-8, a pager that does not wait."""
    return {
        "HOME": str(home),
        "PATH": os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath))),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": os.environ.get("TERM", "dumb"),
        "TMPDIR": str(home / "tmp"),
        "PYTHONUTF8": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        **extra,
    }


@dataclass(frozen=True)
class World:
    folder: Path
    remote: Path
    url: str
    people: Mapping[str, Person]
    without: tuple[str, ...] = ()
    """What the kernels of this world have to do without, in sentences; empty where they run in a sandbox."""

    def env(self, person: Person) -> dict[str, str]:
        """What `person` would have after `export SAHEL_NB_KAGGLE=…` and saving their Kaggle token."""
        return environment(
            person.home,
            {"SAHEL_NB_KAGGLE": self.url, "KAGGLE_USERNAME": person.account, "KAGGLE_KEY": person.key},
        )

    def kaggle_env(self, person: Person) -> dict[str, str]:
        """The same for Kaggle's own client: the two lines that point it at another service."""
        proxy = {"http_proxy": self.url, "HTTP_PROXY": self.url}
        return {**self.env(person), "KAGGLE_API_ENVIRONMENT": "LOCALHOST", **proxy}


@contextmanager
def make_world(folder: Path, people: Sequence[tuple[str, str, str]], collaborators: Sequence[str]) -> Iterator[World]:
    """Build it in `folder`: `people` as (name, e-mail, account); the service lives as long as the context."""
    remote = folder / "remote.git"
    made = {}
    for name, email, account in people:
        first = name.split()[0].lower()
        home = folder / "home" / first
        (home / "tmp").mkdir(parents=True)
        made[first] = Person(name, email, account, secrets.token_hex(16), home, folder / first / "lab")
        (folder / first).mkdir()
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    with _service(folder, list(made.values()), collaborators) as url:
        for person in made.values():
            _git(person.home, "config", "--global", "user.name", person.name)
            _git(person.home, "config", "--global", "user.email", person.email)
            _git(person.home, "config", "--global", "init.defaultBranch", "main")
        service = daemon.find(folder / "kaggle")
        yield World(folder, remote, url, made, service.without if service is not None else ())


@contextmanager
def _service(folder: Path, people: Sequence[Person], collaborators: Sequence[str]) -> Iterator[str]:
    accounts = " ".join(f"{person.account}:{person.key}" for person in people)
    shared = [item for entry in collaborators for item in ("--collaborator", entry)]
    command = [str(BIN / "sahel-nb"), "local", "serve", "--data", str(folder / "kaggle"), *shared]
    home = folder / "home" / "service"
    (home / "tmp").mkdir(parents=True)
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(home, {"SAHEL_NB_LOCAL_USERS": accounts, SWITCH: os.environ.get(SWITCH, "")}),
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = next((word for word in line.split() if word.startswith("http://")), "")
            if not url:
                process.wait(10)
                evidence = (folder / "service.log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
                raise DemoFailed("the embedded service did not start", details=tuple(evidence))
            yield url.rstrip("/")
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _git(where: Path, *args: str) -> None:
    home = where if where.parent.name == "home" else where / "home"
    subprocess.run(("git", *args), cwd=where, env=environment(home, {}), check=True)
