"""Values that only the setting's name, or the service called with them, gives away: API_KEY = "…", cohere.Client("…").

Issuers without a prefix of their own (Cohere, Mistral, Deepgram, Datadog, …) and passwords are found so. A value must
look random, and no placeholder: `hf_xxxx`, `<your token>` and 1234567890 are none. On the path of every commit, but
imported only where a text has both a name and a long value.
"""

from __future__ import annotations

import re
from operator import ne

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS, _UPPER, _LOWER = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
_LETTERS_ONLY = bytes(byte for byte in range(256) if byte not in _DIGITS)
_CLASS = bytes(1 if byte in _DIGITS else 2 if byte in _UPPER else 3 if byte in _LOWER else 0 for byte in range(256))
_PIECE = re.compile(rb"[A-Za-z0-9]+")
_FAKE = re.compile(
    rb"x{4}|abc123|\[a-|a-za-z|0-9\]|your|example|sample|placeholder|redacted|dummy|fake|change.?me|replace|insert|enter|paste|p[a@]ss?w[o0]rd"
    rb"|(?:my|the|a|some|test)[_-]?(?:secret|key|token|api)|secret.?key|test.?(?:key|token)|\.\.\.|\*{3}|<|>|\$\{|\{\{",
    re.IGNORECASE,
)
_ROWS = tuple(
    piece
    for row in (b"01234567890", b"abcdefghijklmnopqrstuvwxyz")
    for at in range(len(row) - 7)
    for piece in (row[at : at + 8], row[at : at + 8][::-1])
)
_SIX_TIMES = re.compile(rb"(.)\1{5}")
_LETTERS = re.compile(rb"[^0-9a-z]+")


def is_placeholder(value: bytes) -> bool:
    """A word instead of a secret, few letters again and again, or the row of the digits or of the alphabet."""
    if _FAKE.search(value):
        return True
    low = value.lower()
    letters = _LETTERS.sub(b"", low)
    if len(letters) < 6:
        return not value.translate(None, b"x.*-_")
    if len(set(letters)) < min(5, len(letters) // 3) or _SIX_TIMES.search(letters):
        return True
    if any(letters[size:] == letters[:-size] for size in range(1, min(12, len(letters) // 3) + 1)):
        return True
    return any(row in low for row in _ROWS)


def is_random(value: bytes) -> bool:
    """Nobody has thought it up: digits and letters, capital and small, follow each other without an order."""
    pieces = _PIECE.findall(value)
    mixed = any(len(piece) >= 16 and _is_mixed(piece) for piece in pieces)
    return (mixed or _UUID.fullmatch(value) is not None or _is_dense(pieces)) and not is_placeholder(value)


_UUID = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def is_password(value: bytes) -> bool:
    """As random as what a manager of passwords makes: eight characters of several kinds at least."""
    if is_random(value):
        return True
    if len(value) < 8 or is_placeholder(value):
        return False
    kinds = value.translate(_CLASS)
    if not value.rstrip(_DIGITS + b"!?.#$@*-_&%+").translate(None, _LETTERS_ONLY):
        return False  # a word with a number after it
    return {1, 2, 3} <= set(kinds) and _changes(value) >= len(value) * 0.36


def _changes(piece: bytes) -> int:
    kinds = piece.translate(_CLASS)
    return sum(map(ne, kinds, kinds[1:]))


def _is_mixed(piece: bytes) -> bool:
    digits = len(piece) - len(piece.translate(None, _DIGITS))
    if digits == len(piece) or len(set(piece)) < 8:
        return False
    if len(piece) in (32, 40, 64) and not piece.translate(None, b"0123456789abcdef"):
        return _changes(piece) >= len(piece) * 0.12
    if digits < 2:
        return _changes(piece) >= len(piece) * 0.5 and len(set(piece.lower())) >= 10
    return _changes(piece) >= len(piece) * 0.22


def _is_dense(pieces: list[bytes]) -> bool:
    """base64url: its few - and _ cut it into pieces that are mixed within."""
    length = sum(map(len, pieces))
    if length < 18 or length < 4 * len(pieces):
        return False
    kinds = set(b"".join(pieces).translate(_CLASS))
    return {1, 2, 3} <= kinds and sum(map(_changes, pieces)) >= length * 0.35


_BACK, _LONGEST = 140, 520

# Between a name and its value: punctuation, and the words of declarations, calls and headers.
_WORDS = (
    rb"str|string|bytes|optional|secretstr|none|type|required|default|default_value|value|val|os|environ|env|get|getenv"
    rb"|setdefault|putenv|set|or|is|was|are|be|to|as|b|f|r|u|n|t|field|param|input|form|basic|bearer|token|key|final"
    rb"|const|let|var|true|false|here|this|export|prompt|ask|getpass|if|not|else|hide_input|td|th|tr|div|span|code|pre|p|li|strong|em"
)
_BETWEEN = rb"(?:[^a-z0-9_@\r\n#;\0]|\r?\n(?=[ \t\"'])|(?<![a-z0-9_])(?:" + _WORDS + rb")(?![a-z0-9_])){1,60}\Z"
_REST = rb"(?:[_-][a-z0-9_-]{1,24}|[0-9]{0,2})"
_NOT = (
    rb"(?![_-]?(?:[a-z0-9]+[_-]){0,3}(?:id|name|arn|url|uri|path|file|filename|type|version|env|endpoint|scope|izer|count|limit|hash|field"
    rb"|label|index|ref|prefix|suffix|policy)s?(?![a-z]))"
)
_SEP = rb"[ _-]?"
_VENDOR = (
    rb"openai|azure|aws|gcp|google|gemini|cohere|mistral|deepseek|together|groq|pinecone|neptune|comet|opik|eleven"
    rb"|elevenlabs|xi|roboflow|deepgram|assemblyai|assembly|aai|gladia|speechmatics|speech|dagshub|bitbucket|cloudflare"
    rb"|snowflake|datadog|dd|twilio|sendgrid|mailgun|mailchimp|algolia|serpapi|serper|weaviate|qdrant|zilliz|milvus|okta"
    rb"|heroku|kaggle|wandb|github|gitlab|hf|huggingface|anthropic|claude|replicate|perplexity|ngrok|openweather"
    rb"|openweathermap|newsapi|alphavantage|rapidapi|tavily|exa|labelbox|confluent|zapier|mapbox|airtable|vercel"
    rb"|discord|telegram|stripe|slack|translator|cognitive|cosmos|cosmosdb|vast|lightning|scale|linkedin|facebook"
    rb"|twitter|paypal|square|yandex|clarifai|ai21|openrouter|langsmith|langchain|sambanova|nvidia|voyage|jina"
)
_NAMES = (
    ("a password", rb"(?:passw(?:or)?d|passphrase|passcode|(?<![a-z])pwd|(?<![a-z])pass)(?![a-z])" + _REST),
    (
        "an API key",
        rb"(?:(?:(?:api|access|secret|auth|account|subscription|private|client|sign(?:ing)?|encrypt(?:ion)?|master"
        rb"|admin|service|shared|storage|license|app|application|consumer|project|webhook|server|rest|write|jwt|fernet)"
        + _SEP
        + rb"key|apikey|(?<![a-z])(?:"
        + _VENDOR
        + rb")[ _-]?(?:[a-z]{1,12}[ _-])?key)(?![a-z])"
        rb"|(?<=[?&])(?:key|sig|code|appid|auth|app_id|access))" + _NOT + _REST,
    ),
    (
        "a token",
        rb"(?<!next_)(?<!next)(?<!page_)(?<!page)(?<!continuation_)(?<!continuation)(?<!sync_)(?<!request_)"
        rb"(?:token|bearer|jwt|authorization|(?<![a-z])auth|(?<![a-z])pat)(?![a-z])" + _NOT + _REST,
    ),
    ("a secret", rb"(?:secret|credential|webhook|(?<![a-z])dsn)s?(?![a-z])" + _NOT + _REST),
)
# A service's own command or call: cohere.Client("…"), `ngrok authtoken …`.
_CALL = (
    rb"(?<![a-z0-9/])(?:" + _VENDOR + rb")(?:[a-z0-9_]*(?:\.[a-z0-9_]+){0,3}\s*\(|[_a-z]*(?: +(?:login|auth|authtoken"
    rb"|init|config(?:ure)?|set|add|add-authtoken)){1,3}) *[\s\"'\\\[(bf]*\Z"
)
_HINTS = rb"key|token|secret|pass|pwd|auth|cred|bearer|jwt|dsn|webhook|pat"
_BASE64_OF = frozenset(
    (
        b"aGZf",
        b"c2st",
        b"c2tf",
        b"Z2hw",
        b"S0dB",
        b"QUtJ",
        b"QUl6",
        b"eG94",
        b"Z2xw",
        b"cHlw",
        b"Z3Nr",
        b"cjhf",
        b"LS0t",
        b"U0cu",
        b"eWEy",
    )
)
"""How the base64 of an issuer's prefix begins: hf_, sk-, sk_, ghp, KGAT, AKIA, AIza, xox, glpat, pypi, gsk, r8_, …"""
_SHORT = rb"(?:passw(?:or)?d|passphrase|(?<![a-z])pwd|secret)(?![a-z])" + _NOT + _REST
_WORD = re.compile(rb"[^\s\0\"'`,;()<>\[\]{}\\]{8,100}")
_NEAR = 120

_compiled: dict[bytes, re.Pattern[bytes]] = {}


def _regex(body: bytes) -> re.Pattern[bytes]:
    regex = _compiled.get(body)
    if regex is None:
        regex = _compiled[body] = re.compile(body)
    return regex


def all_runs(data: bytes) -> list[tuple[int, int]]:
    """Long words of a text that has thousands of them."""
    return [match.span() for match in _regex(rb"[A-Za-z0-9+/_~.-]{20,512}").finditer(data)]


def named_values(data: bytes, runs: list[tuple[int, int]]) -> Iterator[tuple[str, int, bytes]]:
    """(kind, offset, value) of each long random word whose surroundings, or own shape, say what it is for."""
    for begin, end in runs:
        if end - begin > _LONGEST or data[end - 3 : end] == b"..." or data[end : end + 3] == b"\xe2\x80\xa6":
            continue
        start = begin + 1 if data[begin : begin + 1] in b"~+." else begin
        value = data[start:end].rstrip(b".-~")
        if data[end : end + 2] in (b'":', b"':"):
            continue  # a key of a dictionary
        name = _of_shape(value) or _named(data, start, value)
        if name:
            yield name, start, value
        elif value[:4] in _BASE64_OF:
            yield from _in_base64(value, start)


def short_values(data: bytes, low: bytes, at: int) -> Iterator[tuple[str, int, bytes]]:
    """What follows the word `password` or `secret` at an offset, also where it is short or has special characters."""
    named = _regex(_SHORT).match(low, at)
    if named is None:
        return
    begin = named.end()
    between = _regex(rb"[^a-z0-9_@#; \t]*" + _BETWEEN)
    for match in _WORD.finditer(data, begin, begin + _NEAR + 100):
        value = match[0].lstrip(b"=:")
        start = match.end() - len(value)
        if start > begin + _NEAR:
            return
        if is_password(value) and b"://" not in value and not value.startswith((b"/", b".", b"$", b"%", b"<")):
            if between.fullmatch(low[begin:start]):
                yield ("a password" if low.startswith(b"p", at) else "a secret"), start, value
            return


def _of_shape(value: bytes) -> str:
    """Issuers whose tokens have a shape, but no prefix."""
    name = ""
    if value[:1] in (b"M", b"N", b"O") and value.count(b".") == 2:
        name, body = "a Discord bot token", rb"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"
    elif value[32:33] == b"-":
        name, body = "a Mailgun or Mailchimp key", rb"[0-9a-f]{32}-(?:[0-9a-f]{8}-[0-9a-f]{8}|us[0-9]{1,2})"
    elif value[:1] in (b"1", b"2", b"3") and 46 <= len(value) <= 52 and value.count(b"_") == 1:
        name, body = "an ngrok token", rb"[1-3][A-Za-z0-9]{25,27}_[A-Za-z0-9]{20,22}"
    return name if name and _regex(body).fullmatch(value) and is_random(value) else ""


def _named(data: bytes, start: int, value: bytes) -> str:
    before = data[max(0, start - _BACK) : start].lower()
    hinted = before.endswith(b"=") or _regex(_HINTS).search(before) is not None
    called = value[:1] not in b"/." and _is_plain(value)
    if not (hinted or called) or not is_random(value):
        return ""
    if hinted:
        for name, body in _NAMES:
            if _regex(body + _BETWEEN).search(before):
                return name
    if called and _regex(_CALL).search(before):
        return "the key of a service"
    return ""


def _in_base64(value: bytes, start: int) -> Iterator[tuple[str, int, bytes]]:
    from binascii import Error, a2b_base64

    from sahel_nb.notebook.secrets import search

    try:
        text = a2b_base64(value + b"==")
    except Error:
        return
    yield from ((hit.name, start, value) for hit in search(text, pieces=False)[:1])


def _is_plain(value: bytes) -> bool:
    return value.isalnum() or _UUID.fullmatch(value) is not None
