"""Ways around the lock, as a person meets them: a kernel made anew, a remote that went back, alarms and their end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from support.lab import Lab, Member, notebook


@pytest.fixture(scope="module")
def awa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        yield lab.join("awa")


def save(awa: Member, slug: str, cell: str) -> None:
    body = {
        "slug": f"awa/{slug}", "newTitle": slug.replace("-", " ").title(), "text": notebook([cell]),
        "language": "python", "kernelType": "notebook", "isPrivate": True,
    }  # fmt: skip
    assert awa.lab.service.api("awa", "SaveKernel", body)[0] == 200


def delete(awa: Member, slug: str) -> None:
    code, _ = awa.lab.service.api("awa", "DeleteKernel", {"userName": "awa", "kernelSlug": slug})
    assert code == 200


@contextmanager
def armed(lab: Lab, slug: str, name: str) -> Iterator[None]:
    def tell(what: str, **fields: object) -> None:
        where = f"{lab.service.url}/admin/{what}"
        requests.post(where, auth=lab.service.owner, json=fields, timeout=30).raise_for_status()

    tell("fault", name=name, kernel=f"awa/{slug}", times=0)
    yield
    tell("calm", kernel=f"awa/{slug}")


def state(awa: Member, slug: str, version: int) -> str:
    where = {"userName": "awa", "kernelSlug": slug, "versionLabel": f"v{version}"}
    return str(awa.lab.service.api("awa", "GetKernelSessionStatus", where)[1].get("status"))


def until(awa: Member, slug: str, version: int, wanted: str) -> None:
    deadline = time.monotonic() + 60
    while state(awa, slug, version) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_kernel_deleted_and_made_anew(awa: Member) -> None:
    slug = "made-anew"
    where = awa.kernel(slug, ["print('ŋ')"])
    for _ in range(2):
        assert awa.sahel("run", where).code == 0
    delete(awa, slug)
    save(awa, slug, "import time; time.sleep(300)")
    save(awa, slug, "print('ɲ')")
    until(awa, slug, 2, "COMPLETE")

    refused = awa.sahel("run", where)
    assert refused.code == 3, refused
    assert "v1 has not ended on Kaggle, and was not started under the lock" in refused.err
    waited = awa.sahel("run", where, "--wait", "3s")
    assert waited.code == 3, waited
    assert awa.lab.versions(slug) == 2, "nothing was pushed beside it"

    delete(awa, slug)
    ran = awa.sahel("run", where)
    assert ran.code == 0, ran
    assert "the kernel was deleted on Kaggle: v2 was known, and it is there no more" in ran.err
    listed = awa.sahel("lock", "list")
    assert "1 alarm, see below" in listed.out
    assert "the kernel was deleted on Kaggle" in listed.err
    assert "alarm     the kernel was deleted on Kaggle" in awa.sahel("status", where).out

    acknowledged = awa.sahel("lock", "ack", where, "--reason", "we made it anew")
    assert acknowledged.code == 0, acknowledged
    assert "alarm" not in awa.sahel("lock", "list").out
    assert "alarm" not in awa.sahel("status", where).out
    assert awa.chain(slug)[-1]["alarms"][-1].endswith(": we made it anew")
    assert awa.sahel("lock", "ack", where, "--reason", "again").err.endswith("there is nothing to acknowledge\n")
    assert awa.sahel("lock", "log", where, "--verify").code == 0


def test_a_kernel_deleted_while_it_runs(awa: Member) -> None:
    slug = "deleted-at-work"
    where = awa.kernel(slug, ["import time; time.sleep(300)"])
    assert awa.sahel("run", where, "--detach").code == 0
    delete(awa, slug)
    shown = awa.sahel("attach", where, timeout=120)
    assert shown.code == 0, shown
    assert "the kernel was deleted on Kaggle: v1 was known, and it is there no more" in shown.err
    record = awa.lock(slug)
    assert record is not None
    assert (record["state"], record["outcome"]["status"]) == ("FREE", "UNKNOWN")


def test_whom_kaggle_tells_no_states_is_told_who_runs_it(awa: Member) -> None:
    slug = "states-hidden"
    where = awa.kernel(slug, ["import time; time.sleep(300)"])
    assert awa.sahel("run", where, "--detach").code == 0
    until(awa, slug, 1, "RUNNING")
    with armed(awa.lab, slug, "sessions-403"):
        refused = awa.sahel("run", where)
    assert refused.code == 3, refused
    assert re.search(rf"awa/{slug} is locked: .* runs it since", refused.err)
    assert "its state may not be read by these credentials" in refused.err
    forced = f"sahel-nb lock break awa/{slug} --fence 1 --reason TEXT --force"
    assert f"$ {forced}" in refused.err
    broken = awa.sahel(*forced.split()[1:])
    assert (broken.code, broken.out) == (0, f"awa/{slug}: FREE\n"), broken


def test_a_remote_that_went_back(awa: Member) -> None:
    slug = "gone-back"
    where = awa.kernel(slug, ["print('ŋ')"])
    ref = f"refs/sahel/locks/awa/{slug}"
    assert awa.sahel("run", where).code == 0
    assert awa.sahel("lock", "acquire", where, "--reason", "maintenance").code == 0
    assert awa.sahel("lock", "break", where, "--fence", "2", "--reason", "she left").code == 0
    awa.lab.origin("update-ref", ref, f"{ref}~1")

    for looks in (("lock", "show", where), ("lock", "list"), ("status", where)):
        assert "the remote went back: record " in str(awa.sahel(*looks)), looks
    for begins in (("run", where, "--dry-run"), ("run", where), ("lock", "acquire", where, "--reason", "x")):
        refused = awa.sahel(*begins)
        assert refused.code == 3, refused
        assert "the remote went back: record " in refused.err
        assert f"$ sahel-nb lock ack awa/{slug} --reason TEXT" in refused.err
    assert [record["op"] for record in awa.chain(slug)[-2:]] == ["hold", "alarm"]

    released = awa.sahel("lock", "release", where)
    assert (released.code, released.out) == (0, f"awa/{slug}: FREE\n"), released
    assert awa.sahel("run", where).code == 3, "nobody has decided yet"
    accepted = awa.sahel("lock", "ack", f"awa/{slug}", "--reason", "TEXT")
    assert accepted.code == 0, accepted
    ran = awa.sahel("run", where)
    assert ran.code == 0, ran
    assert json.dumps(awa.lock(slug)).count("went back") == 0


def test_whoever_meets_a_record_that_is_not_json_is_told_what_to_type(awa: Member) -> None:
    slug = "not-json"
    where = awa.kernel(slug, ["print('ŋ')"])
    awa.lab.origin("update-ref", f"refs/sahel/locks/awa/{slug}", "HEAD")
    for command in (("lock", "acquire", where, "--reason", "x"), ("run", where), ("lock", "release", where)):
        refused = awa.sahel(*command)
        assert refused.code in (3, 9), refused
        assert "the lock's record is not JSON" in refused.err
        assert f"$ sahel-nb lock reset awa/{slug} --reason TEXT" in refused.err
    assert f"awa/{slug}: the lock's record is not JSON" in awa.sahel("lock", "doctor").out


def test_a_file_where_a_run_leaves_its_outputs_keeps_no_lock_for_ever(awa: Member) -> None:
    slug = "file-in-the-way"
    where = awa.kernel(slug, ["print('ŋ')"])
    file = awa.root / "runs" / slug
    awa.git.write(f"runs/{slug}")
    refused = awa.sahel("run", where)
    assert (refused.code, awa.lab.versions(slug), awa.lock(slug)) == (3, 0, None), refused
    assert f"runs/{slug}: a file is in the way of this folder" in refused.err
    file.unlink()

    assert awa.sahel("run", where, "--detach").code == 0
    until(awa, slug, 1, "COMPLETE")
    awa.git.write(f"runs/{slug}")
    told = awa.sahel("attach", where)
    assert f"runs/{slug}: a file is in the way of this folder" in told.err
    assert f"$ sahel-nb attach awa/{slug}" in told.err
    file.unlink()
    assert awa.sahel("attach", f"awa/{slug}").code == 0
    assert (awa.lock(slug) or {})["state"] == "FREE"
