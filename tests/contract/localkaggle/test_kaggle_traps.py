"""Traps that the `kaggle` command walks into and `sahel-nb` does not, each shown with both of them on one service.

Which trap is shown where: docs/kaggle-traps.md. What is mended in kaggle 2.2.5 is looked at by its version.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution, requires, version
from pathlib import Path
from typing import Any

import pytest
import requests

from support.lab import KERNELSPEC, Lab, Member
from support.lab import notebook as stripped
from support.service import BIN, wait_until

MENDED = tuple(int(part) for part in version("kaggle").split(".")[:3]) >= (2, 2, 5)
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
    requests.post(f"{lab.service.url}/admin/fault", json=fault, timeout=30).raise_for_status()
    yield
    struck = requests.post(f"{lab.service.url}/admin/calm", json={"kernel": kernel}, timeout=30).json()["disarmed"]
    assert struck[0]["struck"] > 0


def folder(lab: Lab, slug: str, text: str, **changes: Any) -> Path:
    """A kernel's folder, as the plain client is given it; None takes a setting out."""
    place = lab.folder / "plain" / slug
    place.mkdir(parents=True, exist_ok=True)
    notebook = changes.get("kernel_type") == "notebook"
    settings = {
        "id": f"awa/{slug}", "title": slug.replace("-", " ").capitalize(), "language": "python", "is_private": True,
        "code_file": "x.ipynb" if notebook else "x.py", "kernel_type": "script", "enable_internet": False, **changes,
    }  # fmt: skip
    kept = {key: value for key, value in settings.items() if value is not None}
    (place / "kernel-metadata.json").write_text(json.dumps(kept), encoding="utf-8")
    (place / str(settings["code_file"])).write_text(text, encoding="utf-8")
    return place


def plain_push(lab: Lab, place: Path, user: str = "awa") -> subprocess.CompletedProcess[str]:
    return lab.service.kaggle(user, "kernels", "push", "-p", str(place), check=False)


def ran(lab: Lab, slug: str, text: str, **changes: Any) -> None:
    """Pushed with the plain client, and over."""
    assert plain_push(lab, folder(lab, slug, text, **changes)).returncode == 0
    lab.service.wait("awa", f"awa/{slug}")


def script(awa: Member, slug: str, *lines: str, **metadata: Any) -> str:
    return awa.kernel(slug, list(lines) or QUICK, kernel_type="script", **metadata)


def kernel(lab: Lab, slug: str) -> dict[str, Any]:
    answer: dict[str, Any] = lab.service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": slug})[1]
    return answer


def sessions(lab: Lab, slug: str) -> list[dict[str, Any]]:
    state = requests.get(f"{lab.service.url}/admin/state", timeout=30).json()
    return [one for kernel in state["kernels"] if kernel["ref"] == f"awa/{slug}" for one in kernel["versions"]]


def faults(lab: Lab, slug: str) -> list[dict[str, Any]]:
    armed = requests.get(f"{lab.service.url}/admin/faults", timeout=30).json()["armed"]
    return [fault for fault in armed if fault["kernel"] == f"awa/{slug}"]


def cancel(lab: Lab, slug: str) -> None:
    """End its sessions from the service's side: they take places that others wait for."""
    for one in sessions(lab, slug):
        if one["status"] in ("QUEUED", "RUNNING"):
            requests.post(f"{lab.service.url}/admin/cancel", json={"session": one["session"]}, timeout=30)


def test_a_model_that_was_dropped_is_not_even_named(lab: Lab, awa: Member) -> None:
    missing = "nobody/none/pyTorch/x/1"
    plain = plain_push(lab, folder(lab, "plain-model", "print(1)", model_sources=[missing]))
    assert (plain.returncode, missing in plain.stdout + plain.stderr) == (0, False)
    script(awa, "our-model", model_sources=[missing])
    ours = awa.sahel("run", "our-model")
    assert (ours.code, f"not accepted: model {missing}" in ours.err) == (4, True), ours


def test_another_kernel_than_the_one_that_was_asked_for(lab: Lab, awa: Member) -> None:
    place = folder(lab, "plain-slug", "print(1)")
    with armed(lab, "plain-slug", "push-other-slug"):
        assert plain_push(lab, place).returncode == 0
    script(awa, "our-slug")
    with armed(lab, "our-slug", "push-other-slug"):
        ours = awa.sahel("run", "our-slug")
    assert ours.code == 4, ours
    assert "Kaggle ran awa/our-slug-2 in place of awa/our-slug" in ours.err
    assert (awa.lock("our-slug") or {})["state"] == "RUNNING"


def test_a_state_that_nobody_knows(lab: Lab, awa: Member) -> None:
    ran(lab, "odd-state", "print(1)")
    with armed(lab, "odd-state", "status-unknown", times=0):
        plain = lab.service.kaggle("awa", "kernels", "status", "awa/odd-state", check=False)
        ours = awa.sahel("logs", "awa/odd-state")
    assert plain.returncode != 0
    assert "Traceback" in plain.stderr, plain
    assert (ours.code, "has not ended" in ours.err) == (2, True), "what is not known to have ended has not"


def test_a_version_that_was_named(lab: Lab, awa: Member) -> None:
    for word in ("first", "second"):
        ran(lab, "by-version", f"print({word!r})")
    plain = lab.service.kaggle("awa", "kernels", "logs", "awa/by-version/1", check=False)
    assert ("first" in plain.stdout) is MENDED, plain
    assert awa.sahel("logs", "awa/by-version@v1").out == "first\n"


def test_a_download_that_breaks_off(lab: Lab, awa: Member, tmp_path: Path) -> None:
    ran(lab, "cut-file", "open('a.bin', 'wb').write(bytes(5000))")
    with armed(lab, "cut-file", "download-cut", times=1):
        plain = lab.service.kaggle("awa", "kernels", "output", "awa/cut-file", "-p", str(tmp_path / "p"), check=False)
    left = tmp_path / "p" / "a.bin"
    assert (plain.returncode, left.stat().st_size if left.exists() else 0) != (0, 5000)
    with armed(lab, "cut-file", "download-cut", times=1):
        ours = awa.sahel("output", "awa/cut-file", "-o", str(tmp_path / "o"))
    assert (ours.code, (tmp_path / "o" / "a.bin").stat().st_size) == (0, 5000), ours


def test_a_newer_file_east_of_greenwich(lab: Lab, awa: Member, tmp_path: Path) -> None:
    """The plain client compares the service's UTC with the file's local time."""
    for word in ("old", "new"):
        ran(lab, "east-lab", f"open('a.txt', 'w').write({word!r})")
        command = [str(BIN / "kaggle"), "kernels", "output", "awa/east-lab", "-p", str(tmp_path / "p")]
        env = lab.service.env("awa") | {"TZ": "Asia/Tokyo"}
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=60)
        assert awa.sahel("output", "awa/east-lab", "-o", str(tmp_path / "o")).code == 0
    assert (tmp_path / "p" / "a.txt").read_text() == "old"
    assert (tmp_path / "o" / "a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["sse-no-charset", "sse-short"])
def test_a_live_log(lab: Lab, awa: Member, name: str) -> None:
    """The plain client decodes it as Latin-1, or takes a line that was closed for the end of the run."""
    lines = "".join(f"ŋ {n}\n" for n in range(40))
    slug = f"live-{name}"
    place = folder(lab, slug, f"import time\nprint({lines!r}, end='', flush=True)\ntime.sleep(600)")
    plain = [str(BIN / "kaggle"), "kernels", "logs", "-f", f"awa/{slug}"]
    ours = [str(BIN / "sahel-nb"), "logs", "--follow", f"awa/{slug}"]
    for command, env, right in ((plain, lab.service.env("awa"), False), (ours, awa.env(), True)):
        assert plain_push(lab, place).returncode == 0
        lab.service.wait("awa", f"awa/{slug}", until=("RUNNING",))
        log = {"userName": "awa", "kernelSlug": slug}
        with armed(lab, slug, name):
            running = subprocess.Popen(command, cwd=awa.root, env=env, stdout=subprocess.PIPE, encoding="utf-8")
            wait_until(lambda: faults(lab, slug)[0]["struck"] > 0, "the stream to be asked for")
        if name == "sse-short" and not right:
            assert len(running.communicate(timeout=60)[0]) < len(lines)
        cancel(lab, slug)
        if running.stdout is not None and not running.stdout.closed:
            assert (running.communicate(timeout=60)[0] == lines) is right, log


def test_a_push_whose_answer_was_lost(lab: Lab) -> None:
    """Ours: test_run_faults.py."""
    place = folder(lab, "plain-cut", "print(1)")
    with armed(lab, "plain-cut", "push-cut"):
        assert plain_push(lab, place).returncode != 0
    assert plain_push(lab, place).returncode == 0, "what its user does next"
    assert lab.versions("plain-cut") == 2


def test_without_credentials_nothing_is_printed_where_programs_read(lab: Lab, awa: Member, tmp_path: Path) -> None:
    env = {key: value for key, value in awa.env().items() if not key.startswith("KAGGLE_")} | {"HOME": str(tmp_path)}
    plain = subprocess.run([sys.executable, "-c", "import kaggle"], env=env, capture_output=True, text=True, timeout=60)
    assert plain.stdout != ""
    command = [str(BIN / "sahel-nb"), "quota", "--json"]
    ours = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ours.returncode, ours.stdout) == (8, ""), ours


def test_a_number_beats_the_name(lab: Lab, awa: Member) -> None:
    ran(lab, "other-one", "print(1)")
    number = kernel(lab, "other-one")["metadata"]["id"]
    assert plain_push(lab, folder(lab, "this-one", "print(2)", id_no=number)).returncode == 0
    assert (lab.versions("this-one"), lab.versions("other-one")) == (0, 2)
    script(awa, "our-one", id_no=number)
    ours = awa.sahel("run", "our-one")
    assert (ours.code, lab.versions("our-one"), lab.versions("other-one")) == (3, 0, 2), ours
    assert "`id_no` beats `id`" in ours.err


def test_a_setting_that_was_left_out(lab: Lab, awa: Member) -> None:
    """The plain client's documentation says that the internet is off then."""
    ran(lab, "plain-net", "print(1)", enable_internet=None)
    assert kernel(lab, "plain-net")["metadata"]["enableInternet"] is True
    settings = json.loads((folder(lab, "our-net", "", enable_internet=None) / "kernel-metadata.json").read_text())
    where = script(awa, "our-net")
    awa.git.write(f"{where}/kernel-metadata.json", json.dumps(settings | {"code_file": "our-net.py"}))
    awa.git("commit", "-qam", "Leave it out")
    awa.git.push()
    ours = awa.sahel("run", "our-net", "--dry-run")
    assert "`enable_internet` is left out; Kaggle's default is not certain, write it" in ours.err, ours
    assert "internet    on" in ours.out


def notebook(count: int | None, **metadata: Any) -> str:
    value = json.loads(stripped(["1"])) | {"metadata": metadata}
    value["cells"][0]["execution_count"] = count
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def test_a_notebook_without_a_kernelspec(lab: Lab, awa: Member) -> None:
    assert plain_push(lab, folder(lab, "plain-spec", notebook(None), kernel_type="notebook")).returncode == 0
    assert lab.service.wait("awa", "awa/plain-spec") == "ERROR"
    where = awa.kernel("our-spec", ["1"])
    awa.git.write(f"{where}/our-spec.ipynb", notebook(None))
    awa.git("commit", "-qam", "Without")
    awa.git.push()
    ours = awa.sahel("run", where)
    assert (ours.code, lab.versions("our-spec"), "kernelspec" in ours.err) == (3, 0, True), ours


def test_counts_of_executions_time_limits_and_what_a_pull_forgets(lab: Lab, awa: Member, tmp_path: Path) -> None:
    text = notebook(7, kernelspec=KERNELSPEC)
    pinned = {"docker_image_pinning_type": "original", "kernel_type": "notebook"}
    assert plain_push(lab, folder(lab, "plain-count", text, **pinned)).returncode == 0
    assert '"execution_count": 7' in kernel(lab, "plain-count")["blob"]["source"]
    assert sessions(lab, "plain-count")[0]["timeLimit"] == 12 * 3600
    lab.service.kaggle("awa", "kernels", "pull", "-m", "awa/plain-count", "-p", str(tmp_path))
    assert "docker_image_pinning_type" not in json.loads((tmp_path / "kernel-metadata.json").read_text())
    where = awa.kernel("our-count", ["1"], docker_image_pinning_type="original")
    assert awa.sahel("run", where, "--timeout", "90m").code == 0
    assert sessions(lab, "our-count")[0]["timeLimit"] == 90 * 60
    assert '"execution_count": 7' not in kernel(lab, "our-count")["blob"]["source"]
    rescued = awa.sahel("rescue", where, "--yes")
    assert rescued.code == 0, rescued
    home = json.loads((awa.root / where / "kernel-metadata.json").read_text())
    assert home["docker_image_pinning_type"] == "original"


def test_a_machine_that_is_not_there_any_more_and_hours_that_are_not_enough(lab: Lab, awa: Member) -> None:
    """Ours, where the hours are not enough: test_quota_gate.py."""
    place = folder(lab, "plain-shape", "print(1)", machine_shape="NvidiaTeslaP100")
    low = {"name": "quota-low", "kernel": "", "times": 0, "millis": 1}
    requests.post(f"{lab.service.url}/admin/fault", json=low, timeout=30).raise_for_status()
    plain = plain_push(lab, place)
    requests.post(f"{lab.service.url}/admin/calm", json={"kernel": ""}, timeout=30).raise_for_status()
    assert (plain.returncode, "T4" in plain.stdout + plain.stderr) == (0, False)
    assert kernel(lab, "plain-shape")["metadata"]["machineShape"] == "NvidiaTeslaT4"
    for shape, said in (
        ("NvidiaTeslaP100", "NvidiaTeslaP100 is retired; Kaggle silently gives NvidiaTeslaT4"),
        ("NvidiaL4x4", "'NvidiaL4x4' is not documented; the nearest is NvidiaL4"),
    ):
        where = script(awa, f"shape-{shape.lower()}", machine_shape=shape)
        assert said in awa.sahel("run", where, "--dry-run").err


def test_a_module_that_it_imports_and_does_not_ask_for() -> None:
    def names(package: str) -> set[str]:
        return {re.split(r"[^\w-]", line.strip(), maxsplit=1)[0].lower() for line in requires(package) or ()}

    sources = (path for path in distribution("kaggle").files or () if path.suffix == ".py")
    texts = (Path(str(path.locate())).read_text(encoding="utf-8") for path in sources)
    assert any(re.search(r"^\s*(?:import|from) six\b", text, re.MULTILINE) for text in texts)
    assert ("six" in names("kaggle"), "six" in names("sahel-nb")) == (False, True)


def test_a_push_to_somebody_elses_kernel(lab: Lab, awa: Member) -> None:
    place = folder(lab, "not-yours", "print(1)")
    plain = plain_push(lab, place, user="binta")
    assert (plain.returncode, "owner" in plain.stderr + plain.stdout) == (1, False), plain
    script(awa, "not-yours-either")
    binta = lab.join("binta")
    ours = binta.sahel("run", "not-yours-either")
    assert (ours.code, "takes pushes from its owner" in ours.err) == (4, True), ours
    assert "sahel-nb run" in ours.err
    assert "--dev" in ours.err


def test_a_push_during_a_run_and_what_it_does_not_say_of_sessions_and_secrets(lab: Lab, awa: Member) -> None:
    place = folder(lab, "plain-twice", "import time; time.sleep(600)")
    for _ in range(2):
        assert plain_push(lab, place).returncode == 0
    states = [one["status"] for one in sessions(lab, "plain-twice")]
    cancel(lab, "plain-twice")
    assert [state in ("QUEUED", "RUNNING") for state in states] == [True, True]
    listed = lab.service.kaggle("awa", "kernels", "list", "--mine", "--csv")
    assert "awa/plain-twice" in listed.stdout
    assert "status" not in listed.stdout.splitlines()[0].lower()
    ended = lab.service.kaggle("awa", "kernels", "cancel", "awa/plain-twice", check=False)
    assert (ended.returncode, "invalid choice" in ended.stderr) == (2, True), ended

    where = script(awa, "our-twice", "import time; time.sleep(600)", "import kaggle_secrets")
    begun = awa.sahel("run", where, "--detach")
    assert (begun.code, begun.err.count("Kaggle Secrets")) == (0, 1), begun
    refused, shown, stopped = awa.sahel("run", where), awa.sahel("status", "our-twice"), awa.sahel("stop", where)
    cancel(lab, "our-twice")
    assert (refused.code, len(sessions(lab, "our-twice"))) == (3, 1), refused
    assert re.search("v1 (queued|running)", shown.out), shown
    assert (stopped.code, stopped.out) == (3, f"{lab.service.url}/code/awa/our-twice\n"), stopped


def test_a_file_of_a_dataset_that_did_not_arrive(lab: Lab, awa: Member, tmp_path: Path) -> None:
    about = {"title": "Two files", "id": "awa/two-files", "licenses": [{"name": "CC0-1.0"}]}
    files = {"dataset-metadata.json": json.dumps(about), "a.txt": "ŋ", "b.txt": "ɓ"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        awa.git.write(f"data/two-files/{name}", text)
    lost = {"name": "upload-lost", "kernel": "", "times": 1}
    requests.post(f"{lab.service.url}/admin/fault", json=lost, timeout=30).raise_for_status()
    plain = lab.service.kaggle("awa", "datasets", "create", "-p", str(tmp_path))
    requests.post(f"{lab.service.url}/admin/calm", json={"kernel": ""}, timeout=30).raise_for_status()
    listed = lab.service.kaggle("awa", "datasets", "files", "awa/two-files", "--csv").stdout
    assert (plain.returncode, "a.txt" in listed, "b.txt" in listed) in ((0, True, False), (0, False, True)), plain

    awa.git("add", "data")
    where = script(awa, "two-files-lab", "print(1)", dataset_sources=["awa/two-files"])
    try:
        refused = awa.sahel("rehearse", where, "--fault", "upload-lost")
        again = awa.sahel("rehearse", where)
    finally:
        awa.sahel("local", "stop")
    assert (refused.code, "did not arrive" in refused.err, "no quota was spent" in refused.err) == (4, True, True), (
        refused
    )
    assert again.code == 0, again
