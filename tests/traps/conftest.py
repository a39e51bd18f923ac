"""Each test is run with each of the clients that were asked for."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--versions", default="", help="versions of the kaggle client, with commas between them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client_version" in metafunc.fixturenames:
        versions = metafunc.config.getoption("--versions").split(",")
        metafunc.parametrize("client_version", versions, scope="module")
