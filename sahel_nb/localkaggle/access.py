"""Who may see and change what. Things that are not there and things that are not yours get the same answer."""

from __future__ import annotations

from sqlite3 import Connection

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.model import Dataset, Kernel, Version
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.store import accounts, datasets, kernels
from sahel_nb.localkaggle.wire import ApiError, denied


def sees_kernel(tx: Connection, kernel: Kernel, account: str) -> bool:
    return not kernel.private or accounts.may_edit(tx, Ref(kernel.owner, kernel.slug), account)


def kernel(tx: Connection, owner: str, slug: str, account: str) -> Kernel:
    """The kernel that an account may see. 403 otherwise, as the live service answers.

    `slug/3` is what the client 2.2.4 sends for a version; the live service answers 403 to it as well.
    """
    ref = names.ref(owner, slug)
    found = kernels.find(tx, ref) if ref is not None else None
    if found is None or not sees_kernel(tx, found, account):
        raise denied("kernels.get")
    return found


def version(tx: Connection, found: Kernel, label: str) -> Version:
    """The version that a label names, the latest where there is none. 404 for anything but an existing `v<N>`."""
    if not label:
        latest = kernels.latest(tx, found)
        if latest is None:
            raise ApiError(404, "Not found")
        return latest
    number = names.label(label)
    chosen = kernels.version(tx, found, number) if number is not None else None
    if chosen is None:
        raise ApiError(404, f"Version {label} of {found.owner}/{found.slug} was not found")
    return chosen


def sees_dataset(dataset: Dataset, account: str) -> bool:
    return not dataset.private or dataset.owner == account


def dataset(tx: Connection, owner: str, slug: str, account: str) -> Dataset:
    """The dataset that an account may see; 403 otherwise."""
    ref = names.ref(owner, slug)
    found = datasets.find(tx, ref) if ref is not None else None
    if found is None or not sees_dataset(found, account):
        raise denied("datasets.get")
    return found
