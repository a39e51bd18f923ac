"""Settings of a repository that somebody else wrote, parsed within limits: TOML, JSON and YAML.

A few lines of YAML with aliases stand for a hundred million texts, keys of TOML with thousands of parts take minutes,
and brackets can be nested until the interpreter gives up. Whatever is not settings is a `ValueError` here, and at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_BYTES = 256 * 1024
_DEEPEST = 50
_MOST_PARTS = 500
"""Dots in a line. tomllib takes time with the square of a key's parts."""


def parse_toml(data: bytes) -> dict[str, Any]:
    import tomllib

    text = _text(data)
    if any(line.count(".") > _MOST_PARTS and not _is_text(line) for line in text.split("\n")):
        raise ValueError(f"a key of more than {_MOST_PARTS} parts")
    with _depth():
        return tomllib.loads(text)


def parse_json(data: bytes) -> Any:
    import json

    with _depth():
        return json.loads(_text(data))


def parse_yaml(data: bytes) -> Any:
    """Without aliases: they are never needed in settings, and what they stand for has no bounds."""
    import yaml

    text = _text(data)
    try:
        check_yaml(text)
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError(str(exc).splitlines()[0]) from exc


def check_yaml(text: str) -> None:
    """Raise `ValueError` for aliases and for what is nested too deeply, `yaml.YAMLError` for what is no YAML."""
    for _ in documents(text):
        pass


def documents(text: str) -> Iterator[None]:
    """The same for one document of YAML after another, as they are asked for."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):  # one after the other: the first that is wrong ends it
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise ValueError(f"line {line} has the alias *{event.anchor}: aliases of YAML are not followed")  # noqa: TRY004  no type is wrong, the text is
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep()
        if isinstance(event, yaml.DocumentEndEvent):
            yield


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has {len(data):,} bytes; settings have at most {MOST_BYTES:,}")
    return data.decode("utf-8")


def _is_text(line: str) -> bool:
    """A long text as a value, with a plain key before it."""
    key, equals, value = line.partition("=")
    return bool(equals) and "." not in key and value.strip()[:1] in ("'", '"')


@contextmanager
def _depth() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> ValueError:
    return ValueError("it is nested too deeply")
