"""Names of kernels and remotes, checked before they become part of a ref."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from sahel_nb.config import is_prefix
from sahel_nb.errors import UsageError
from sahel_nb.repo.kept_commits import COMMITS

_KERNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}/[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SCP_LIKE = re.compile(r"(?:[^/@]+@)?(?P<host>[^/:]{2,}):(?P<path>.*)")
ARCHIVE = "-archive"
_ARCHIVED = re.compile(rf"(?P<kernel>{_KERNEL.pattern})/(?P<oid>[0-9a-f]{{40}}|[0-9a-f]{{64}})")
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
    if not is_prefix(prefix) or prefix == COMMITS:
        raise UsageError(
            f"lock.prefix {prefix!r} is not a place for refs: use refs/sahel/locks, or refs/heads/sahel-locks",
        )
    return prefix


def archive_ref(lock: str, oid: str) -> str:
    """The ref that keeps the chain of the lock at the ref `lock` which ended with the record `oid`.

    It lies beside the locks, not below them: nothing that lists or fetches locks meets it. It has the name of what it
    points to, so it can be found from the record that replaced that, and no two chains want one name.
    """
    prefix, owner, slug = lock.rsplit("/", 2)
    return f"{prefix}{ARCHIVE}/{owner}/{slug}/{oid}"


def lock_of_archive(ref: str) -> tuple[str, str] | None:
    """The lock's ref that an archive belongs to, and the record that it keeps; None for what is no archive's name."""
    prefix, found, name = ref.partition(f"{ARCHIVE}/")
    match = _ARCHIVED.fullmatch(name) if found and is_prefix(prefix) else None
    return (f"{prefix}/{match['kernel']}", match["oid"]) if match else None


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
