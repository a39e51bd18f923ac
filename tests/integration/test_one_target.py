"""Every request of a command goes to the service that was named, in each of the ways in which one can be named."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member, finished
from support.service import BIN

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever would go to api.kaggle.com fails here, and nothing leaves this machine."""


@pytest.fixture(scope="module")
def awa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        awa = lab.join("awa")
        where = awa.kernel("one-target", ["print('ŋ')", "open('kept.txt', 'w').write('x')"])
        ran = awa.sahel("run", where)
        assert ran.code == 0, ran
        yield awa


@pytest.mark.parametrize("named", ["the exports of docs/local-service.md", "both"])
def test_logs_and_outputs_are_asked_of_the_service_that_was_named(awa: Member, tmp_path: Path, named: str) -> None:
    service = awa.lab.service
    env = {**awa.env(), "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "https_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE}
    if named == "both":
        env |= {"http_proxy": NOWHERE, "HTTP_PROXY": NOWHERE}
    else:
        del env["SAHEL_NB_KAGGLE"]
        env |= {"http_proxy": service.url, "HTTP_PROXY": service.url}
    for name in ("no_proxy", "NO_PROXY"):
        env.pop(name, None)

    for command in (("logs", "one-target@v1"), ("output", "one-target@v1", "-o", str(tmp_path / "out"))):
        done = finished(
            subprocess.Popen(
                (str(BIN / "sahel-nb"), *command), cwd=awa.root, env=env, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8",
            )
        )  # fmt: skip
        assert done.code == 0, done
    assert (tmp_path / "out" / "kept.txt").read_text() == "x"
