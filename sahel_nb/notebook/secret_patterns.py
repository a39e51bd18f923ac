"""What the keys and tokens of Kaggle, the common clouds and the common hubs look like: few patterns, each exact.

A pattern needs the issuer's own prefix, or the name of the setting next to a value of the right shape: entropy guesses
cry wolf. This module is on the path of every commit: it imports nothing, and nothing is compiled before a hint is seen.
"""

from __future__ import annotations

# Between a setting's name and its value: quotes (also as JSON escapes them), spaces, = : ( , and brackets.
_IS = rb"[\s\"'\\=:,(\[\])]{1,16}"
_QUOTE = rb"\\{0,3}[\"']"
_SPACE = rb"(?:\s|\\[nrt])*"


class Pattern:
    """One kind of secret.

    `hints`: plain texts of which one is in every secret of this kind; without one the pattern is not tried. `back`: how
    far before its hint a secret may begin. `bounded`: it stands at the beginning of a word, as what an issuer prefixes
    does. `short`: it need not hold twenty letters and digits in a row, as every other one does. The group `v` of the
    regular expression `body` is the secret itself.
    """

    __slots__ = ("back", "body", "bounded", "hints", "name", "short")

    def __init__(
        self,
        name: str,
        hints: tuple[bytes, ...],
        body: bytes,
        *,
        back: int = 0,
        bounded: bool = True,
        short: bool = False,
    ) -> None:
        self.name = name
        self.hints = hints
        self.body = body
        self.back = back
        self.bounded = bounded
        self.short = short


def _token(name: str, body: bytes, *hints: bytes, back: int = 0) -> Pattern:
    # No key stands inside a longer word: base64 is full of words that merely contain one.
    return Pattern(name, hints, rb"(?P<v>" + body + rb")(?![A-Za-z0-9_-])", back=back)


def _setting(name: str, body: bytes, *names: bytes) -> Pattern:
    """NAME = value, in capitals as in the environment, or small as in a call or a file."""
    hints = tuple(one for each in names for one in dict.fromkeys((each, each.lower())))
    regex = rb"(?:" + rb"|".join(hints) + rb")" + _IS + rb"(?P<v>" + body + rb")(?![A-Za-z0-9_-])"
    return Pattern(name, hints, regex, bounded=False)


_USER = _QUOTE + rb"username" + _QUOTE + _SPACE + rb":" + _SPACE + _QUOTE + rb"[^\"'\\]{1,60}" + _QUOTE
_KEY = _QUOTE + rb"key" + _QUOTE + _SPACE + rb":" + _SPACE + _QUOTE + rb"(?P<v>[0-9a-f]{32})" + _QUOTE
_NEXT = _SPACE + rb"," + _SPACE

PATTERNS = (
    _token("a Kaggle access token", rb"KGAT_[A-Za-z0-9_-]{16,}", b"KGAT_"),
    Pattern("the key of a kaggle.json", (b"username",), _USER + _NEXT + _KEY, back=4, bounded=False),
    Pattern("the key of a kaggle.json", (b'key"', b"key'", b"key\\"), _KEY + _NEXT + _USER, back=4, bounded=False),
    _setting("a Kaggle key", rb"[0-9a-f]{32}", b"KAGGLE_KEY"),
    _token("an AWS access key id", rb"(?:AKIA|ASIA)[A-Z2-7]{16}", b"AKIA", b"ASIA"),
    _setting(
        "an AWS secret access key",
        rb"[A-Za-z0-9/+]{40}(?![/+=])",
        b"AWS_SECRET_ACCESS_KEY",
        b"AWS_SECRET_KEY",
        b"SecretAccessKey",
    ),
    _token("a Google API key", rb"AIza[0-9A-Za-z_-]{35}", b"AIza"),
    _token("a Google OAuth token", rb"ya29\.[0-9A-Za-z_-]{30,}", b"ya29."),
    _token("a Google refresh token", rb"1//0[0-9A-Za-z_-]{38,}", b"1//0"),
    _token("a Google client secret", rb"GOCSPX-[0-9A-Za-z_-]{28}", b"GOCSPX-"),
    _setting("an Azure storage key", rb"[A-Za-z0-9+/]{86}==", b"AccountKey"),
    _token("an Azure client secret", rb"[0-9A-Za-z_~.-]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}", b"Q~", back=4),
    Pattern(
        "a private key",
        (b"PRIVATE KEY",),
        rb"(?P<v>-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----)",
        back=40,
        bounded=False,
        short=True,
    ),
    _token("a Hugging Face token", rb"(?:hf_|api_org_)[A-Za-z0-9]{34}", b"hf_", b"api_org_"),
    _token("a GitHub token", rb"gh[pousr]_[A-Za-z0-9]{36,}", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
    _token("a GitHub token", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", b"github_pat_"),
    _token("a GitLab token", rb"glpat-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?", b"glpat-"),
    _token("a PyPI token", rb"pypi-AgE[A-Za-z0-9_-]{70,}", b"pypi-AgE"),
    _token("an npm token", rb"npm_[A-Za-z0-9]{36}", b"npm_"),
    _token("a Docker Hub token", rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", b"dckr_"),
    _token("a Databricks token", rb"dapi[0-9a-f]{32}(?:-[0-9])?", b"dapi"),
    _token("a DigitalOcean token", rb"do[opr]_v1_[0-9a-f]{64}", b"_v1_", back=3),
    _token(
        "an OpenAI key",
        rb"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
        *(b"sk-proj-", b"sk-svcacct-", b"sk-admin-", b"T3BlbkFJ"),
        back=23,
    ),
    _token("an Anthropic key", rb"sk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{20,}", b"sk-ant-"),
    _token("a Slack token", rb"xox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}", b"xox"),
    _setting("a Weights & Biases key", rb"(?:[0-9a-f]{40}|[A-Za-z0-9_-]{80,100})", b"WANDB_API_KEY"),
    # wandb.login(key="…"), `wandb login …`, and the line that it writes into .netrc
    Pattern(
        "a Weights & Biases key",
        (b"wandb",),
        rb"wandb(?:[. ]login|\.ai)[^\r\n]{0,60}?(?<![0-9A-Za-z_-])(?P<v>[0-9a-f]{40}|wandb_[A-Za-z0-9_-]{70,95})"
        rb"(?![0-9A-Za-z_-])",
        bounded=False,
    ),
)
