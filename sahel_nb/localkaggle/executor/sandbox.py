"""Builds the root that a kernel sees, and goes to live in it.

The root is an empty tmpfs. Into it come, read-only: the system's programs and libraries, the interpreter and its
packages, a handful of files of /etc; the job's mounts below /kaggle. Writable are /kaggle/working, /kaggle/temp, the
home and /tmp, each a folder of the job's on the host's disk. Everything else of the host is not there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from sahel_nb.localkaggle.executor import namespaces as ns
from sahel_nb.localkaggle.executor.spec import SANDBOX, Interpreter, Spec

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
    SANDBOX.executed: "scratch/executed",
}


def prepare(folder: Path) -> None:
    """Make the folders that `enter` shows. In the supervisor, so that they are there whatever happens next."""
    for part in (*_WRITABLE.values(), "scratch/root", "src"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def enter(spec: Spec) -> None:
    """Leave the host for good. Called in pid 1 of a new pid namespace, root of its user namespace.

    Raises OSError naming the step that the system refused; the caller is then of no further use.
    """
    extra = 0 if spec.internet else ns.CLONE_NEWNET
    ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWIPC | ns.CLONE_NEWUTS | extra)
    with contextlib.suppress(OSError):  # kernels before 4.6
        ns.unshare(ns.CLONE_NEWCGROUP)
    if not spec.internet:
        ns.raise_loopback()
    _set_hostname()
    ns.mount("none", "/", flags=ns.MS_REC | ns.MS_PRIVATE)
    root = _Root(spec.path / "scratch" / "root")
    root.tmpfs("/", "mode=755,size=64m")
    root.devices()
    for target, source in _WRITABLE.items():
        root.bind(spec.path / source, target)
    root.system()
    root.interpreter(spec.interpreter)
    root.etc(spec.internet)
    root.bind(spec.path / "src", SANDBOX.source)
    root.copy(Path(__file__).with_name("runner.py"), SANDBOX.runner)
    root.folder("/kaggle/input")
    for source, targets in spec.mounts:
        for below in targets:
            root.bind(Path(source), f"{SANDBOX.kaggle}/{below}")
    root.folder("/proc")
    ns.mount("proc", root.at("/proc"), "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.pivot(root.at("/"))
    _make_read_only()
    ns.give_up_privileges()
    os.chdir(SANDBOX.working)


class _Root:
    """The new root while it is still a folder of the old one."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._shown: set[str] = set()

    def at(self, inside: str) -> str:
        return os.path.normpath(self._path + inside)

    def tmpfs(self, inside: str, options: str) -> None:
        self.folder(inside)
        ns.mount("tmpfs", self.at(inside), "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, options)

    def folder(self, inside: str) -> None:
        os.makedirs(self.at(inside), exist_ok=True)

    def write(self, inside: str, text: str) -> None:
        self.folder(os.path.dirname(inside))
        with open(self.at(inside), "w", encoding="utf-8") as file:
            file.write(text)

    def copy(self, source: Path, inside: str) -> None:
        self.folder(os.path.dirname(inside))
        shutil.copyfile(source, self.at(inside))

    def link(self, inside: str, to: str) -> None:
        self.folder(os.path.dirname(inside))
        with contextlib.suppress(FileExistsError):
            os.symlink(to, self.at(inside))

    def bind(self, source: Path, inside: str) -> None:
        target = self.at(inside)
        if source.is_dir():
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            open(target, "ab").close()
        # Recursive: the kernel refuses to show a folder without what is mounted below it.
        ns.mount(str(source), target, flags=ns.MS_BIND | ns.MS_REC)

    def same(self, paths: Iterable[str]) -> None:
        """Show host paths where they are, links as links. What is not there, or already there, is passed over."""
        for path in paths:
            if not os.path.lexists(path) or self._covered(path):
                continue
            if os.path.islink(path):
                self.link(path, os.readlink(path))
                continue
            self.bind(Path(path), path)
            self._shown.add(path)

    def system(self) -> None:
        self.same(_SYSTEM)
        for path in _HARDWARE:
            with contextlib.suppress(OSError):  # how many processors there are, for those who ask there
                self.same((path,))
        self.link("/var/tmp", SANDBOX.temporary)  # noqa: S108 - inside the sandbox
        self.link("/var/run", "/run")

    def interpreter(self, interpreter: Interpreter) -> None:
        for prefix in interpreter.prefixes:
            for spelled in dict.fromkeys((prefix, os.path.realpath(prefix))):
                self.same(os.path.join(spelled, part) for part in _PREFIX_PARTS)
        if interpreter.user_site:
            self.same((interpreter.user_site,))
        # A virtual environment's python may reach the real one through links that lie anywhere.
        hop = interpreter.executable
        for _ in range(40):
            if not os.path.islink(hop):
                break
            self.same((hop,))
            hop = os.path.normpath(os.path.join(os.path.dirname(hop), os.readlink(hop)))
        self.same((hop,))

    def etc(self, internet: bool) -> None:
        self.same(f"/etc/{name}" for name in _ETC)
        self.write("/etc/passwd", f"root:x:0:0:root:{SANDBOX.home}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        self.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.write("/etc/hostname", _HOSTNAME + "\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost {_HOSTNAME}\n::1 localhost\n")
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        if internet:
            with contextlib.suppress(OSError):
                self.copy(Path("/etc/resolv.conf"), "/etc/resolv.conf")

    def devices(self) -> None:
        self.tmpfs("/dev", "mode=755,size=64k")
        for name in _DEVICES:
            if os.path.exists(f"/dev/{name}"):
                self.bind(Path(f"/dev/{name}"), f"/dev/{name}")
        for name, to in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            self.link(f"/dev/{name}", f"/proc/self/fd{to}")
        self.tmpfs("/dev/shm", "mode=1777")  # noqa: S108 - inside the sandbox
        self.folder("/dev/pts")
        ns.mount("devpts", self.at("/dev/pts"), "devpts", ns.MS_NOSUID | ns.MS_NOEXEC, "newinstance,ptmxmode=0666")
        self.link("/dev/ptmx", "pts/ptmx")

    def _covered(self, path: str) -> bool:
        return any(path == shown or path.startswith(shown + "/") for shown in self._shown)


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
