"""Traps of Kaggle's own client, on the embedded service: each test measures whether one version walks into one.

What is known of each version is in versions.py; docs/kaggle-traps.md says where `sahel-nb` is shown not doing so.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.lab import KERNELSPEC
from support.lab import notebook as stripped
from support.service import Service, wait_until
from tests.traps.versions import client, is_fixed

Done = subprocess.CompletedProcess[str]


class Trapped:
    """One version of the client, and a service of its own."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder

    def kaggle(self, *arguments: str, user: str = "awa") -> Done:
        return self.service.kaggle(user, *arguments, check=False)

    def place(self, slug: str, text: str, **changes: Any) -> Path:
        """A kernel's folder; None takes a setting out."""
        place = self.folder / slug
        place.mkdir(parents=True, exist_ok=True)
        notebook = changes.get("kernel_type") == "notebook"
        settings = {
            "id": f"awa/{slug}", "title": slug.replace("-", " ").capitalize(), "language": "python",
            "is_private": True,
            "code_file": "x.ipynb" if notebook else "x.py", "kernel_type": "script", "enable_internet": False,
            **changes,
        }  # fmt: skip
        kept = {key: value for key, value in settings.items() if value is not None}
        (place / "kernel-metadata.json").write_text(json.dumps(kept), encoding="utf-8")
        (place / str(settings["code_file"])).write_text(text, encoding="utf-8")
        return place

    def push(self, slug: str, text: str = "print('ŋana')", user: str = "awa", **changes: Any) -> Done:
        return self.kaggle("kernels", "push", "-p", str(self.place(slug, text, **changes)), user=user)

    def ran(self, slug: str, text: str = "print('ŋana')", **changes: Any) -> None:
        """Pushed, and over."""
        assert self.push(slug, text, **changes).returncode == 0
        self.service.wait("awa", f"awa/{slug}")

    @contextmanager
    def armed(self, name: str, slug: str = "", **more: Any) -> Iterator[None]:
        """While the service plays the fault; it must have struck."""
        kernel = f"awa/{slug}" if slug else ""
        self.admin("fault", {"name": name, "kernel": kernel, **more})
        yield
        assert self.admin("calm", {"kernel": kernel})["disarmed"][0]["struck"] > 0

    def struck(self, slug: str) -> int:
        armed = requests.get(f"{self.service.url}/admin/faults", auth=self.service.owner, timeout=30).json()["armed"]
        return sum(fault["struck"] for fault in armed if fault["kernel"] == f"awa/{slug}")

    def kernel(self, slug: str) -> dict[str, Any]:
        code, answer = self.service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": slug})
        return answer if code == 200 else {"metadata": {"currentVersionNumber": 0}}

    def versions(self, slug: str) -> int:
        return int(self.kernel(slug)["metadata"]["currentVersionNumber"])

    def sessions(self, slug: str) -> list[dict[str, Any]]:
        state = requests.get(f"{self.service.url}/admin/state", auth=self.service.owner, timeout=30).json()
        return [one for kernel in state["kernels"] if kernel["ref"] == f"awa/{slug}" for one in kernel["versions"]]

    def cancel(self, slug: str) -> None:
        for one in self.sessions(slug):
            if one["status"] in ("QUEUED", "RUNNING"):
                self.admin("cancel", {"session": one["session"]})

    def admin(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.service.url}/admin/{what}", auth=self.service.owner, json=body, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def trapped(client_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trapped]:
    folder = tmp_path_factory.mktemp("traps")
    with Service(folder / "service", "--admin", client=client(client_version)) as service:
        yield Trapped(service, folder)


@pytest.fixture
def falls(request: pytest.FixtureRequest, client_version: str) -> Callable[..., None]:
    """Whether it fell into the trap must be what is known of this version."""

    def judge(fell: bool, *shown: object) -> None:
        name = request.node.originalname
        known = "has fixed" if is_fixed(name, client_version) else "walks into"
        found = "walks into" if fell else "has fixed"
        assert found == known, f"kaggle {client_version} {found} {name}; versions.py says that it {known} it\n{shown}"

    return judge


Judge = Callable[..., None]


@pytest.mark.parametrize("name", ["notebook-not-found", "session-cap", "dropped-sources"])
def test_a_refusal_that_exits_with_0(trapped: Trapped, falls: Judge, name: str) -> None:
    with trapped.armed(name, f"refused-{name}"):
        done = trapped.push(f"refused-{name}")
    falls(done.returncode == 0, done)


def test_a_model_that_was_dropped_is_not_even_named(trapped: Trapped, falls: Judge) -> None:
    missing = "nobody/none/pyTorch/x/1"
    done = trapped.push("dropped-model", model_sources=[missing])
    falls(missing not in done.stdout + done.stderr, done)


def test_another_kernel_than_the_one_that_was_asked_for(trapped: Trapped, falls: Judge) -> None:
    with trapped.armed("push-other-slug", "asked-for"):
        done = trapped.push("asked-for")
    falls(done.returncode == 0, done)


def test_a_failed_run_exits_with_0(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("failing-run", "raise SystemExit(1)")
    done = trapped.kaggle("kernels", "status", "awa/failing-run")
    assert "ERROR" in done.stdout + done.stderr
    falls(done.returncode == 0, done)


def test_no_state_is_read_as_queued(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("no-state")
    with trapped.armed("status-empty", "no-state", times=1):
        done = trapped.kaggle("kernels", "status", "awa/no-state")
    falls("QUEUED" in done.stdout, done)


def test_a_state_that_nobody_knows(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("odd-state")
    with trapped.armed("status-unknown", "odd-state", times=0):
        done = trapped.kaggle("kernels", "status", "awa/odd-state")
    falls("Traceback" in done.stderr, done)


def test_a_version_that_was_named(trapped: Trapped, falls: Judge) -> None:
    for word in ("first", "second"):
        trapped.ran("by-version", f"print({word!r})")
    done = trapped.kaggle("kernels", "logs", "awa/by-version/1")
    falls("first" not in done.stdout, done)


def test_an_output_leaves_its_folder(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    trapped.ran("hostile-lab", "open('a.bin', 'wb').write(bytes(5000))")
    with trapped.armed("hostile-names", "hostile-lab"):
        done = trapped.kaggle("kernels", "output", "awa/hostile-lab", "-p", str(tmp_path / "out"))
    falls((tmp_path / "escape.txt").exists(), done)


def test_an_error_page_is_saved_as_the_file(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    trapped.ran("error-page", "open('a.bin', 'wb').write(bytes(5000))")
    with trapped.armed("download-503", "error-page", times=1):
        done = trapped.kaggle("kernels", "output", "awa/error-page", "-p", str(tmp_path))
    saved = (tmp_path / "a.bin").read_bytes() if (tmp_path / "a.bin").exists() else b""
    falls(b"Service Unavailable" in saved, done)


def test_a_download_that_breaks_off(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    trapped.ran("cut-file", "open('a.bin', 'wb').write(bytes(5000))")
    with trapped.armed("download-cut", "cut-file", times=1):
        done = trapped.kaggle("kernels", "output", "awa/cut-file", "-p", str(tmp_path))
    left = tmp_path / "a.bin"
    falls(not left.exists() or left.stat().st_size != 5000, done)


def test_a_newer_file_east_of_greenwich(
    trapped: Trapped, falls: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's UTC is compared with the file's local time."""
    for word in ("old", "new"):
        trapped.ran("east-lab", f"open('a.txt', 'w').write({word!r})")
        command = [str(trapped.service.client), "kernels", "output", "awa/east-lab", "-p", str(tmp_path)]
        env = trapped.service.env("awa") | {"TZ": "Asia/Tokyo"}
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=60)
    falls((tmp_path / "a.txt").read_text() == "old")


@pytest.mark.parametrize("name", ["sse-no-charset", "sse-short"])
def test_a_live_log(trapped: Trapped, falls: Judge, name: str) -> None:
    """It is decoded as Latin-1, or a line that was closed is taken for the end of the run."""
    lines = "".join(f"ŋ {n}\n" for n in range(40))
    slug = f"live-{name}"
    assert trapped.push(slug, f"import time\nprint({lines!r}, end='', flush=True)\ntime.sleep(600)").returncode == 0
    trapped.service.wait("awa", f"awa/{slug}", until=("RUNNING",))
    command = [str(trapped.service.client), "kernels", "logs", "-f", f"awa/{slug}"]
    with trapped.armed(name, slug):
        running = subprocess.Popen(
            command, env=trapped.service.env("awa"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        wait_until(lambda: trapped.struck(slug) > 0, "the stream to be asked for")
    ends_early = name == "sse-short"
    try:
        said = running.communicate(timeout=20 if ends_early else 0.1)[0]
    except subprocess.TimeoutExpired:
        trapped.cancel(slug)
        said = running.communicate(timeout=60)[0]
    trapped.cancel(slug)
    falls(said != lines, said)


def test_a_session_cannot_be_ended(trapped: Trapped, falls: Judge) -> None:
    done = trapped.kaggle("kernels", "cancel", "awa/some-kernel")
    falls("invalid choice" in done.stderr, done)


def test_a_push_whose_answer_was_lost(trapped: Trapped, falls: Judge) -> None:
    with trapped.armed("push-cut", "cut-push"):
        first = trapped.push("cut-push")
    if first.returncode != 0:
        trapped.push("cut-push")  # what its user does next
    falls(trapped.versions("cut-push") == 2, first)


def test_a_busy_service_ends_the_command(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("busy-lab")
    with trapped.armed("429", "busy-lab", times=1):
        done = trapped.kaggle("kernels", "status", "awa/busy-lab")
    falls(done.returncode != 0, done)


def test_an_import_prints_where_programs_read(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    python = trapped.service.client.with_name("python")
    done = subprocess.run([python, "-c", "import kaggle"], env=env, capture_output=True, text=True, timeout=60)
    falls(done.stdout != "", done)


def test_a_setting_that_was_left_out(trapped: Trapped, falls: Judge) -> None:
    """Its documentation says that the internet is off then."""
    trapped.ran("left-out", enable_internet=None)
    falls(trapped.kernel("left-out")["metadata"]["enableInternet"] is True)


def test_a_number_beats_the_name(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("other-one")
    done = trapped.push("this-one", "print(2)", id_no=trapped.kernel("other-one")["metadata"]["id"])
    falls((trapped.versions("this-one"), trapped.versions("other-one")) == (0, 2), done)


def notebook(count: int | None, **metadata: Any) -> str:
    value = json.loads(stripped(["1"])) | {"metadata": metadata}
    value["cells"][0]["execution_count"] = count
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def test_a_notebook_without_a_kernelspec(trapped: Trapped, falls: Judge) -> None:
    done = trapped.push("no-spec", notebook(None), kernel_type="notebook")
    falls(done.returncode == 0 and trapped.service.wait("awa", "awa/no-spec") == "ERROR", done)


def test_counts_of_executions_are_pushed(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("counts-lab", notebook(7, kernelspec=KERNELSPEC), kernel_type="notebook")
    falls('"execution_count": 7' in trapped.kernel("counts-lab")["blob"]["source"])


def test_a_session_has_no_limit_of_its_own(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("no-limit")
    falls(trapped.sessions("no-limit")[0]["timeLimit"] == 12 * 3600)


def test_a_pull_forgets_settings(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    trapped.ran("pulled-lab", docker_image_pinning_type="original")
    trapped.kaggle("kernels", "pull", "-m", "awa/pulled-lab", "-p", str(tmp_path))
    falls("docker_image_pinning_type" not in json.loads((tmp_path / "kernel-metadata.json").read_text()))


def test_a_file_of_a_dataset_that_did_not_arrive(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    about = {"title": "Two files", "id": "awa/two-files", "licenses": [{"name": "CC0-1.0"}]}
    for name, text in {"dataset-metadata.json": json.dumps(about), "a.txt": "ŋ", "b.txt": "ɓ"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with trapped.armed("upload-lost", times=1):
        done = trapped.kaggle("datasets", "create", "-p", str(tmp_path))
    falls(done.returncode == 0, done)


def test_a_push_does_not_look_at_the_hours(trapped: Trapped, falls: Judge) -> None:
    trapped.admin("fault", {"name": "quota-low", "kernel": "", "times": 0, "millis": 1})
    done = trapped.push("low-quota", enable_gpu=True)
    trapped.admin("calm", {"kernel": ""})
    falls((done.returncode, "hours" in done.stdout + done.stderr) == (0, False), done)


def test_a_machine_is_replaced_without_a_word(trapped: Trapped, falls: Judge) -> None:
    done = trapped.push("retired-shape", machine_shape="NvidiaTeslaP100")
    assert trapped.kernel("retired-shape")["metadata"]["machineShape"] == "NvidiaTeslaT4"
    falls((done.returncode, "T4" in done.stdout + done.stderr) == (0, False), done)


def test_a_push_starts_a_second_session(trapped: Trapped, falls: Judge) -> None:
    for _ in range(2):
        assert trapped.push("twice-lab", "import time; time.sleep(600)").returncode == 0
    states = [one["status"] for one in trapped.sessions("twice-lab")]
    trapped.cancel("twice-lab")
    falls([state in ("QUEUED", "RUNNING") for state in states] == [True, True])


def test_a_list_does_not_say_what_runs(trapped: Trapped, falls: Judge) -> None:
    trapped.ran("listed-lab")
    done = trapped.kaggle("kernels", "list", "--mine", "--csv")
    assert "awa/listed-lab" in done.stdout
    falls("status" not in done.stdout.splitlines()[0].lower(), done)


def test_a_module_that_it_imports_and_does_not_ask_for(trapped: Trapped, falls: Judge, tmp_path: Path) -> None:
    code = (
        "import sys, importlib.metadata as m\n"
        "assert not any(line.startswith('six') for line in m.requires('kaggle'))\n"
        "sys.modules['six'] = None\n"
        "import kaggle.api.kaggle_api_extended"
    )
    env = trapped.service.env("awa")
    python = trapped.service.client.with_name("python")
    done = subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    falls("import of six halted" in done.stderr, done)


def test_a_push_to_somebody_elses_kernel_does_not_say_why(trapped: Trapped, falls: Judge) -> None:
    done = trapped.push("not-yours", user="binta")
    assert done.returncode != 0, done
    falls("owner" not in done.stderr + done.stdout, done)
