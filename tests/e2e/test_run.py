"""A run end to end: real git, the real kaggle package, a real service that really executes, real processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.lab import Lab, finished
from support.service import wait_until

HELLO = ["print('ŋana ɓiɗɗo')", "open('result.txt', 'w', encoding='utf-8').write('ɲ')\nprint('written')"]

SLEEP = ["import time", "print('begun', flush=True)\ntime.sleep(600)"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, shared=("fula-lid",)) as lab:
        yield lab


def cancel(lab: Lab, slug: str) -> None:
    """End the newest session from the service's side, as its owner would in the web page."""
    answer = requests.post(
        f"{lab.service.url}/admin/cancel", auth=lab.service.owner, json={"owner": "awa", "slug": slug}, timeout=30
    )
    assert answer.status_code == 200, answer.text


def test_a_run_brings_back_what_the_commit_made(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    head = awa.git.head()

    before = os.umask(0o000)
    try:
        done = awa.sahel("run")
    finally:
        os.umask(before)

    assert done.code == 0, done
    folder = Path(done.out.strip())
    assert folder.parent == awa.root / "runs" / "fula-lid"
    assert folder.name.endswith(f"-{head[:8]}-v1")
    assert (folder / "outputs/result.txt").read_bytes() == "ɲ".encode()
    assert "ŋana ɓiɗɗo" in done.err
    assert "ŋana ɓiɗɗo" in (folder / "log.txt").read_text(encoding="utf-8")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["schema"], record["commit"], record["version"], record["status"]) == (
        "sahel-nb.run/1",
        head,
        1,
        "COMPLETE",
    )
    assert record["files"] == [{"name": "result.txt", "size": 2, "sha256": hashlib.sha256("ɲ".encode()).hexdigest()}]
    assert awa.git("status", "--porcelain") == "", "what a run leaves is ignored by git"
    lock = awa.lock("fula-lid")
    assert lock is not None
    assert (lock["state"], lock["outcome"]["status"], lock["outcome"]["commit"]) == ("FREE", "COMPLETE", head)
    assert lock["outcome"]["outputs_digest"] == record["outputs_sha256"]
    assert [entry["state"] for entry in awa.chain("fula-lid")] == ["ARMED", "RUNNING", "FREE"]
    assert not list((awa.root / ".git/sahel-nb/runs").glob("*")), "nothing is left to look after"
    left = [awa.root / "runs", *(awa.root / "runs").rglob("*"), awa.root / ".git/sahel-nb"]
    assert {path.stat().st_mode & 0o777 for path in left if path.is_dir()} == {0o700}, "whatever the umask"
    assert {path.stat().st_mode & 0o777 for path in left if path.is_file()} == {0o600}


def test_git_decides_what_is_pushed_not_the_worktree(lab: Lab) -> None:
    awa = lab.join("awa", config='[run]\nclean = "kernel"\n[pair]\nformat = ""\n')
    below = {"code_file": "src/ŋ/fula.ipynb", "id": "awa/Fula-LID"}  # as many people lay out a repository
    folder = awa.kernel("fula-lid", ["print('committed')"], folder=".", **below)
    awa.git.write("README.md", "not committed, and not the kernel's")
    first = awa.git.head()
    awa.write_kernel("fula-lid", ["print('second')"], folder, **below)
    awa.git("commit", "-qam", "Second")
    awa.git.push()

    done = awa.sahel("run", "--at", first)

    assert done.code == 0, done
    assert "committed" in done.err
    pulled = lab.service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": "fula-lid"})[1]
    assert "print('committed')" in pulled["blob"]["source"]
    assert f"sahel-nb-stamp commit={first}" in pulled["blob"]["source"]


def test_a_second_runner_is_told_who_and_what_to_do_and_is_admitted_after(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", SLEEP)
    binta = lab.join("binta")
    running = awa.start("run")
    try:
        wait_until(lambda: (awa.lock("fula-lid") or {}).get("state") == "RUNNING", "Awa's run")

        refused = binta.sahel("run")
        assert refused.code == 3, refused
        for text in (
            "Awa <awa@example.org>",
            awa.git.head(),
            "v1",
            lab.service.url,
            "sahel-nb attach awa/fula-lid",
            "--dev",
        ):
            assert text in refused.err, (text, refused)
        assert lab.versions("fula-lid") == 1
    finally:
        cancel(lab, "fula-lid")
        ended = finished(running)
    assert ended.code == 6, ended
    assert (awa.lock("fula-lid") or {})["outcome"]["status"] == "CANCEL_ACKNOWLEDGED"

    awa.write_kernel("fula-lid", HELLO, "notebooks/fula-lid")
    awa.git("commit", "-qam", "Shorter")
    awa.git.push()
    binta.git("pull", "-q")
    admitted = binta.sahel("run")
    assert admitted.code == 0, admitted
    assert (awa.lock("fula-lid") or {})["actor"] == "Binta <binta@example.org>"


def test_a_personal_slug_leaves_the_shared_kernel_alone(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    binta = lab.join("binta")

    done = binta.sahel("run", "--dev")

    assert done.code == 0, done
    record = json.loads((Path(done.out.strip()) / "run.json").read_text(encoding="utf-8"))
    owner, slug = record["kernel"].split("/")
    assert owner == "binta"
    assert slug.startswith("fula-lid-dev-binta-")
    assert (record["dev"], record["shared_kernel"]) == (True, "awa/fula-lid")
    assert lab.versions("fula-lid") == 0
    assert awa.lock("fula-lid") is None


def test_a_failing_run_says_where_and_why(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", ["x = 1", "# ŋ\nimport fasttext_is_not_there"])

    done = awa.sahel("run")

    assert done.code == 5, done
    assert "cell 2 of notebooks/fula-lid/fula-lid.ipynb" in done.err
    assert "ModuleNotFoundError" in done.err
    assert "what it used of the quota is spent" in done.err
    again = awa.sahel("debug", "--json")
    assert again.code == 0, again
    answer = json.loads(again.out)
    assert (answer["execution_count"], answer["line"], answer["rule"]) == (2, 2, "missing-package")
    assert (awa.lock("fula-lid") or {})["outcome"]["status"] == "ERROR"


def test_a_script_runs_as_well(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-script", ["import sys", "print('ɗ', file=sys.stderr)"], kernel_type="script")
    done = awa.sahel("run", "fula-script")
    assert done.code == 0, done
    assert "ɗ" in done.err


def test_dropped_sources_are_a_failure_that_says_what_has_started(lab: Lab) -> None:
    awa = lab.join("awa")
    """The preflight asks for each; what Kaggle drops all the same is named."""
    awa.kernel("fula-lid", HELLO)
    fault = {"name": "dropped-sources", "kernel": "awa/fula-lid"}
    requests.post(f"{lab.service.url}/admin/fault", auth=lab.service.owner, json=fault, timeout=30).raise_for_status()

    done = awa.sahel("run")

    assert done.code == 4, done
    assert "nobody/no-such-dataset" in done.err
    assert "has already started" in done.err
    assert (awa.lock("fula-lid") or {})["state"] == "RUNNING", "the lock stays with what runs"
    attached = awa.sahel("attach")
    assert attached.code == 0, attached
    assert (awa.lock("fula-lid") or {})["state"] == "FREE"


def test_another_accounts_kernel_refuses_the_push_and_the_lock_is_given_back(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("not-shared", HELLO)
    binta = lab.join("binta")

    done = binta.sahel("run")

    assert done.code == 4, done
    assert "takes pushes from its owner" in done.err
    assert "no quota was spent" in done.err
    assert lab.versions("not-shared") == 0
    assert [entry["op"] for entry in awa.chain("not-shared")] == ["arm", "disarm"]


def test_detach_and_attach_from_another_clone(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", ["import time; time.sleep(2)", *HELLO])
    binta = lab.join("binta")
    detached = awa.sahel("run", "--detach")
    assert detached.code == 0, detached
    assert "sahel-nb attach awa/fula-lid" in detached.err
    attached = binta.sahel("attach")
    assert attached.code == 0, attached
    folder = Path(attached.out.strip())
    assert folder.is_relative_to(binta.root / "runs")
    assert (folder / "outputs/result.txt").exists()
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["actor"] == "Awa <awa@example.org>"
    assert (awa.lock("fula-lid") or {})["state"] == "FREE"


def test_ctrl_c_detaches_and_the_run_goes_on(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", ["print('begun', flush=True)", "import time; time.sleep(8)", *HELLO])
    running = awa.start("run")
    assert running.stderr is not None
    for line in running.stderr:
        if "begun" in line:
            break
    running.send_signal(signal.SIGINT)
    done = finished(running)
    assert done.code == 130, done
    assert "sahel-nb attach awa/fula-lid" in done.err
    assert (awa.lock("fula-lid") or {})["state"] == "RUNNING"
    attached = awa.sahel("attach")
    assert attached.code == 0, attached
    assert (awa.lock("fula-lid") or {})["state"] == "FREE"


def test_who_stops_following_is_told_that_nothing_else_stops(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", SLEEP)
    assert awa.sahel("run", "--detach").code == 0
    following = awa.start("attach")
    assert following.stderr is not None
    for line in following.stderr:
        if "begun" in line:
            break
    following.send_signal(signal.SIGINT)
    done = finished(following)
    assert done.code == 130, done
    assert "no longer looking; whatever runs goes on. Come back to it with: $ sahel-nb attach awa/fula-lid" in done.err
    assert (awa.lock("fula-lid") or {})["state"] == "RUNNING"
