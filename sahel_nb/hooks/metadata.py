"""Rules on kernel-metadata.json, alone and together with its notebook.

SNB302  the permanent id of a kernel is changed
SNB401  cannot be understood            SNB404  names a code file that is not there
SNB402  something Kaggle would refuse   SNB405  packages are downloaded, and the internet is off
SNB403  advice
"""

from __future__ import annotations

import json
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import FILE_NAME, Metadata
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.lint import installs_packages

ALLOW_ID_CHANGE_KEY = "sahel-nb.guard.allowidchange"
ALLOW_ID_CHANGE_ENV = "SAHEL_NB_ALLOW_ID_CHANGE"


def is_metadata(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == FILE_NAME.encode("ascii")


def check_metadata(data: bytes, path: str) -> list[Finding]:
    """Everything wrong in the file itself."""
    try:
        metadata = Metadata.from_json(data, path)
    except UsageError as exc:
        message = exc.message.removeprefix(f"{path}: ").removeprefix(path).strip()
        return [Finding("SNB401", Severity.ERROR, path, "", message)]
    found = []
    for problem in metadata.problems():
        code, severity = ("SNB402", Severity.ERROR) if problem.blocks else ("SNB403", Severity.WARN)
        found.append(Finding(code, severity, path, problem.key, problem.message))
    return found


def check_with_code(data: bytes, path: str, code: bytes | None) -> list[Finding]:
    """What is wrong between the metadata and its code file; `code` is None where there is no such file."""
    try:
        metadata = Metadata.from_json(data, path)
    except UsageError:
        return []
    if code is None:
        message = f"{metadata.code_file} is not beside it"
        return [Finding("SNB404", Severity.ERROR, path, "code_file", message)]
    if not metadata.code_file.endswith(".ipynb") or metadata.raw.get("enable_internet", True) not in (False, "false"):
        return []
    try:
        where = installs_packages(parse(code))
    except NotebookError:
        return []
    if not where:
        return []
    message = f"{metadata.code_file}, {where} downloads packages, and enable_internet is false"
    mend = "set enable_internet to true, or install with --no-index from a dataset"
    return [Finding("SNB405", Severity.ERROR, path, "enable_internet", message, mend)]


def check_id(before: bytes | None, after: bytes | None, path: str) -> list[Finding]:
    """An id is permanent: under another one Kaggle starts a new kernel, and the old one's history stays behind."""
    old, new = _id(before), _id(after)
    if not old or not new or old == new:
        return []
    return [
        Finding(
            "SNB302",
            Severity.ERROR,
            path,
            "id",
            f"changes the permanent id {old} to {new}",
            f"undo it; if it is meant: {ALLOW_ID_CHANGE_ENV}=1 git …, or git config {ALLOW_ID_CHANGE_KEY} true",
        )
    ]


def _id(data: bytes | None) -> str:
    if data is None:
        return ""
    try:
        raw: Any = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError):
        return ""
    found = raw.get("id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) else ""
