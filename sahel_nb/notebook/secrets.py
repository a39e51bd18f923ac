"""Keys and tokens in what is about to be committed: few patterns, each exact, each with a test.

A pattern needs the issuer's own prefix, or the name of the setting next to a value of the right shape: entropy guesses
cry wolf. A line that says "allowlist secret" is passed over. Findings name the place and never the secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sahel_nb.notebook.finding import Finding, Severity

# No key stands inside a longer word: base64 images are full of words that merely begin like one.
_L, _R = rb"(?<![A-Za-z0-9+/_=-])", rb"(?![A-Za-z0-9+/_=-])"
# Between a setting's name and its value: quotes (also as JSON escapes them), spaces, = : ( , and brackets.
_IS = rb"[\s\"'\\=:,(\[\])]{1,12}"


@dataclass(frozen=True)
class Pattern:
    """One kind of secret. `hint` is a lower-case word that must be in the file for the pattern to be tried at all."""

    name: str
    hint: bytes
    regex: re.Pattern[bytes]


def _pattern(name: str, hint: bytes, body: bytes) -> Pattern:
    return Pattern(name, hint, re.compile(_L + body + _R))


PATTERNS = (
    _pattern("a Kaggle access token", b"KGAT_", rb"KGAT_[A-Za-z0-9_-]{16,}"),
    Pattern(
        "the key of a kaggle.json",
        b"username",
        re.compile(rb'\\?"username\\?"\s*:\s*\\?"[^"]{1,60}"\s*,\s*(?:\\n)?\s*\\?"key\\?"\s*:\s*\\?"[0-9a-f]{32}\\?"'),
    ),
    _pattern("a Kaggle key", b"KAGGLE_KEY", rb"KAGGLE_KEY" + _IS + rb"[0-9a-f]{32}"),
    _pattern("an AWS access key id", b"A", rb"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    _pattern("an AWS secret access key", b"aws_secret", rb"(?i:aws_secret_access_key)" + _IS + rb"[A-Za-z0-9/+]{40}"),
    _pattern("a Google API key", b"AIza", rb"AIza[0-9A-Za-z_-]{35}"),
    _pattern("a Google OAuth token", b"ya29.", rb"ya29\.[0-9A-Za-z_-]{30,}"),
    Pattern("a private key", b"PRIVATE KEY-----", re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY-----")),
    _pattern("a Hugging Face token", b"hf_", rb"hf_[A-Za-z0-9]{34}"),
    _pattern("a GitHub token", b"gh", rb"gh[pousr]_[A-Za-z0-9]{36}"),
    _pattern("a GitHub token", b"github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _pattern("a GitLab token", b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),
    _pattern("an OpenAI key", b"sk-", rb"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}"),
    _pattern("an OpenAI key", b"T3BlbkFJ", rb"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    _pattern("an Anthropic key", b"sk-ant-", rb"sk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{20,}"),
    _pattern("a Slack token", b"xox", rb"xox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
    _pattern("a Weights & Biases key", b"WANDB_API_KEY", rb"WANDB_API_KEY" + _IS + rb"[0-9a-f]{40}"),
)
_FILES = {"kaggle.json": "Kaggle's legacy credential", "access_token": "a Kaggle access token"}
_ALLOW = b"allowlist secret"
_ALLOW_WORDS = (b"EXAMPLE",)  # AWS's own documentation key


def find_secrets(data: bytes, path: str) -> list[Finding]:
    """Every secret in a file's bytes, raw or as JSON escapes them; `path` decides how the place is named."""
    name = path.rpartition("/")[2]
    if name == "kaggle.json" or path.endswith(".kaggle/access_token"):
        return [_finding(path, "", f"{_FILES[name]} does not belong in git")]
    found: list[Finding] = []
    seen: set[tuple[str, int]] = set()
    for pattern in PATTERNS:
        if pattern.hint not in data:
            continue
        for match in pattern.regex.finditer(data):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.end())
            if _ALLOW in data[start : end if end >= 0 else None]:
                continue
            if match[0].endswith(_ALLOW_WORDS) or (pattern.name, start) in seen:
                continue
            seen.add((pattern.name, start))
            found.append(_finding(path, _place(data, match.start(), path), f"{pattern.name} must not be committed"))
    return found


def _finding(path: str, where: str, message: str) -> Finding:
    return Finding(
        "SNB301",
        Severity.ERROR,
        path,
        where,
        message,
        "take it out and revoke it; if it is none, write `allowlist secret` on that line",
    )


def _place(data: bytes, offset: int, path: str) -> str:
    line = f"line {data.count(b'%c' % 10, 0, offset) + 1}"
    if not path.endswith(".ipynb"):
        return line
    # Cells start with the key that each of them has, at the writer's own indentation or any other.
    cells = len(re.findall(rb'"cell_type"\s*:\s*"(?:code|markdown|raw)"', data[:offset]))
    return f"cell {cells}, {line} of the file" if cells else f"{line} of the file"
