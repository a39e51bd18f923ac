"""The code of a run calls the service: kagglehub and `kaggle`, signed in as the run's author while the run lasts."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sahel_nb.localkaggle.app import METHODS
from sahel_nb.localkaggle.executor.spec import INTERPRETER_HEADER, Interpreter
from sahel_nb.localkaggle.run_tokens import RunTokens, may_call
from support.jobs import eventually, notebook
from support.service import Service


@pytest.fixture(params=["", "none"], ids=["sandbox", "no sandbox"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """As in the background: its owner's key is the only one."""
    environment = {"SAHEL_NB_ISOLATION": request.param}
    with Service(tmp_path, "--only-own-key", "--admin", users=(), environment=environment) as running:
        yield running


def api(
    service: Service, method: str, fields: dict[str, Any], token: str = "", headers: dict[str, str] | None = None
) -> Any:
    """A call of kernels.KernelsApiService, or of the service that `method` names: as awa-diop, or with a token."""
    name, _, verb = method.rpartition("/")
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(headers or {})
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        auth = None if token else ("awa-diop", (service.data / "key").read_text())
        where = f"{service.url}/api/v1/{name or 'kernels.KernelsApiService'}/{verb}"
        return session.post(where, json=fields, auth=auth, timeout=30)


def push(service: Service, slug: str, source: str, kind: str = "script", *, internet: bool = True) -> None:
    fields = {"slug": f"awa-diop/{slug}", "newTitle": slug, "text": source, "language": "python", "kernelType": kind}
    answer = api(service, "SaveKernel", fields | {"isPrivate": True, "enableInternet": internet}).json()
    assert answer["error"] == "", answer


def ended(service: Service, slug: str) -> str:
    """The log of a run when it is over, which must be well."""
    of = {"userName": "awa-diop", "kernelSlug": slug}
    eventually(lambda: api(service, "GetKernelSessionStatus", of).json()["status"] not in ("QUEUED", "RUNNING"))
    records = json.loads(api(service, "ListKernelSessionOutput", of).json()["log"])
    log = "".join(record["data"] for record in records)
    assert api(service, "GetKernelSessionStatus", of).json()["status"] == "COMPLETE", log
    return log


SHOW = """
import os, pathlib, time
token = pathlib.Path(os.environ["KAGGLE_API_TOKEN"]).read_text()
print("it is", token, dict(os.environ))
print("turned", token[::-1], flush=True)
while not pathlib.Path("../input/go").exists():
    time.sleep(0.1)
"""


def live_token(service: Service, slug: str) -> str:
    """The token of a run that goes on, told by its code in a way that no redaction can know."""
    log = service.data / "runs"

    def told() -> str:
        lines = [line for path in log.glob("*/log.jsonl") for line in path.read_text("utf-8").splitlines()]
        words = [json.loads(line)["data"].split() for line in lines if "turned" in line]
        return next((line[line.index("turned") + 1] for line in reversed(words)), "")

    push(service, slug, SHOW)
    return str(eventually(told))[::-1]


def test_a_token_is_its_authors_while_the_run_lasts_and_no_more_than_that(service: Service) -> None:
    token = live_token(service, "holds-token")

    hello = api(service, "api.v1.DiagnosticsService/Hello", {}, token)
    assert hello.json() == {"userName": "awa-diop"}
    introspected = api(service, "security.OAuthService/IntrospectToken", {"token": token}, token).json()
    assert (introspected["active"], introspected["username"]) == (True, "awa-diop")
    of = {"userName": "awa-diop", "kernelSlug": "holds-token"}
    assert api(service, "GetKernelSessionStatus", of, token).json()["status"] == "RUNNING"
    python = Interpreter.current().to_json()
    refused = {
        "SaveKernel": api(service, "SaveKernel", {"slug": "awa-diop/other"}, token, {INTERPRETER_HEADER: python}),
        "DeleteKernel": api(service, "DeleteKernel", of, token),
        "CancelKernelSession": api(service, "CancelKernelSession", {"kernelSessionId": 1}, token),
        "DeleteDataset": api(service, "datasets.DatasetApiService/DeleteDataset", of, token),
    }
    assert {name: (answer.status_code, name in answer.text) for name, answer in refused.items()} == dict.fromkeys(
        refused, (403, True)
    )
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/admin/state", "/", "/code/awa-diop/holds-token"):
        assert requests.get(service.url + path, headers=bearer, timeout=30).status_code == 401, path

    assert api(service, "CancelKernelSession", {"kernelSessionId": 1}).status_code == 200
    eventually(lambda: api(service, "GetKernelSessionStatus", of).json()["status"] == "CANCEL_ACKNOWLEDGED")
    assert api(service, "api.v1.DiagnosticsService/Hello", {}, token).status_code == 401
    introspected = api(service, "security.OAuthService/IntrospectToken", {"token": token}).json()
    assert introspected["active"] is False
    log = api(service, "ListKernelSessionOutput", of).json()["log"]
    assert "it is <redacted> {" in log
    assert "proxy" not in log.lower(), "other traffic of the kernel goes where it goes without us"
    kept = [path for path in service.data.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert kept == []


def test_a_run_fills_nobodys_disk_with_uploads(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", bytes(8 << 20))
    with Service(tmp_path, "--only-own-key", "--disk", "0.005", users=()) as service:  # GB
        token = live_token(service, "holds-token")
        start = {"type": "DATASET", "name": "zeros.zip"}
        size = {"contentLength": len(bomb.getvalue())}
        begun = api(service, "blobs.BlobApiService/StartBlobUpload", start | size, token).json()
        requests.put(begun["createUrl"], data=bomb.getvalue(), timeout=30).raise_for_status()
        fields = {"slug": "zeros-of-run", "title": "Zeros of a run", "files": [{"token": begun["token"]}]}
        unpacked = api(service, "datasets.DatasetApiService/CreateDataset", fields, token)
        assert (unpacked.status_code, "more than is allowed" in unpacked.text) == (400, True), unpacked.text
        assert list((service.data / "datasets").iterdir()) == []
        over = api(service, "blobs.BlobApiService/StartBlobUpload", start | {"contentLength": 6 << 20}, token)
        assert over.status_code == 413, over.text
        service.kill()


def test_a_models_files_are_below_the_model_whatever_its_parts_say(tmp_path: Path) -> None:
    with Service(tmp_path, users=("awa", "binta")) as service:
        (service.data / "models/google/gemma/pyTorch/2b/1").mkdir(parents=True)
        (service.data / "models/google/gemma/pyTorch/2b/1/w.bin").write_bytes(b"w")
        (service.data / "competitions/secrets/1").mkdir(parents=True)
        (service.data / "competitions/secrets/1/other.txt").write_bytes(b"secret")
        asked = {"ownerSlug": "google", "modelSlug": "gemma", "framework": "MODEL_FRAMEWORK_PY_TORCH"}
        asked |= {"instanceSlug": "2b", "versionNumber": 1}
        name = "models.ModelApiService"
        status, answer = service.api("awa", "ListModelInstanceVersionFiles", asked, name)
        assert (status, [file["name"] for file in answer["files"]]) == (200, ["w.bin"])
        for changed in (
            {"framework": "../../../competitions", "instanceSlug": "secrets"},
            {"framework": "..", "instanceSlug": "pyTorch"},
            {"modelSlug": "..", "framework": "gemma", "instanceSlug": "pyTorch"},
            {"instanceSlug": "../../../../competitions/secrets"},
            {"instanceSlug": ".."},
        ):
            assert service.api("awa", "ListModelInstanceVersionFiles", asked | changed, name)[0] == 403, changed
            assert service.api("awa", "DownloadModelInstanceVersion", asked | changed, name)[0] == 403, changed
        assert service.api("awa", "DownloadModelInstanceVersion", asked | {"path": "../1/w.bin"}, name)[0] == 404
        assert service.api("binta", "CreateModel", {"ownerSlug": "google", "slug": "own-model"}, name)[0] == 403


def test_a_run_leaves_no_socket_open_in_the_service(service: Service) -> None:
    def sockets() -> int:
        count = 0
        for path in Path(f"/proc/{service.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += str(path.readlink()).startswith("socket:")
        return count

    source = "from kagglesdk.kaggle_env import get_endpoint, get_env\nfrom urllib.request import urlopen\n"
    source += "print(urlopen(get_endpoint(get_env()) + '/healthz').status)"
    push(service, "calls-once", source)
    assert "200" in ended(service, "calls-once")
    eventually(lambda: sockets() <= 3)  # what it listens on, and asyncio's own pair


def test_a_token_does_not_outlive_a_service_that_was_killed(service: Service) -> None:
    token = live_token(service, "holds-token")
    service.kill()
    eventually(lambda: not list(service.data.glob("runs/*/scratch")))
    service.start()
    assert api(service, "api.v1.DiagnosticsService/Hello", {}, token).status_code == 401


def test_the_token_is_in_no_executed_notebook(service: Service) -> None:
    source = "import os\ntoken = open(os.environ['KAGGLE_API_TOKEN']).read()\nprint('it is', token)\ntoken"
    push(service, "shows-token", notebook(source).decode(), "notebook", internet=False)
    assert "it is <redacted>\n" in ended(service, "shows-token")
    (executed,) = service.data.glob("runs/*/__notebook__.ipynb")
    assert "it is *" in executed.read_text("utf-8")
    assert "KGAT_" not in executed.read_text("utf-8")


def test_what_the_code_of_a_run_may_not_call() -> None:
    refused = {method for methods in METHODS.values() for method in methods if not may_call(method)}
    assert refused == {
        "SaveKernel",
        "DeleteKernel",
        "CancelKernelSession",
        "DeleteDataset",
        "UpdateDatasetMetadata",
    }


def test_a_token_ends_with_its_run() -> None:
    tokens = RunTokens()
    with tokens.issue(7, "awa") as token, tokens.issue(8, "binta") as other:
        assert [(grant.version_id, grant.account) for grant in map(tokens.find, (token, other)) if grant] == [
            (7, "awa"),
            (8, "binta"),
        ]
        assert tokens.find(token[:-1]) is None
    assert tokens.find(token) is None
