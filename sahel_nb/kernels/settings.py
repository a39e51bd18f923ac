"""The machine that Kaggle gave a version, and what the version lists: `GetKernel`'s metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.door import NotFound
from sahel_nb.kernels.model import KernelRef


@dataclass(frozen=True)
class Settings:
    """A version as Kaggle keeps it. `raw` has the keys of kernel-metadata.json, and only what Kaggle told."""

    title: str
    version: int
    source: str
    language: str
    kernel_type: str
    raw: dict[str, Any]

    @property
    def shape(self) -> str:
        return str(self.raw.get("machine_shape") or "")

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(self.raw.get(key) or ())


def settings_of(client: KaggleClient, ref: KernelRef, version: int | None = None) -> Settings | None:
    """What Kaggle has of a version, or of the current one; None where it is not there for us.

    Raises the errors of `kernels.door`.
    """
    try:
        answer = client.get_kernel(ref, version)
    except NotFound:
        return None
    meta, blob = answer.metadata, answer.blob
    raw: dict[str, Any] = {
        "is_private": bool(meta.is_private),
        "enable_gpu": bool(meta.enable_gpu),
        "enable_tpu": bool(meta.enable_tpu),
        "enable_internet": bool(meta.enable_internet),
        "dataset_sources": _names(meta.dataset_data_sources),
        "competition_sources": _names(meta.competition_data_sources),
        "kernel_sources": _names(meta.kernel_data_sources),
        "model_sources": _names(meta.model_data_sources),
        "keywords": _names(meta.category_ids),
    }
    raw |= {key: text for key in ("machine_shape", "docker_image") if (text := str(getattr(meta, key, "") or ""))}
    return Settings(
        title=str(meta.title or ""),
        version=int(meta.current_version_number or 0),
        source=str(blob.source or "") if blob is not None else "",
        language=str(meta.language or "").lower(),
        kernel_type=str(meta.kernel_type or "").lower(),
        raw=raw,
    )


def _names(values: Any) -> list[str]:
    return [str(value) for value in values or () if value]
