"""The unmodified `kaggle` command and `kagglehub` bring datasets there and back, and kernels see them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import requests

from support.service import Service, service_fixture

service = service_fixture()

TEXT = "ŋana ɓiɗɗo ɲɛ̀\n"
DATASETS = "datasets.DatasetApiService"


def metadata(folder: Path, slug: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    title = slug.replace("-", " ").capitalize()
    values = {"id": f"awa/{slug}", "title": title, "licenses": [{"name": "CC0-1.0"}]}
    (folder / "dataset-metadata.json").write_text(json.dumps(values), "utf-8")
    return folder


def upload(service: Service, slug: str, content: bytes) -> None:
    """A version with the one file n.txt, without the client."""
    files = [put(service, "n.txt", content)]
    made = service.api(
        "awa", "CreateDataset", {"slug": slug, "title": slug, "isPrivate": True, "files": files}, DATASETS
    )
    if "already in use" in made[1]["error"]:
        version = {"ownerSlug": "awa", "datasetSlug": slug, "body": {"files": files}}
        made = service.api("awa", "CreateDatasetVersion", version, DATASETS)
    assert (made[0], made[1]["status"]) == (200, "ok")


def put(service: Service, name: str, content: bytes = b"x") -> dict[str, str]:
    """An uploaded file, as CreateDataset names it."""
    fields = {"name": name, "contentLength": len(content)}
    _, started = service.api("awa", "StartBlobUpload", fields, "blobs.BlobApiService")
    assert requests.put(started["createUrl"], data=content).status_code == 200
    return {"token": started["token"]}


def fetch(service: Service, slug: str, name: str) -> bytes:
    where = f"{service.url}/api/v1/{DATASETS}/DownloadDataset"
    fields = {"ownerSlug": "awa", "datasetSlug": slug, "fileName": name}
    answer = requests.post(where, json=fields, auth=("awa", service.key("awa")))
    assert answer.status_code == 200
    return answer.content


def test_round_trip_with_versions_directories_and_archives(service: Service, tmp_path: Path) -> None:
    folder = metadata(tmp_path / "data", "fula-corpus")
    (folder / "words.txt").write_text(TEXT, "utf-8")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "texts" / "deep").mkdir(parents=True)
    (folder / "texts" / "deep" / "ɗ.txt").write_text(TEXT, "utf-8")
    with zipfile.ZipFile(folder / "texts" / "inner.zip", "w") as nested:
        nested.writestr("one.txt", "1")
    made = service.kaggle("awa", "datasets", "create", "-p", str(folder), "--dir-mode", "zip")
    assert "Your private Dataset is being created" in made.stdout
    listed = service.kaggle("awa", "datasets", "files", "awa/fula-corpus", "-v").stdout.splitlines()[1:]
    names = ["empty.txt", "texts/deep/ɗ.txt", "texts/inner/one.txt", "words.txt"]
    assert [row.split(",")[0] for row in listed] == names

    (folder / "words.txt").write_text(TEXT * 2, "utf-8")
    service.kaggle("awa", "datasets", "version", "-p", str(folder), "-m", "longer", "--dir-mode", "zip")
    state = service.kaggle("awa", "datasets", "status", "awa/fula-corpus", "--format", "json").stdout
    assert json.loads(state) == {"status": "ready", "current_version_number": 2}

    out = tmp_path / "out"
    said = service.kaggle("awa", "datasets", "download", "awa/fula-corpus", "-p", str(out), "--unzip").stdout
    assert "License(s): CC0-1.0" in said
    assert (out / "words.txt").read_text("utf-8") == TEXT * 2
    assert (out / "texts" / "deep" / "ɗ.txt").read_text("utf-8") == TEXT
    assert (out / "empty.txt").read_bytes() == b""
    service.kaggle("awa", "datasets", "download", "awa/fula-corpus/1", "-f", "words.txt", "-p", str(tmp_path / "old"))
    assert (tmp_path / "old" / "words.txt").read_text("utf-8") == TEXT

    where = {"ownerSlug": "awa", "datasetSlug": "fula-corpus"}
    for method in ("GetDataset", "GetDatasetStatus", "GetDatasetMetadata", "ListDatasetFiles", "DownloadDataset"):
        assert service.api("binta", method, where, DATASETS)[0] == 403, method
    for user, group, seen in (("awa", "MY", True), ("binta", "PUBLIC", False), ("awa", "PUBLIC", False)):
        found = service.api(user, "ListDatasets", {"group": f"DATASET_SELECTION_GROUP_{group}"}, DATASETS)[1]
        assert ("awa/fula-corpus" in [dataset["ref"] for dataset in found["datasets"]]) is seen


def test_what_cannot_be_a_dataset_is_a_400_and_leaves_nothing(service: Service) -> None:
    file = put(service, "a")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", os.urandom(100) + bytes(10_000))
    broken = bytearray(inner.getvalue())
    broken[40:120] = b"\xff" * 80
    deep_files: dict[str, object] = {"name": "d" * 250, "files": [file]}
    for _ in range(20):
        deep_files = {"name": "d" * 250, "directories": [deep_files]}
    for fields in (
        {"files": [file], "directories": [{"name": "a", "files": [file]}]},
        {"files": [file, file]},
        {"directories": [{"name": "..", "files": [file]}]},
        {"files": [put(service, "broken.zip", bytes(broken))]},
        {"directories": [deep_files]},
        {"files": []},
    ):
        made = service.api("awa", "CreateDataset", {"slug": "odd-corpus", "title": "Odd corpus", **fields}, DATASETS)
        assert made[0] == 400, (fields, made)
    assert [path.name for path in (service.data / "datasets").iterdir() if path.name.startswith(".")] == []


def test_a_kernel_sees_the_version_it_names_and_the_latest(service: Service) -> None:
    upload(service, "pinned-corpus", b"1")
    upload(service, "pinned-corpus", b"2")
    source = "print(open('../input/pinned-corpus/n.txt').read())"
    for sources, seen in ((["awa/pinned-corpus/1"], "1"), (["awa/pinned-corpus"], "2")):
        fields = {
            "slug": "awa/reads-corpus",
            "newTitle": "Reads corpus",
            "text": source,
            "language": "python",
            "kernelType": "script",
            "datasetDataSources": sources,
        }
        assert service.api("awa", "SaveKernel", fields)[1]["invalidDatasetSources"] == []
        assert service.wait("awa", "awa/reads-corpus") == "COMPLETE"
        where = {"userName": "awa", "kernelSlug": "reads-corpus"}
        assert json.loads(service.api("awa", "ListKernelSessionOutput", where)[1]["log"])[0]["data"].strip() == seen


def test_kagglehub_uploads_directories_and_many_files(service: Service, tmp_path: Path) -> None:
    nested = tmp_path / "nested"
    (nested / "a" / "b").mkdir(parents=True)
    (nested / "top.txt").write_text(TEXT, "utf-8")
    (nested / "a" / "b" / "ŋ.txt").write_text(TEXT, "utf-8")
    (nested / "a" / "empty.txt").write_bytes(b"")
    many = tmp_path / "many"
    (many / "sub").mkdir(parents=True)
    for number in range(60):
        (many / "sub" / f"{number}.txt").write_text(str(number))
    code = (
        "import sys, kagglehub\n"
        "print('=> ', kagglehub.whoami())\n"
        "kagglehub.dataset_upload('awa/hub-nested', sys.argv[1])\n"
        "kagglehub.dataset_upload('awa/hub-nested', sys.argv[1], version_notes='again')\n"
        "kagglehub.dataset_upload('awa/hub-many', sys.argv[2])\n"
        "print('=> ', kagglehub.dataset_download('awa/hub-nested'))\n"
        "print('=> ', kagglehub.dataset_download('awa/hub-nested/versions/1', path='a/b/ŋ.txt'))\n"
        "print('=> ', kagglehub.dataset_download('awa/hub-many'))\n"
    )
    said = service.python("awa", code, str(nested), str(many))
    who, whole, single, lots = (line[3:].strip() for line in said.splitlines() if line.startswith("=> "))
    assert "'awa'" in who
    assert whole.endswith("versions/2")
    assert (Path(whole) / "a" / "b" / "ŋ.txt").read_text("utf-8") == TEXT
    assert (Path(whole) / "a" / "empty.txt").read_bytes() == b""
    assert Path(single).read_text("utf-8") == TEXT
    assert sorted(p.name for p in (Path(lots) / "sub").iterdir()) == sorted(f"{n}.txt" for n in range(60))


def test_an_upload_goes_on_after_the_service_was_killed(service: Service) -> None:
    """Half of the file has arrived when it dies; whoever asks afterwards, as the client does, hears from where on.

    https://developers.google.com/drive/api/guides/manage-uploads#resume-upload
    """
    content = os.urandom(300_000)
    fields = {"type": "DATASET", "name": "big.bin", "contentLength": len(content)}
    _, started = service.api("awa", "StartBlobUpload", fields, "blobs.BlobApiService")
    where = f"{service.url}/uploads/{started['token']}"

    def put(data: bytes, span: str) -> requests.Response:
        return requests.put(where, data=data, headers={"Content-Range": f"bytes {span}/{len(content)}"}, timeout=30)

    half = put(content[:150_000], "0-149999")
    assert (half.status_code, half.headers["Range"]) == (308, "bytes=0-149999")
    service.kill()
    service.restart()
    asked = put(b"", "*")
    assert (asked.status_code, asked.headers["Range"]) == (308, "bytes=0-149999")
    assert put(content[150_000:], "150000-299999").status_code == 200
    files = [{"token": started["token"]}]
    made = service.api(
        "awa", "CreateDataset", {"slug": "resumed-corpus", "title": "Resumed corpus", "files": files}, DATASETS
    )
    assert (made[0], made[1]["status"]) == (200, "ok")
    assert fetch(service, "resumed-corpus", "big.bin") == content


def test_what_a_failed_transaction_left_is_in_nobodys_way(service: Service) -> None:
    """The files of a version get their place before the row is committed; a commit that fails gives the number back."""
    numbers = [int(path.name) for path in (service.data / "datasets").iterdir()]
    left = service.data / "datasets" / str(max(numbers, default=0) + 1)
    left.mkdir()
    (left / "left.txt").write_text("x")
    upload(service, "cleared-corpus", b"1")
    assert fetch(service, "cleared-corpus", "n.txt") == b"1"
    assert [path.name for path in left.iterdir()] == ["n.txt"]


def test_what_was_acknowledged_is_there_after_a_kill(service: Service) -> None:
    upload(service, "lasting-corpus", TEXT.encode())
    service.kill()
    service.restart()
    assert fetch(service, "lasting-corpus", "n.txt") == TEXT.encode()
