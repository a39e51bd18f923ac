"""Reading what a version left, signed in with a key, which takes no package, and with a token, which does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.service import BIN, Service, service_fixture

service = service_fixture("--token", "token-of-awa=awa", users=("awa",))


@pytest.mark.parametrize(
    ("credentials", "code", "said"),
    [
        ({"KAGGLE_USERNAME": "awa", "KAGGLE_KEY": "key-of-awa-0123456789abcdef"}, 4, "403"),
        ({"KAGGLE_USERNAME": "awa", "KAGGLE_KEY": "not-of-awa"}, 8, "401"),
        ({"KAGGLE_API_TOKEN": "token-of-awa"}, 4, "403"),
        ({"KAGGLE_API_TOKEN": "of-nobody"}, 8, "no Kaggle credentials"),
    ],
)
def test_who_asks_is_known_before_what_is_asked_for(
    service: Service, tmp_path: Path, credentials: dict[str, str], code: int, said: str
) -> None:
    done = subprocess.run(
        (str(BIN / "sahel-nb"), "output", "awa/no-such-kernel@v1"),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SAHEL_NB_KAGGLE": service.url, **credentials},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
