"""SaveKernel: Kaggle's rules for a push, and the one transaction that makes a version of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from sqlite3 import Connection

from sahel_nb.localkaggle import limits, names, sources
from sahel_nb.localkaggle.executor.spec import Interpreter
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.limits import Limits
from sahel_nb.localkaggle.model import Kernel, Settings, Status, Version
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.sources import Invalid
from sahel_nb.localkaggle.store import accounts, kernels
from sahel_nb.localkaggle.wire import ApiError, Fields, denied

LANGUAGES = ("python", "r", "rmarkdown", "julia", "sqlite")
KERNEL_TYPES = ("script", "notebook")


@dataclass(frozen=True)
class Pushed:
    kernel: Kernel
    version: Version
    invalid: Invalid

    @property
    def runs(self) -> bool:
        return self.version.status is Status.QUEUED


@dataclass(frozen=True)
class NotPushed:
    """Refused in `error` of a 200: the client exits 0, and no version is made."""

    error: str


def save(
    tx: Connection,
    folder: DataFolder,
    allowed: Limits,
    account: str,
    fields: Fields,
    now: float,
    interpreter: Interpreter | None = None,
) -> Pushed | NotPushed:
    """Make a version, or say why not. Raises `ApiError` where the live service answers with an HTTP error."""
    source = fields.text("text")
    settings = replace(_settings(fields), interpreter=interpreter)
    if not source:
        raise ApiError(400, "The kernel's source is empty")
    if len(source.encode("utf-8")) >= limits.SOURCE_BYTES:
        raise ApiError(400, "The kernel source must be less than 1 megabyte in size")
    title = fields.text("newTitle").strip()
    if title and not limits.MIN_TITLE <= len(title) <= limits.MAX_TITLE:
        raise ApiError(400, f"The title must be between {limits.MIN_TITLE} and {limits.MAX_TITLE} characters")

    found: Kernel | None
    if fields.number("id"):
        found = kernels.by_id(tx, fields.number("id"))
        # The live service says this of an id_no that is not yours, with HTTP 200.
        if found is None or not accounts.may_edit(tx, Ref(found.owner, found.slug), account):
            return NotPushed("Notebook not found")
        ref = Ref(found.owner, found.slug)
    else:
        ref = _target(fields.text("slug"), title, account)
        if not accounts.may_edit(tx, ref, account):
            raise denied("kernels.update")
        found = kernels.find(tx, ref)

    refusal = "" if _quick(fields) else limits.refusal(tx, allowed, account, settings.accelerator, now)
    if refusal:
        return NotPushed(refusal)
    settings, invalid = sources.check(tx, folder, settings, account)
    private = fields.flag("isPrivate", True)
    if found is None:
        kernel = kernels.create(tx, ref, title or ref.slug, private, now)
    else:
        kernel = found
        kernels.update(tx, found, title or found.title, private)
    # A quick save keeps the text and starts nothing; that such a version is NEW_SCRIPT is our reading of the enum.
    status = Status.NEW_SCRIPT if _quick(fields) else Status.QUEUED
    limit = limits.time_limit(settings.accelerator, fields.number("sessionTimeoutSeconds"))
    version = kernels.add_version(tx, kernel, account, source, settings, status, limit, now)
    return Pushed(kernel, version, invalid)


def _target(slug: str, title: str, account: str) -> Ref:
    """Where a push goes: the owner that was asked for, and the slug that the *title* resolves to."""
    asked = names.split_ref(slug, account)
    if asked is None:
        raise ApiError(400, f"'{slug}' is not a valid kernel slug")
    resolved = names.slug_of(title) if title else asked.slug
    ref = names.ref(asked.owner, resolved)
    if ref is None or len(ref.slug) < names.MIN_KERNEL:
        raise ApiError(400, f"The slug must be between {names.MIN_KERNEL} and {names.MAX_SLUG} characters")
    return ref


def _settings(fields: Fields) -> Settings:
    language, kernel_type = fields.text("language").lower(), fields.text("kernelType").lower()
    if language not in LANGUAGES:
        raise ApiError(400, f"The language must be one of {', '.join(LANGUAGES)}")
    if kernel_type not in KERNEL_TYPES:
        raise ApiError(400, f"The kernel type must be one of {', '.join(KERNEL_TYPES)}")
    return Settings(
        language=language,
        kernel_type=kernel_type,
        enable_gpu=fields.flag("enableGpu"),
        enable_tpu=fields.flag("enableTpu"),
        enable_internet=fields.flag("enableInternet", True),
        dataset_sources=fields.texts("datasetDataSources"),
        kernel_sources=fields.texts("kernelDataSources"),
        competition_sources=fields.texts("competitionDataSources"),
        model_sources=fields.texts("modelDataSources"),
        category_ids=fields.texts("categoryIds"),
        docker_image=fields.text("dockerImage"),
        machine_shape=limits.machine(fields.text("machineShape")),
    )


def _quick(fields: Fields) -> bool:
    return fields.text("kernelExecutionType") == "QUICK_SAVE"
