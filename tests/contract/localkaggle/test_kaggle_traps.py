"""Traps of Kaggle's client and service that `sahel-nb` does not walk into, whatever the installed client does.

What the client itself does, by version: tests/traps. Which trap is shown where: docs/kaggle-traps.md.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import requests

from support.lab import Lab, Member
from support.lab import notebook as stripped
from support.service import BIN, wait_until

QUICK = ["print('ŋana')"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def awa(lab: Lab) -> Member:
    return lab.join("awa")


@contextmanager
def armed(lab: Lab, slug: str, name: str, **more: Any) -> Iterator[None]:
    kernel = f"awa/{slug}"
    fault = {"name": name, "kernel": kernel, **more}
    requests.post(f"{lab.service.url}/admin/fault", auth=lab.service.owner, json=fault, timeout=30).raise_for_status()
    yield
    struck = requests.post(
        f"{lab.service.url}/admin/calm", auth=lab.service.owner, json={"kernel": kernel}, timeout=30
    ).json()["disarmed"]
    assert struck[0]["struck"] > 0


def start(lab: Lab, slug: str, text: str, **changes: Any) -> None:
    """A version that nobody of ours made."""
    fields = {"slug": f"awa/{slug}", "text": text, "language": "python", "kernelType": "script", **changes}
    code, answer = lab.service.api("awa", "SaveKernel", fields)
    assert (code, answer["error"]) == (200, "")


def ran(lab: Lab, slug: str, text: str, **changes: Any) -> None:
    """The same, and over."""
    start(lab, slug, text, **changes)
    lab.service.wait("awa", f"awa/{slug}")


def script(awa: Member, slug: str, *lines: str, **metadata: Any) -> str:
    return awa.kernel(slug, list(lines) or QUICK, kernel_type="script", **metadata)


def kernel(lab: Lab, slug: str) -> dict[str, Any]:
    answer: dict[str, Any] = lab.service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": slug})[1]
    return answer


def sessions(lab: Lab, slug: str) -> list[dict[str, Any]]:
    state = requests.get(f"{lab.service.url}/admin/state", auth=lab.service.owner, timeout=30).json()
    return [one for kernel in state["kernels"] if kernel["ref"] == f"awa/{slug}" for one in kernel["versions"]]


def faults(lab: Lab, slug: str) -> list[dict[str, Any]]:
    armed = requests.get(f"{lab.service.url}/admin/faults", auth=lab.service.owner, timeout=30).json()["armed"]
    return [fault for fault in armed if fault["kernel"] == f"awa/{slug}"]


def cancel(lab: Lab, slug: str) -> None:
    """End its sessions from the service's side: they take places that others wait for."""
    for one in sessions(lab, slug):
        if one["status"] in ("QUEUED", "RUNNING"):
            requests.post(
                f"{lab.service.url}/admin/cancel", auth=lab.service.owner, json={"session": one["session"]}, timeout=30
            )


def test_a_model_that_was_dropped_is_named(lab: Lab, awa: Member) -> None:
    missing = "nobody/none/pyTorch/x/1"
    script(awa, "our-model", model_sources=[missing])
    done = awa.sahel("run", "our-model")
    assert (done.code, f"{missing} (model) does not exist" in done.err, lab.versions("our-model")) == (3, True, 0), done


def test_another_kernel_than_the_one_that_was_asked_for(lab: Lab, awa: Member) -> None:
    script(awa, "our-slug")
    with armed(lab, "our-slug", "push-other-slug"):
        done = awa.sahel("run", "our-slug")
    assert done.code == 4, done
    assert "Kaggle ran awa/our-slug-2 in place of awa/our-slug" in done.err
    assert (awa.lock("our-slug") or {})["state"] == "RUNNING"


def test_a_state_that_nobody_knows(lab: Lab, awa: Member) -> None:
    ran(lab, "odd-state", "print(1)")
    with armed(lab, "odd-state", "status-unknown", times=0):
        done = awa.sahel("logs", "awa/odd-state")
    assert (done.code, "has not ended" in done.err) == (2, True), "what is not known to have ended has not"


def test_a_version_that_was_named(lab: Lab, awa: Member) -> None:
    for word in ("first", "second"):
        ran(lab, "by-version", f"print({word!r})")
    assert awa.sahel("logs", "awa/by-version@v1").out == "first\n"


def test_a_download_that_breaks_off(lab: Lab, awa: Member, tmp_path: Path) -> None:
    ran(lab, "cut-file", "open('a.bin', 'wb').write(bytes(5000))")
    with armed(lab, "cut-file", "download-cut", times=1):
        done = awa.sahel("output", "awa/cut-file", "-o", str(tmp_path / "o"))
    assert (done.code, (tmp_path / "o" / "a.bin").stat().st_size) == (0, 5000), done


def test_a_newer_file_east_of_greenwich(lab: Lab, awa: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    for word in ("old", "new"):
        ran(lab, "east-lab", f"open('a.txt', 'w').write({word!r})")
        assert awa.sahel("output", "awa/east-lab", "-o", str(tmp_path / "o")).code == 0
    assert (tmp_path / "o" / "a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["sse-no-charset", "sse-short"])
def test_a_live_log(lab: Lab, awa: Member, name: str) -> None:
    """It is UTF-8 whatever the answer says of itself, and a line that was closed is not the end of the run."""
    lines = "".join(f"ŋ {n}\n" for n in range(40))
    slug = f"live-{name}"
    start(lab, slug, f"import time\nprint({lines!r}, end='', flush=True)\ntime.sleep(600)")
    lab.service.wait("awa", f"awa/{slug}", until=("RUNNING",))
    command = [str(BIN / "sahel-nb"), "logs", "--follow", f"awa/{slug}"]
    with armed(lab, slug, name):
        running = subprocess.Popen(command, cwd=awa.root, env=awa.env(), stdout=subprocess.PIPE, encoding="utf-8")
        wait_until(lambda: faults(lab, slug)[0]["struck"] > 0, "the stream to be asked for")
    cancel(lab, slug)
    assert running.communicate(timeout=60)[0] == lines


def test_without_credentials_nothing_is_printed_where_programs_read(awa: Member, tmp_path: Path) -> None:
    env = {key: value for key, value in awa.env().items() if not key.startswith("KAGGLE_")} | {"HOME": str(tmp_path)}
    command = [str(BIN / "sahel-nb"), "quota", "--json"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (8, ""), done


def test_a_number_beats_the_name(lab: Lab, awa: Member) -> None:
    ran(lab, "other-one", "print(1)")
    script(awa, "our-one", id_no=kernel(lab, "other-one")["metadata"]["id"])
    done = awa.sahel("run", "our-one")
    assert (done.code, lab.versions("our-one"), lab.versions("other-one")) == (0, 1, 1), done
    assert "`id_no` is not pushed" in done.err


def test_a_setting_that_was_left_out(awa: Member) -> None:
    where = script(awa, "our-net")
    settings = json.loads((awa.root / where / "kernel-metadata.json").read_text())
    del settings["enable_internet"]
    awa.git.write(f"{where}/kernel-metadata.json", json.dumps(settings))
    awa.git("commit", "-qam", "Leave it out")
    awa.git.push()
    done = awa.sahel("run", "our-net", "--dry-run")
    assert "`enable_internet` is left out; Kaggle's default is not certain, write it" in done.err, done
    assert "internet    on" in done.out


def test_a_notebook_without_a_kernelspec(lab: Lab, awa: Member) -> None:
    where = awa.kernel("our-spec", ["1"])
    value = json.loads(stripped(["1"])) | {"metadata": {}}
    awa.git.write(f"{where}/our-spec.ipynb", json.dumps(value, indent=1, sort_keys=True) + "\n")
    awa.git("commit", "-qam", "Without")
    awa.git.push()
    done = awa.sahel("run", where)
    assert (done.code, lab.versions("our-spec"), "kernelspec" in done.err) == (3, 0, True), done


def test_a_time_limit_and_what_is_brought_home(lab: Lab, awa: Member) -> None:
    where = awa.kernel("our-count", ["1"], docker_image_pinning_type="original")
    assert awa.sahel("run", where, "--timeout", "90m").code == 0
    assert sessions(lab, "our-count")[0]["timeLimit"] == 90 * 60
    assert set(re.findall(r'"execution_count": (\w+)', kernel(lab, "our-count")["blob"]["source"])) == {"null"}
    rescued = awa.sahel("rescue", where, "--yes")
    assert rescued.code == 0, rescued
    home = json.loads((awa.root / where / "kernel-metadata.json").read_text())
    assert home["docker_image_pinning_type"] == "original"


def test_a_machine_that_is_not_there_any_more(awa: Member) -> None:
    """Where the hours are not enough: test_quota_gate.py."""
    for shape, said in (
        ("NvidiaTeslaP100", "NvidiaTeslaP100 is retired; Kaggle silently gives NvidiaTeslaT4"),
        ("NvidiaL4x4", "'NvidiaL4x4' is not documented; the nearest is NvidiaL4"),
    ):
        where = script(awa, f"shape-{shape.lower()}", machine_shape=shape)
        assert said in awa.sahel("run", where, "--dry-run").err


def test_a_module_that_the_client_may_import_without_asking_for_it() -> None:
    assert any(line.startswith("six") for line in requires("sahel-nb") or ())


def test_a_push_to_somebody_elses_kernel(lab: Lab, awa: Member) -> None:
    script(awa, "not-yours-either")
    done = lab.join("binta").sahel("run", "not-yours-either")
    assert (done.code, "takes pushes from its owner" in done.err) == (4, True), done
    assert "sahel-nb run" in done.err
    assert "--dev" in done.err


def test_a_push_during_a_run_and_what_is_said_of_sessions_and_secrets(lab: Lab, awa: Member) -> None:
    where = script(awa, "our-twice", "import time; time.sleep(600)", "import kaggle_secrets")
    begun = awa.sahel("run", where, "--detach")
    assert (begun.code, begun.err.count("Kaggle Secrets")) == (0, 1), begun
    refused, shown, stopped = awa.sahel("run", where), awa.sahel("status", "our-twice"), awa.sahel("stop", where)
    cancel(lab, "our-twice")
    assert (refused.code, len(sessions(lab, "our-twice"))) == (3, 1), refused
    assert re.search("v1 (queued|running)", shown.out), shown
    assert (stopped.code, stopped.out) == (3, f"{lab.service.url}/code/awa/our-twice\n"), stopped


def test_a_file_of_a_dataset_that_did_not_arrive(awa: Member) -> None:
    about = {"title": "Two files", "id": "awa/two-files", "licenses": [{"name": "CC0-1.0"}]}
    for name, text in {"dataset-metadata.json": json.dumps(about), "a.txt": "ŋ", "b.txt": "ɓ"}.items():
        awa.git.write(f"data/two-files/{name}", text)
    awa.git("add", "data")
    where = script(awa, "two-files-lab", "print(1)", dataset_sources=["awa/two-files"])
    try:
        refused = awa.sahel("rehearse", where, "--fault", "upload-lost")
        again = awa.sahel("rehearse", where)
        awa.git.write("data/iris/dataset-metadata.json", json.dumps(about | {"id": "awa/iris"}))
        awa.git.write("data/iris/iris.csv", "1,2")
        awa.git("add", "data")
        short = awa.sahel("rehearse", script(awa, "iris-lab", "print(1)", dataset_sources=["awa/iris"]))
    finally:
        awa.sahel("local", "stop")
    assert (refused.code, "did not arrive" in refused.err, "Nothing was started" in refused.err) == (4, True, True), (
        refused
    )
    assert again.code == 0, again
    said = "error: the dataset was not created: The dataset slug must be between 6 and 50 characters"
    assert (short.code, said in short.err) == (4, True), short
