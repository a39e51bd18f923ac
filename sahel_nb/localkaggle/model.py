"""The nouns of the service, as they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from sahel_nb.localkaggle.executor.spec import Interpreter


class Status(Enum):
    """A session's state in the wire's words (KernelWorkerStatus)."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_ACKNOWLEDGED = "CANCEL_ACKNOWLEDGED"
    NEW_SCRIPT = "NEW_SCRIPT"
    UNKNOWN = "UNKNOWN"

    @property
    def active(self) -> bool:
        return self in (Status.QUEUED, Status.RUNNING, Status.CANCEL_REQUESTED)


ACTIVE = tuple(status.value for status in Status if status.active)


class Accelerator(Enum):
    CPU = "CPU"
    GPU = "GPU"
    TPU = "TPU"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Settings:
    """What a push says about a version besides its text."""

    language: str
    kernel_type: str
    enable_gpu: bool = False
    enable_tpu: bool = False
    enable_internet: bool = True
    dataset_sources: tuple[str, ...] = ()
    kernel_sources: tuple[str, ...] = ()
    competition_sources: tuple[str, ...] = ()
    model_sources: tuple[str, ...] = ()
    category_ids: tuple[str, ...] = ()
    docker_image: str = ""
    machine_shape: str = ""
    interpreter: Interpreter | None = None
    """The Python of whoever pushed, where the service runs versions in that one; None for the service's own."""

    @property
    def accelerator(self) -> Accelerator:
        shape = self.machine_shape.lower()
        if self.enable_tpu or shape.startswith("tpu"):
            return Accelerator.TPU
        if self.enable_gpu or shape.startswith("nvidia"):
            return Accelerator.GPU
        return Accelerator.CPU

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        stored: dict[str, Any] = json.loads(text)
        known = {each.name for each in fields(cls)}  # a later version may have added to it
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items() if k in known}
        if values.get("interpreter") is not None:
            values["interpreter"] = Interpreter.from_fields(values["interpreter"])
        return cls(**values)


@dataclass(frozen=True)
class Kernel:
    id: int
    owner: str
    slug: str
    title: str
    private: bool
    created: float


@dataclass(frozen=True)
class Version:
    """One push. `id` is the session's and, on pages, the scriptVersionId; `number` is what people count."""

    id: int
    kernel_id: int
    number: int
    author: str
    settings: Settings
    status: Status
    failure: str
    created: float
    started: float | None
    ended: float | None
    time_limit: float


@dataclass(frozen=True)
class Output:
    name: str
    size: int
    modified: float


@dataclass(frozen=True)
class Upload:
    token: str
    account: str
    name: str
    size: int
    complete: bool


@dataclass(frozen=True)
class Dataset:
    id: int
    owner: str
    slug: str
    title: str
    subtitle: str
    description: str
    license: str
    private: bool
    keywords: tuple[str, ...]
    created: float


@dataclass(frozen=True)
class DatasetVersion:
    id: int
    dataset_id: int
    number: int
    notes: str
    created: float
    total_bytes: int
