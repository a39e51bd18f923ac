"""`sahel-nb stop`: honest on Kaggle, done on the embedded service, and careful with what it deletes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member

LONG = ["print('begun', flush=True)", "import time; time.sleep(600)"]


@pytest.fixture(scope="module")
def awa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        yield lab.join("awa")


def test_a_session_that_cannot_be_ended_is_not_said_to_have_ended(awa: Member) -> None:
    where = awa.kernel("long-lab", LONG)
    assert awa.sahel("run", where, "--dev", "--detach").code == 0
    asked = awa.sahel("stop", where, "--dev")
    assert asked.code == 3, asked
    slug = asked.out.strip().rsplit("/", 1)[1]
    assert asked.out == f"{awa.lab.service.url}/code/awa/{slug}\n"
    assert slug != "long-lab"
    assert f"v1 of awa/{slug} still runs: Kaggle's API has no way to end a session" in asked.err
    assert "sahel-nb attach --dev" in asked.err
    status = awa.lab.service.api("awa", "GetKernelSessionStatus", {"userName": "awa", "kernelSlug": slug})
    assert status[1]["status"] in ("QUEUED", "RUNNING")


def test_only_a_personal_slug_is_deleted_and_only_after_a_yes(awa: Member) -> None:
    where = awa.kernel("short-lab", ["print(1)"])
    assert awa.sahel("run", where).code == 0
    ran = awa.sahel("run", where, "--dev")
    assert ran.code == 0
    slug = Path(ran.out.strip()).parent.name
    assert awa.sahel("stop", where, "--delete", "--yes").code == 2
    assert awa.sahel("stop", where, "--dev", "--delete").code == 3, "nobody is there to say yes"
    assert awa.lab.versions(slug) == 1
    done = awa.sahel("stop", where, "--dev", "--delete", "--yes")
    assert (done.code, awa.lab.versions(slug), awa.lab.versions("short-lab")) == (0, 0, 1), done
    nothing = awa.sahel("stop", where)
    assert (nothing.code, "nothing of awa/short-lab runs" in nothing.err) == (0, True)


def test_on_the_embedded_service_it_is_ended(awa: Member) -> None:
    where = awa.kernel("local-lab", LONG)
    try:
        assert awa.sahel("run", where, "--local", "--detach").code == 0
        done = awa.sahel("stop", where, "--local")
        assert (done.code, "awa/local-lab v1 was cancelled" in done.err) == (0, True), done
        asked = awa.sahel("debug", where, "--local", "--json")
        told = json.loads(asked.out)
        assert (told["rule"], "nothing of Kaggle's" in told["spent"]) == ("cancelled", True)
    finally:
        awa.sahel("local", "stop")
