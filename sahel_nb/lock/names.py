"""Names of kernels and remotes, checked before they become part of a ref."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from sahel_nb.errors import UsageError

_KERNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}/[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PREFIX = re.compile(r"refs(/[A-Za-z0-9][A-Za-z0-9_-]*){2,}")
_SCP_LIKE = re.compile(r"(?:[^/@]+@)?(?P<host>[^/:]{2,}):(?P<path>.*)")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^/@]*@)?(?P<host>[^/:]*)(?::\d+)?/(?P<path>.*)", re.I)


def check_kernel(kernel: str) -> str:
    """`owner/slug` in lower case, as Kaggle compares them. Raises `UsageError` for what is no kernel's name."""
    if not _KERNEL.fullmatch(kernel):
        raise UsageError(f"{kernel!r} is not a kernel's name: it should look like owner/slug")
    return kernel.lower()


def lock_ref(prefix: str, kernel: str) -> str:
    """The ref that a kernel's lock lives at. Raises `UsageError` for a prefix that git would not take."""
    return f"{check_prefix(prefix)}/{check_kernel(kernel)}"


def check_prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(
            f"lock.prefix {prefix!r} is not a place for refs: use refs/sahel/locks, or refs/heads/sahel-locks",
        )
    return prefix


def kernel_of(prefix: str, ref: str) -> str | None:
    """The kernel whose lock `ref` is; None for a ref that happens to lie below the prefix."""
    name = ref.removeprefix(f"{prefix}/")
    return name if name != ref and _KERNEL.fullmatch(name) else None


def remote_id(url: str) -> str:
    """One name for a remote, however people reach it: `git@host:team/nb.git` and `https://host/team/nb` are one."""
    if match := _URL.fullmatch(url):
        host, path = match["host"], match["path"]
        if match["scheme"].lower() == "file":
            host, path = "", f"/{path}"
    elif match := _SCP_LIKE.fullmatch(url):
        host, path = match["host"], match["path"]
    else:
        host, path = "", url
    name = str(PurePosixPath(path)).removesuffix(".git")
    return f"{host.lower()}/{name.strip('/')}" if host else name
