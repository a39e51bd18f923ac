"""Can this machine give a kernel a world of its own? Found out by trying, once per process."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SWITCH = "SAHEL_NB_ISOLATION"
"""Environment variable of the service: `none` does without namespaces even where they are to be had."""

CONSEQUENCES = (
    "Kernels run without a sandbox: there is no /kaggle; the working directory and ../input work.",
    "Kernels can read whatever this user can read, and the service's data with it: run only what you trust.",
    "A kernel with its internet switched off is not cut off from the network.",
)
OPEN_NETWORK = (
    "with internet on, the kernel also reaches this machine's own services (localhost, abstract sockets) and"
    " 169.254.169.254"
)
NOT_LINUX = "A process that leaves its parent and clears its environment at once can outlive its run."


@dataclass(frozen=True)
class Isolation:
    """`missing` are sentences for people: what is missing, and what that means. Empty where nothing is."""

    namespaces: bool
    missing: tuple[str, ...]
    network_tool: str = ""
    """The program that connects a sandbox to the internet, and to nothing of this machine."""
    open_network: str = ""
    """What a kernel with internet can reach of this machine, in a sentence; empty where it is nothing."""
    to_close_network: str = ""
    """The command that installs what would close it."""


def probe() -> Isolation:
    """What runs started from this process get. Builds one sandbox to find out, the first time."""
    return _probe(os.environ.get(SWITCH, ""))


@lru_cache(maxsize=4)
def _probe(switch: str) -> Isolation:
    if switch == "none":
        return _without(f"Isolation is switched off by {SWITCH}=none.")
    if not sys.platform.startswith("linux"):
        return _without(f"Namespaces exist on Linux only; this is {sys.platform}.", NOT_LINUX)
    from sahel_nb.localkaggle.executor import network

    tool = network.find_tool()
    why_open = "neither pasta nor slirp4netns is installed"
    reason = _try(tool if network.leads_anywhere() else "")
    if reason and tool:
        why_open, tool = f"{tool} does not work: {reason}", ""
        reason = _try(tool)
    if reason:
        return _without(f"A sandbox cannot be built here: {reason}.", *hindrances())
    if tool:
        return Isolation(True, (), tool)
    return Isolation(True, (), "", f"{OPEN_NETWORK}: {why_open}", _installer("passt"))


def hindrances(root: Path = Path("/")) -> tuple[str, ...]:
    """What usually stands in the way on such a machine, with what lifts it. Read below `root`."""

    def setting(name: str) -> str:
        with contextlib.suppress(OSError):
            return (root / "proc/sys" / name.replace(".", "/")).read_text(encoding="ascii").strip()
        return ""

    found = []
    for name, wrong, right in (
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu since 23.10
        ("kernel.unprivileged_userns_clone", "0", "1"),  # Debian until 10
        ("user.max_user_namespaces", "0", "15000"),  # RHEL 7
    ):
        if setting(name) == wrong:
            found.append(f"This system keeps programs from user namespaces; `sudo sysctl {name}={right}` lets them.")
    if any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")):
        found.append(
            "This is a container; `--security-opt seccomp=unconfined --security-opt systempaths=unconfined` lets it."
        )
    return tuple(found)


def _installer(package: str) -> str:
    """The command that installs a package of the system's; empty where we know none."""
    for tool, command in (("apt-get", "install"), ("dnf", "install"), ("zypper", "install"), ("pacman", "-S")):
        if shutil.which(tool):
            return f"sudo {tool} {command} {package}"
    return ""


def _without(why: str, *more: str) -> Isolation:
    return Isolation(False, (why, *CONSEQUENCES, *more))


def _try(tool: str) -> str:
    """Empty, or the reason. With a tool the sandbox has a network of its own."""
    import json

    from sahel_nb.localkaggle.executor.launch import supervisor_command, supervisor_environment
    from sahel_nb.localkaggle.executor.resources import Resources
    from sahel_nb.localkaggle.executor.spec import Interpreter, Spec

    with tempfile.TemporaryDirectory(prefix="sahel-nb-probe-", ignore_cleanup_errors=True) as folder:
        spec = Spec(
            folder=os.path.realpath(folder),
            kind="probe",
            interpreter=Interpreter.current(),
            mounts=(),
            environment={},
            time_limit=0.0,
            resources=Resources.of_this_machine(),
            internet=bool(tool),
            namespaces=True,
            network_tool=tool,
            mark="probe",
        )
        try:
            done = subprocess.run(
                supervisor_command(),
                input=spec.to_line(),
                capture_output=True,
                timeout=60,
                check=True,
                cwd=Path("/"),
                env=supervisor_environment(),
            )
            return str(json.loads(done.stdout))
        except subprocess.CalledProcessError as exc:
            return str((exc.stderr.decode("utf-8", "replace").strip().splitlines() or [exc])[-1])
        except (OSError, ValueError, subprocess.TimeoutExpired) as exc:
            return str(exc)
