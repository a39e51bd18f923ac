"""A network of a run's own that leads to the internet, by pasta or slirp4netns, and to nothing of this machine.

The helper runs outside of the sandbox, as this user, and moves packets between a device inside and sockets outside:

    supervisor ── fork ──▶ waits for a pid ── exec ──▶ pasta ── tap ──▶ network namespace of the sandbox's pid 1

Neither maps the host's loopback. Abstract sockets belong to a network namespace, so the host's are not there. What
is left is closed by routes that lead nowhere: link-local addresses (clouds answer there with credentials), the clouds'
other such addresses, and whatever addresses this machine has itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from sahel_nb.localkaggle.executor import processes

_DEVICE = "tap0"
_RESOLVER = "203.0.113.53"
"""Where pasta answers for the host's resolver, which may listen on the host's loopback; a documentation address."""
_SLIRP_RESOLVER = "10.0.2.3"
_CLOSED = (
    ("169.254.0.0", 16),  # link-local; 169.254.169.254 is AWS's, Google's and others' metadata service
    ("168.63.129.16", 32),  # Azure
    ("100.100.100.200", 32),  # Alibaba
    ("192.0.0.192", 32),  # Oracle
)
_PATIENCE = 10.0
# rtnetlink(7), linux/rtnetlink.h
_RTM_NEWROUTE, _NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_CREATE, _NLM_F_REPLACE = 24, 0x1, 0x4, 0x400, 0x100
_RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_UNIVERSE, _RTN_UNREACHABLE, _RTA_DST = 254, 4, 0, 7, 1


def find_tool() -> str:
    """The program that can connect a namespace; empty where there is none."""
    return shutil.which("pasta") or shutil.which("slirp4netns") or ""


def resolver(tool: str) -> str:
    """The name server that the tool offers inside."""
    return _SLIRP_RESOLVER if Path(tool).name == "slirp4netns" else _RESOLVER


class Helper:
    """The process that becomes the tool once it is told whose network to connect. Fork it before namespaces."""

    def __init__(self, tool: str, environment: dict[str, str]) -> None:
        read, self._write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                processes.die_with_parent()
                os.closerange(3, read)  # whoever waits for the end of the run's pipes must not wait for this process
                os.closerange(read + 1, 1024)
                target = os.read(read, 32).decode("ascii")
                if target:
                    _become(tool, target, environment)
            finally:
                os._exit(70)
        os.close(read)

    def connect(self, target: int) -> None:
        """Let it work for the network namespace of the process `target`."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._write, str(target).encode("ascii"))
        os.close(self._write)

    def stop(self) -> None:
        """End it. Called when no process of the run is left."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _become(tool: str, target: str, environment: dict[str, str]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    os.closerange(3, 1024)
    if Path(tool).name == "slirp4netns":
        argv = [tool, "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", target, _DEVICE]
    else:
        argv = [
            tool, "--foreground", "--quiet", "--config-net", "--ipv4-only", "--no-map-gw", "--ns-ifname", _DEVICE,
            "--dns-forward", _RESOLVER, "-t", "none", "-u", "none", "-T", "none", "-U", "none",
            *(("--runas", "0") if os.geteuid() == 0 else ()), target,
        ]  # fmt: skip
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # pasta takes it for a failure that it was ignored
    os.execve(tool, argv, environment)  # noqa: S606 - no shell is meant


def own_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses on all its devices, from /proc/net/fib_trie:

    |-- 192.0.2.7
       /32 host LOCAL
    """
    found: dict[str, None] = {}
    last = ""
    with contextlib.suppress(OSError), open("/proc/net/fib_trie", encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["|--"]:
                last = words[1]
            elif words == ["/32", "host", "LOCAL"] and not last.startswith("127."):
                found[last] = None
    return tuple(found)


def await_connection() -> None:
    """Return when the network of this process leads somewhere. Raises OSError where it does not come up."""
    deadline = time.monotonic() + _PATIENCE
    while not leads_anywhere():
        if time.monotonic() > deadline:
            raise OSError("the network did not come up")
        time.sleep(0.005)


def close_ways_back(addresses: tuple[str, ...]) -> None:
    """Let nothing of this machine, and no cloud's metadata, be reached. Needs CAP_NET_ADMIN, and holds without it."""
    here = set(own_addresses())
    wanted = [*_CLOSED, *((address, 32) for address in addresses if address not in here)]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        for number, (address, length) in enumerate(wanted, 1):
            netlink.send(_unreachable(number, address, length))
            answer = netlink.recv(4096)
            (code,) = struct.unpack_from("i", answer, 16)  # after nlmsghdr: nlmsgerr.error
            if code != 0:
                raise OSError(-code, f"closing {address}/{length}: {os.strerror(-code)}")


def _unreachable(number: int, address: str, length: int) -> bytes:
    route = struct.pack(
        "BBBBBBBBI", socket.AF_INET, length, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_UNIVERSE,
        _RTN_UNREACHABLE, 0,
    )  # fmt: skip
    route += struct.pack("HH4s", 8, _RTA_DST, socket.inet_aton(address))
    flags = _NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE | _NLM_F_REPLACE
    return struct.pack("IHHII", 16 + len(route), _RTM_NEWROUTE, flags, number, 0) + route


def leads_anywhere() -> bool:
    """Whether the network namespace that this process is in has a default route."""
    return any(destination == "00000000" for destination in _destinations())


def _destinations() -> Iterator[str]:
    with contextlib.suppress(OSError), open("/proc/net/route", encoding="ascii") as lines:
        next(lines, "")
        for line in lines:
            yield line.split()[1]
