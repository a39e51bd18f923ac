"""Builds the root that a kernel sees, and goes to live in it.

The root is an empty tmpfs. Into it come, read-only: the system's programs and libraries, the interpreter and its
packages, a handful of files of /etc; the job's mounts below /kaggle. Writable are /kaggle/working, /kaggle/temp, the
home and /tmp, each a folder of the job's on the host's disk. Everything else of the host is not there.

A kernel runs as the user who runs the service, so that the outputs are that user's. One with internet has a network of
its own where there is a tool for it (see `network`); else it shares the host's, loopback and its services included.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sahel_nb.localkaggle.executor import api_access, network
from sahel_nb.localkaggle.executor import namespaces as ns
from sahel_nb.localkaggle.executor.spec import PACKAGES, SANDBOX, Interpreter, Spec

# Of an interpreter's prefix only these: somebody's prefix may be their home.
_PREFIX_PARTS = ("bin", "lib", "lib64", "libexec", "include", "share", "etc/jupyter", "etc/fonts", "ssl", "pyvenv.cfg")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
# No whole /etc/ssl or /etc/pki: private keys live there, and a service that runs as root could read them.
_ETC = (
    "alternatives", "ca-certificates", "crypto-policies", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "ld-musl-x86_64.path", "localtime", "mime.types", "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs",
    "pki/tls/openssl.cnf", "protocols", "services", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf",
)  # fmt: skip
_HARDWARE = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_HOSTNAME = "kaggle"
_WRITABLE = {  # of the kernel: of the job's folder
    SANDBOX.working: "working",
    "/kaggle/temp": "scratch/temp",
    SANDBOX.home: "scratch/home",
    SANDBOX.temporary: "scratch/tmp",
    SANDBOX.exchange: "scratch/exchange",
}


def prepare(folder: Path) -> None:
    """Make the folders that `enter` shows. In the supervisor, so that they are there whatever happens next."""
    for part in (*_WRITABLE.values(), f"scratch/home/{PACKAGES}", "scratch/root", "src"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def enter(spec: Spec, connect: Callable[[], object]) -> str:
    """Leave the host for good. Called in pid 1 of a new pid namespace, root of its user namespace.

    `connect` is called when there is a network namespace that is to be connected. Answers why a run that should have
    internet has none; empty where nothing is missing. Raises OSError naming the step that the system refused; the
    caller is then of no further use.
    """
    shares_network = spec.internet and not spec.network_tool
    extra = 0 if shares_network else ns.CLONE_NEWNET
    addresses, offline, missing = network.own_addresses(), not network.leads_anywhere(), ""
    ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWIPC | ns.CLONE_NEWUTS | extra)
    with contextlib.suppress(OSError):  # kernels before 4.6
        ns.unshare(ns.CLONE_NEWCGROUP)
    if not shares_network:
        ns.raise_loopback()
        if spec.api_channel >= 0:
            api_access.listen(spec.api_channel)
        if spec.internet and offline:
            missing = "this machine has no route to the internet"
        elif spec.internet:
            connect()
            network.await_connection()
            network.close_ways_back(addresses)
    _set_hostname()
    ns.mount("none", "/", flags=ns.MS_REC | ns.MS_PRIVATE)
    root = _Root(spec.path / "scratch" / "root")
    root.tmpfs("/", "mode=755,size=64m")
    root.devices(spec.resources.memory)
    for target, source in _WRITABLE.items():
        root.bind(spec.path / source, target)
    root.system()
    root.interpreter(spec.interpreter)
    root.etc(spec)
    root.bind(spec.path / "src", SANDBOX.source)
    root.copy(Path(__file__).with_name("runner.py"), SANDBOX.runner)
    root.folder("/kaggle/input")
    for source, targets in spec.mounts:
        for below in targets:
            root.bind(Path(source), f"{SANDBOX.kaggle}/{below}")
    ns.mount("proc", str(root.folder("/proc")), "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.pivot(str(root.at("/")))
    _make_read_only()
    ns.give_up_privileges()
    # This process is a fork of the supervisor and stays pid 1; the run itself is opened again by its exec.
    ns.close_to_others()
    os.chdir(SANDBOX.working)
    return missing


class _Root:
    """The new root while it is still a folder of the old one. Paths are given as they will be inside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: list[Path] = []

    def at(self, inside: str | Path) -> Path:
        return self._path / str(inside).lstrip("/")

    def tmpfs(self, inside: str, options: str) -> None:
        ns.mount("tmpfs", str(self.folder(inside)), "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, options)

    def folder(self, inside: str | Path) -> Path:
        self.at(inside).mkdir(parents=True, exist_ok=True)
        return self.at(inside)

    def write(self, inside: str, text: str) -> None:
        self.folder(Path(inside).parent)
        self.at(inside).write_text(text, encoding="utf-8")

    def copy(self, source: Path, inside: str) -> None:
        self.folder(Path(inside).parent)
        shutil.copyfile(source, self.at(inside))

    def link(self, inside: str | Path, to: str) -> None:
        self.folder(Path(inside).parent)
        with contextlib.suppress(FileExistsError):
            self.at(inside).symlink_to(to)

    def bind(self, source: Path, inside: str | Path) -> None:
        if source.is_dir():
            self.folder(inside)
        else:
            self.folder(Path(inside).parent)
            self.at(inside).touch()
        # Recursive: the kernel refuses to show a folder without what is mounted below it.
        ns.mount(str(source), str(self.at(inside)), flags=ns.MS_BIND | ns.MS_REC)

    def same(self, *paths: str | Path) -> None:
        """Show host paths where they are, links as links. What is not there, or already there, is passed over."""
        for path in map(Path, paths):
            if any(path.is_relative_to(shown) for shown in self._shown):
                continue
            if path.is_symlink():
                self.link(path, str(path.readlink()))
            elif path.exists():
                self.bind(path, path)
                self._shown.append(path)

    def system(self) -> None:
        self.same(*_SYSTEM)
        for path in _HARDWARE:
            with contextlib.suppress(OSError):  # how many processors there are, for those who ask there
                self.same(path)
        self.link("/var/tmp", SANDBOX.temporary)  # noqa: S108 - inside the sandbox
        self.link("/var/run", "/run")

    def interpreter(self, interpreter: Interpreter) -> None:
        for prefix in map(Path, interpreter.prefixes):
            for spelled in (prefix, prefix.resolve()):
                self.same(*(spelled / part for part in _PREFIX_PARTS))
        if interpreter.user_site:
            self.same(interpreter.user_site)
        # A virtual environment's python may reach the real one through links that lie anywhere.
        hop = Path(interpreter.executable)
        for _ in range(40):
            self.same(hop)
            if not hop.is_symlink():
                break
            hop = Path(os.path.normpath(hop.parent / hop.readlink()))

    def etc(self, spec: Spec) -> None:
        self.same(*(f"/etc/{name}" for name in _ETC))
        self.write("/etc/passwd", f"root:x:0:0:root:{SANDBOX.home}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        self.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.write("/etc/hostname", _HOSTNAME + "\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost {_HOSTNAME}\n::1 localhost\n")
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        if spec.internet and spec.network_tool:
            self.write("/etc/resolv.conf", f"nameserver {network.resolver(spec.network_tool)}\n")
        elif spec.internet:
            with contextlib.suppress(OSError):
                self.copy(Path("/etc/resolv.conf"), "/etc/resolv.conf")

    def devices(self, memory: int) -> None:
        self.tmpfs("/dev", "mode=755,size=64k")
        for name in _DEVICES:
            if Path(f"/dev/{name}").exists():
                self.bind(Path(f"/dev/{name}"), f"/dev/{name}")
        for name, to in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            self.link(f"/dev/{name}", f"/proc/self/fd{to}")
        self.tmpfs("/dev/shm", f"mode=1777,size={memory // 2}")  # noqa: S108 - inside the sandbox
        options = "newinstance,ptmxmode=0666"
        ns.mount("devpts", str(self.folder("/dev/pts")), "devpts", ns.MS_NOSUID | ns.MS_NOEXEC, options)
        self.link("/dev/ptmx", "pts/ptmx")


def _set_hostname() -> None:
    import socket

    socket.sethostname(_HOSTNAME)


def _make_read_only() -> None:
    """Everything but the writable places. Each mount by itself: a bind's flags do not reach what lies below it.

    /proc too: where the service is the host's root, so is the kernel, and /proc/sys would be open to it. Devices stay
    usable on a read-only mount, but nobody changes their mode.
    """
    writable = {*_WRITABLE, "/dev/shm", "/dev/pts"}  # noqa: S108 - inside the sandbox
    for point, flags in ns.mounted():
        if point in writable:
            continue
        nodev = 0 if point.startswith("/dev/") else ns.MS_NODEV
        ns.mount("none", point, flags=flags | ns.MS_REMOUNT | ns.MS_BIND | ns.MS_RDONLY | ns.MS_NOSUID | nodev)
