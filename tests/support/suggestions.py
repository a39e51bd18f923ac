"""Every command that the product suggests, read from its source: what a message can end with, or name on its way."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sahel_nb.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
_GIT = [
    "add",
    "bisect",
    "check-attr",
    "checkout",
    "clone",
    "commit",
    "config",
    "diff",
    "fetch",
    "fsck",
    "init",
    "log",
    "ls-files",
    "ls-remote",
    "pull",
    "push",
    "rebase",
    "remote",
    "restore",
    "rm",
    "stash",
    "status",
    "switch",
]
_OTHERS = [
    "cd",
    "chmod",
    "df",
    "export",
    "jupyter",
    "kaggle",
    "kill",
    "ls",
    "mkdir",
    "mv",
    "printf",
    "python3",
    "rm",
    "sudo",
    "tail",
    "timedatectl",
    "unset",
]
_COMMAND = "|".join(
    (
        rf"sahel-nb (?:{'|'.join(COMMANDS)})\b(?!/)",
        rf"git (?:{'|'.join(_GIT)})\b",
        rf"(?:{'|'.join(_OTHERS)}) [\w{{/~'.=-]",
        r"\$\{EDITOR",
    )
)
_SUGGESTED = re.compile(rf"(?:^|\$ |: |; |`|, |\bor |\bthen |\band )(?:{_COMMAND})")
_NOT_OURS = (
    "demo/",
    "localkaggle/executor/",
    "localkaggle/api/",
    "localkaggle/app",
    "kernels/rules_log",
    "cli/strip.py",
    "hooks/main.py",
)
"""The demo types its commands itself; what a kernel prints, advice on pip, and usage texts are no suggestions."""


def suggestions() -> dict[str, list[str]]:
    """Template → where it is. What is put in at run time is `{}`; `pip` has a function of its own and is left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "sahel_nb").rglob("*.py")):
        name = path.relative_to(ROOT / "sahel_nb").as_posix()
        if not name.startswith(_NOT_OURS):
            for line, text in _literals(ast.parse(path.read_text(encoding="utf-8"))):
                if _SUGGESTED.search(text) and not text.startswith("pip "):
                    found[text].append(f"{name}:{line}")
    return dict(found)


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Strings that can be shown: not docstrings, help texts and examples of the command line."""
    skipped = {id(part) for node in ast.walk(tree) for hidden in _hidden(node) for part in ast.walk(hidden)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node)}
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)


def _hidden(node: ast.AST) -> Iterator[ast.AST]:
    if (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.keyword) and node.arg in ("help", "epilog", "metavar", "short_help"))
        or (isinstance(node, ast.Assign | ast.AnnAssign) and "COMMANDS" in ast.unparse(node)[:9] and node.value)
    ):
        yield node.value
