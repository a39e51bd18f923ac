"""Whole runs on a service that misbehaves: one version of ours, the right exit code, a free lock."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.lab import Done, Lab, Member

HELLO = ["print('ŋana')", "open('result.txt', 'w', encoding='utf-8').write('ɲ')"]


class Impatient(Member):
    """Gives an answer up after two seconds without a byte."""

    def env(self) -> dict[str, str]:
        return {**super().env(), "SAHEL_NB_KAGGLE_TIMEOUT": "2"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Iterator[Member]:
    member = Impatient(lab, "awa", lab.join("awa").git)
    yield member
    member.sahel("local", "stop")


@contextmanager
def armed(lab: Lab, slug: str, *names: str, **more: Any) -> Iterator[None]:
    """Inside: the faults strike this kernel. Afterwards: each has struck."""
    for name in names:
        fault = {"name": name, "kernel": f"awa/{slug}", **more}
        requests.post(
            f"{lab.service.url}/admin/fault", auth=lab.service.owner, json=fault, timeout=30
        ).raise_for_status()
    try:
        yield
    finally:
        calmed = requests.post(
            f"{lab.service.url}/admin/calm", auth=lab.service.owner, json={"kernel": f"awa/{slug}"}, timeout=30
        ).json()
    assert all(fault["struck"] for fault in calmed["disarmed"]), calmed


def source(lab: Lab, slug: str, version: int) -> str:
    fields = {"userName": "awa", "kernelSlug": slug, "versionLabel": f"v{version}"}
    return str(lab.service.api("awa", "GetKernel", fields)[1]["blob"]["source"])


def record(done: Done) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((Path(done.out.strip().splitlines()[-1]) / "run.json").read_text("utf-8"))
    return value


def test_a_push_that_nobody_answers_is_found_and_not_repeated(lab: Lab, awa: Member) -> None:
    awa.kernel("silent-push", HELLO)
    with armed(lab, "silent-push", "push-timeout"):
        done = awa.sahel("run", "silent-push")
    assert done.code == 0, done
    assert "asking Kaggle whether it took the push" in done.err
    assert (lab.versions("silent-push"), record(done)["version"]) == (1, 1)
    assert [entry["state"] for entry in awa.chain("silent-push")] == ["ARMED", "RUNNING", "FREE"]


def test_an_edit_in_the_web_page_is_never_taken_for_the_run(lab: Lab, awa: Member) -> None:
    awa.kernel("web-edited", HELLO)
    with armed(lab, "web-edited", "edited-on-kaggle", "push-cut"):
        done = awa.sahel("run", "web-edited")
    assert done.code == 0, done
    assert (record(done)["version"], record(done)["kaggle_copy"]) == (1, "same")
    nonce = source(lab, "web-edited", 1).split("nonce=")[1][:32]
    assert (lab.versions("web-edited"), nonce in source(lab, "web-edited", 2)) == (2, True)
    tip = awa.lock("web-edited") or {}
    assert (tip["state"], tip["last_done"], tip["outcome"]["version"]) == ("FREE", 2, 1)
    assert tip["alarms"] == ["v2 was pushed outside the lock"]
    shown = awa.sahel("drift", "web-edited")
    assert "+# edited in the web page" in shown.out, shown
    again = awa.sahel("run", "web-edited")
    assert (again.code, lab.versions("web-edited"), record(again)["version"]) == (0, 3, 3), again
    assert (awa.lock("web-edited") or {})["state"] == "FREE"


def test_a_rehearsal_and_a_run_of_one_commit_keep_a_folder_each(awa: Member) -> None:
    """Both count their versions from 1. A longest legal name comes along."""
    name = "ɲ" * 127 + "x"
    where = awa.kernel("two-services", ["import uuid", f"open('{name}', 'w').write(uuid.uuid4().hex)"])

    def kept(done: Done) -> tuple[str, str]:
        folder = Path(done.out.strip().splitlines()[-1])
        assert (done.code, [file["name"] for file in record(done)["files"]]) == (0, [name]), done
        return folder.name.rpartition("-v")[2], (folder / "outputs" / name).read_text()

    ran = awa.sahel("run", where)
    first = kept(ran)
    rehearsed = kept(awa.sahel("rehearse", where))
    awa.sahel("local", "stop")
    shutil.rmtree(Path(awa.env()["XDG_STATE_HOME"]) / "sahel-nb/local")  # a service set up again counts from 1
    assert awa.sahel("run", where, "--local", "--detach").code == 0
    attached = awa.sahel("attach", where, "--local")
    found = [first, rehearsed, kept(attached)]
    assert (record(attached)["dev"], record(attached)["service"]) == (False, "embedded")
    assert [label for label, _ in found] == ["1", "1-rehearsal", "1-rehearsal-2"]
    assert kept(ran) == first, "and it still is what the run left"
    assert len({text for _, text in found}) == 3
    fetched = [awa.sahel("output", f"{where}@v1", *local) for local in ((), ("--local",), ())]
    assert [Path(done.err.rstrip().rpartition(" in ")[2]).name for done in fetched] == ["v1", "v1-rehearsal", "v1"]


def test_a_rehearsal_says_which_sources_it_lacks_and_how_to_give_them(awa: Member) -> None:
    awa.kernel("given-lab", HELLO)
    sources = {"dataset_sources": ["awa/fula-words"], "competition_sources": ["titanic"]}
    where = awa.kernel("lacking-lab", [*HELLO, "1 / 0"], kernel_sources=["awa/given-lab"], **sources)
    refused = awa.sahel("rehearse", where)
    assert (refused.code, "does not exist" in refused.err) == (3, True), refused
    commands = [line.split("$ ")[1] for line in refused.err.splitlines() if line.startswith("  $ ")]
    assert len(commands) == 3, refused
    for command in commands:
        if command.startswith("mkdir"):
            subprocess.run(command, shell=True, check=True, cwd=awa.git.root)
        else:
            assert awa.sahel(*shlex.split(command)[1:]).code == 0, command
    awa.git.write("data/fula-words/words.txt", "ndiyam\n")
    awa.git.commit("data", message="The words")
    done = awa.sahel("rehearse", where)
    assert (done.code, "ZeroDivisionError" in done.err) == (5, True), done
    assert "quota" not in refused.err + done.err, "the embedded service has none"


def test_where_states_are_hidden_the_log_and_the_outputs_say_what_there_is(lab: Lab, awa: Member) -> None:
    awa.kernel("hidden-lab", HELLO)
    awa.kernel("hidden-error", ["1 / 0"])
    assert awa.sahel("run", "hidden-lab").code == 0
    assert awa.sahel("run", "hidden-error").code == 5
    with armed(lab, "hidden-lab", "status-403"):
        fetched = awa.sahel("output", "hidden-lab")
        assert (fetched.code, "result.txt" in fetched.out) == (0, True), fetched
        logged = awa.sahel("logs", "hidden-lab")
        assert (logged.code, "ŋana" in logged.out) == (0, True), logged
        stopped = awa.sahel("stop", "hidden-lab")
        assert (stopped.code, "nothing of awa/hidden-lab runs" in stopped.err) == (0, True), stopped
        asked = awa.sahel("debug", "hidden-lab")
        assert (asked.code, "has ended, and its log shows no failure" in asked.err) == (0, True), asked
    with armed(lab, "hidden-error", "status-403"):
        failed = awa.sahel("debug", "hidden-error")
        assert (failed.code, "ZeroDivisionError" in failed.err) == (0, True), failed


def test_another_kernel_than_ours_leaves_no_lock_without_the_command_that_ends_it(lab: Lab, awa: Member) -> None:
    awa.kernel("other-slug", HELLO)
    with armed(lab, "other-slug", "push-other-slug"):
        done = awa.sahel("run", "other-slug")
    (command,) = [line.split("$ ")[1] for line in done.err.splitlines() if "lock break" in line]
    assert (done.code, (awa.lock("other-slug") or {})["state"]) == (4, "RUNNING"), done
    assert awa.sahel(*shlex.split(command)[1:]).code == 0
    assert (awa.lock("other-slug") or {})["state"] == "FREE"


def test_a_rehearsal_with_both_ends_well_and_what_it_prints_stays_here(awa: Member) -> None:
    where = awa.kernel("local-lab", HELLO)
    done = awa.sahel("rehearse", where, "--fault", "push-timeout", "--fault", "edited-on-kaggle")
    assert done.code == 0, done
    assert "the fault push-timeout struck 1 times" in done.err
    assert (record(done)["version"], record(done)["kaggle_copy"]) == (1, "same")

    awa.write_kernel("local-lab", ["print('begun', flush=True)\nimport time; time.sleep(600)"], where)
    awa.git("commit", "-qam", "Longer")
    awa.git.push()
    assert awa.sahel("run", where, "--local", "--detach").code == 0
    refused = awa.sahel("run", where, "--local")
    assert refused.code == 3, refused
    hints = [line.strip() for line in refused.err.splitlines() if line.strip().startswith("$ sahel-nb")]
    assert hints
    assert [hint for hint in hints if "--local" not in hint] == []
    assert awa.sahel("stop", where, "--local").code == 0
    ended = awa.sahel("attach", where, "--local")
    assert ended.code == 6, ended
    assert "$ sahel-nb debug awa/local-lab@v3 --local" in ended.err


def test_credentials_that_may_not_read_states_bring_the_run_home_and_say_so_once(lab: Lab, awa: Member) -> None:
    awa.kernel("state-hidden", HELLO)
    with armed(lab, "state-hidden", "status-403"):
        done = awa.sahel("run", "state-hidden", "--json")
        again = awa.sahel("run", "state-hidden", "--dry-run")
        shown = awa.sahel("status", "state-hidden")
    assert done.code == 9, done
    assert done.err.count("Permission 'kernelSessions.get' was denied") == 1, done
    assert "has ended, and these credentials may not read how it ended" in done.err
    value = json.loads(done.out)
    assert (value["status"], [file["name"] for file in value["files"]]) == ("UNKNOWN", ["result.txt"])
    tip = awa.lock("state-hidden") or {}
    assert (tip["state"], tip["last_done"], tip["outcome"]["status"]) == ("FREE", 1, "UNKNOWN")
    assert again.code == 0, again
    assert "v1 (its state could not be read" in shown.out, shown


def test_where_nothing_of_a_session_may_be_read_the_lock_stays_closed(lab: Lab, awa: Member) -> None:
    awa.kernel("all-hidden", HELLO)
    with armed(lab, "all-hidden", "sessions-403"):
        running = awa.start("run", "all-hidden")
        assert running.stderr is not None
        for line in running.stderr:
            if "going by its log and its outputs" in line:
                break
        running.terminate()
        assert running.wait(60) == 143
        running.stderr.close()
    assert (awa.lock("all-hidden") or {})["state"] == "RUNNING"
    assert awa.sahel("attach", "all-hidden").code == 0
    assert (awa.lock("all-hidden") or {})["state"] == "FREE"


def test_versions_are_named_in_another_way_and_never_mixed_up(lab: Lab, awa: Member) -> None:
    slug = "two-versions"
    fields = {"slug": f"awa/{slug}", "newTitle": "Two versions", "language": "python", "kernelType": "script"}
    for word in ("first", "second"):
        lab.service.api("awa", "SaveKernel", {**fields, "text": f"print({word!r})"})
    for version in ("v1", "v2"):
        lab.service.wait("awa", f"awa/{slug}", version=version)
    slug = f"awa/{slug}"
    for name in ("label-bare", "label-path"):
        with armed(lab, "two-versions", name):
            older = awa.sahel("logs", f"{slug}@v1")
        assert (older.code, older.out, older.err.count("Kaggle refuses version labels")) == (0, "first\n", 1), older
    with armed(lab, "two-versions", "label-refused"):
        newest, older = awa.sahel("logs", f"{slug}@v2"), awa.sahel("logs", f"{slug}@v1")
        absent = awa.sahel("logs", f"{slug}@v9")
    assert (newest.code, newest.out) == (0, "second\n"), newest
    assert (older.code, older.out) == (9, ""), older
    assert "its newest version is v2: they cannot be told apart" in older.err
    assert absent.code == 4, absent


def test_a_rehearsal_without_version_labels_ends_as_one_with(awa: Member) -> None:
    where = awa.kernel("local-labels", HELLO)
    done = awa.sahel("rehearse", where, "--fault", "label-refused")
    assert done.code == 0, done
    assert done.err.count("Kaggle refuses version labels") == 1, done
    assert (record(done)["version"], record(done)["kaggle_copy"]) == (1, "same")


def test_a_copy_that_is_not_what_was_pushed_is_shown_wherever_the_run_is(lab: Lab, awa: Member) -> None:
    said = "Kaggle's copy is not what was pushed: its source is not that of commit"
    awa.kernel("other-copy", ["raise SystemExit('ŋ')"])
    with armed(lab, "other-copy", "source-changed"):
        failed = awa.sahel("run", "other-copy", "--json")
        explained = awa.sahel("debug", "other-copy")
    assert failed.code == 5, failed
    assert json.loads(failed.out)["kaggle_copy"] == "differs"
    for shown in (
        awa.sahel("status", "other-copy").out,
        awa.sahel("lock", "log", "other-copy").out,
        explained.err,
    ):
        assert shown.count(said) == 1, shown
    # The alarm as of every command that reads it, and what is said of the run before.
    assert awa.sahel("run", "other-copy", "--dry-run").err.count(said) == 2
    logged = json.loads(awa.sahel("lock", "log", "other-copy", "--json").out)["records"]
    assert [bool(entry["mismatch"]) for entry in logged] == [True, False, False]
    right = awa.sahel("debug", "other-copy", "--json")
    assert json.loads(right.out)["mismatch"] == ""
    shutil.rmtree(awa.root / "runs")  # as in a clone that did not run it: the lock's chain says so to everybody
    assert said in awa.sahel("status", "other-copy").out
    assert json.loads(awa.sahel("lock", "log", "other-copy", "--json").out)["records"] == logged
