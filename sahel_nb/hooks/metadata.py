"""Rules on kernel-metadata.json, alone and together with its notebook.

SNB401  cannot be understood            SNB404  names a code file that is not there
SNB402  something Kaggle would refuse   SNB405  packages are installed, and the internet is off
SNB403  advice                          (SNB302, a changed id, is in ids.py; SNB406 is about sahel-nb.toml)
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import Metadata, Problem, is_below
from sahel_nb.links import typed
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.lint import installs_packages


def check_metadata(data: bytes, path: str) -> list[Finding]:
    """Everything wrong in the file itself."""
    try:
        metadata = Metadata.from_json(data, path)
    except UsageError as exc:
        message = exc.message.removeprefix(f"{path}: ").removeprefix(path).strip()
        return [Finding("SNB401", Severity.ERROR, path, "", message)]
    return [_said(problem, path) for problem in metadata.problems()]


def check_with_code(data: bytes, path: str, code: bytes | None) -> list[Finding]:
    """What is wrong between the metadata and its code file; `code` is None where there is no such file."""
    try:
        metadata = Metadata.from_json(data, path)
    except UsageError:
        return []
    if not is_below(metadata.code_file):
        return []  # SNB402 says it
    if code is None:
        message = f"{metadata.code_file} is not there"
        return [Finding("SNB404", Severity.ERROR, path, "code_file", message)]
    if not metadata.code_file.endswith(".ipynb"):
        return []
    try:
        document = parse(code)
    except NotebookError:
        return []
    problem = metadata.language_problem(document.kernel_language)
    found = [_said(problem, path)] if problem else []
    offline = metadata.raw.get("enable_internet", True) in (False, "false")
    where = installs_packages(document) if offline else ""
    if not where:
        return found
    message = f"{metadata.code_file}, {where} installs packages, and enable_internet is false"
    mend = "set enable_internet to true, or install with --no-index from a dataset; what the image has is there anyway"
    return [*found, Finding("SNB405", Severity.WARN, path, "enable_internet", message, mend)]


def _said(problem: Problem, path: str) -> Finding:
    code, severity = ("SNB402", Severity.ERROR) if problem.blocks else ("SNB403", Severity.WARN)
    mend = f"sahel-nb lint --fix {typed(path)}" if problem.fixable else ""
    return Finding(code, severity, path, problem.key, problem.message, mend)
