"""The short way to the settings gives what the long way gives, and is as particular."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.config import Config, load
from sahel_nb.errors import UsageError
from sahel_nb.hooks import settings as module
from sahel_nb.hooks.settings import ALLOW_DIRTY, ALLOW_ID_CHANGE, Personal
from sahel_nb.install import shipped

LINES = (
    *(
        "",
        "  ",
        "# comment",
        "#",
        "\t# ŋ",
        "# bell \x07",
        "[pair]",
        " [lint]\t",
        "[pair]",
        "[what]",
        "[ pair ]",
        "[pair",
    ),
    *(
        'format = "md"',
        "format = ''",
        'disable = ["SNB203"]',
        'exclude = ["a/"]',
        "ttl = 3",
        "x",
        "[lint] # why",
        "\r",
        "[run]\r",
        "﻿# bom",
    ),
)


def both(toml: bytes | None, git_config: dict[str, str], environ: dict[str, str]) -> tuple[object, object]:
    try:
        config = load(toml, git_config, environ)
        long: object = (config.pair.format, config.lint.disable, config.lint.exclude)
    except UsageError as exc:
        long = exc.message
    try:
        found = Personal(git_config, environ).settings(toml)
        return (found.format, found.scope.disabled, found.scope.excluded), long
    except UsageError as exc:
        return exc.message, long


@given(
    st.lists(st.sampled_from(LINES), max_size=6),
    st.dictionaries(
        st.sampled_from(["sahel-nb.pair.format", "sahel-nb.lint.disable", "sahel-nb.hook", "sahel-nb.run.x"]),
        st.just("md"),
    ),
    st.dictionaries(st.sampled_from(["SAHEL_NB_PAIR_FORMAT", "SAHEL_NB_KAGGLE", "SAHEL_NB_LINT_X"]), st.just("md")),
)
def test_it_is_what_config_would_say(lines: list[str], git_config: dict[str, str], environ: dict[str, str]) -> None:
    short, long = both("\n".join(lines).encode(), git_config, environ)
    assert short == long


def test_no_file_and_the_file_that_init_writes_cost_nothing() -> None:
    template = (shipped.folder("templates") / "repository" / "sahel-nb.toml").read_bytes()
    for toml in (None, b"", template):
        assert both(toml, {}, {}) == (("py:percent", (), ()), ("py:percent", (), ()))
    assert module._says_nothing(template)
    assert {field.name for field in fields(Config)} == set(module._SECTIONS)


def test_what_a_person_allows() -> None:
    key, variable = ALLOW_ID_CHANGE
    for value in ("1", "yes"):
        assert Personal({}, {variable: value}).allows(ALLOW_ID_CHANGE)
    for value in ("true", "TRUE", "on", "yes", "1", "2"):
        assert Personal({key: value}, {}).allows(ALLOW_ID_CHANGE)
    for value in ("false", "0", "", "off", "what"):
        assert not Personal({key: value}, {variable: "0"}).allows(ALLOW_ID_CHANGE)
    assert not Personal({key: "true"}, {variable: "1"}).allows(ALLOW_DIRTY)
