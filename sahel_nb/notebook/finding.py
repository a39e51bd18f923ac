"""What a rule found, and where: shared by lint and guard."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Severity(Enum):
    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """`where` is the place inside the file ("cell 3, line 2"), empty for the file itself; `mend` says what to do."""

    code: str
    severity: Severity
    path: str
    where: str
    message: str
    mend: str = ""

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.path}: {self.where}" if self.where else self.path
        return f"{place}: {self.code} {self.message}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "severity": self.severity.value}
