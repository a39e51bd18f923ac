"""The unmodified `kaggle` command does with a kernel everything that it does on Kaggle, and the text survives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.service import Service, service_fixture

service = service_fixture("--collaborator", "awa/shared-kernel=binta")

TEXT = "ŋana ɓiɗɗo ɲɛ̀"
SCRIPT = f"""
import os
print({TEXT!r}, flush=True)
os.makedirs("sub")
open("sub/ŋ.txt", "w").write({TEXT!r})
open("metrics.json", "w").write("{{}}")
"""


def folder(service: Service, slug: str, source: str, **metadata: Any) -> Path:
    """A kernel's folder as people have it."""
    place = service.folder / "kernels" / slug
    place.mkdir(parents=True, exist_ok=True)
    name = "main.ipynb" if metadata.get("kernel_type") == "notebook" else "main.py"
    (place / name).write_text(source, "utf-8")
    values = {
        "id": f"awa/{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "code_file": name,
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
    }
    (place / "kernel-metadata.json").write_text(json.dumps({**values, **metadata}, ensure_ascii=False), "utf-8")
    return place


def notebook(*cells: str) -> str:
    blank = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(
        {
            "cells": [{**blank, "id": f"c{number}", "source": source} for number, source in enumerate(cells)],
            "metadata": {"kernelspec": kernelspec},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def test_a_script_from_push_to_delete(service: Service, tmp_path: Path) -> None:
    slow = "import time; time.sleep(1.5)\n" + SCRIPT
    pushed = service.kaggle("awa", "kernels", "push", "-p", str(folder(service, "fula-words", slow)))
    assert "Kernel version 1 successfully pushed" in pushed.stdout
    assert f"{service.url}/code/awa/fula-words?scriptVersionId=" in pushed.stdout

    followed = service.kaggle("awa", "kernels", "logs", "-f", "awa/fula-words")
    assert followed.stdout.rstrip("\n") == TEXT  # live, as SSE: the run was going on
    assert service.wait("awa", "awa/fula-words") == "COMPLETE"

    blob = json.loads(service.kaggle("awa", "kernels", "logs", "awa/fula-words").stdout)
    assert [record["data"] for record in blob] == [TEXT + "\n"]
    assert service.kaggle("awa", "kernels", "logs", "-f", "awa/fula-words").stdout == followed.stdout  # finished: JSON

    service.kaggle("awa", "kernels", "output", "awa/fula-words", "-p", str(tmp_path), "--page-size", "1")
    assert (tmp_path / "sub" / "ŋ.txt").read_text("utf-8") == TEXT
    assert json.loads((tmp_path / "fula-words.log").read_text("utf-8")) == blob

    files = service.kaggle("awa", "kernels", "files", "awa/fula-words", "-v")
    assert [row.split(",")[0] for row in files.stdout.splitlines()[1:]] == ["metrics.json", "sub/ŋ.txt"]

    service.kaggle("awa", "kernels", "delete", "awa/fula-words", "--yes")
    gone = service.kaggle("awa", "kernels", "status", "awa/fula-words", check=False)
    assert gone.returncode == 1
    assert "wrong kernel slug" in gone.stderr


def test_a_notebook_is_pulled_as_it_was_pushed(service: Service, tmp_path: Path) -> None:
    source = notebook(f"print({TEXT!r})", "open('ɗ.txt', 'w').write('x')")
    place = folder(service, "bambara-notebook", source, kernel_type="notebook", keywords=["nlp"], enable_internet=False)
    service.kaggle("awa", "kernels", "push", "-p", str(place))
    assert service.wait("awa", "awa/bambara-notebook") == "COMPLETE"

    service.kaggle("awa", "kernels", "pull", "-m", "awa/bambara-notebook", "-p", str(tmp_path))
    pulled = json.loads((tmp_path / "bambara-notebook.ipynb").read_text("utf-8"))
    assert pulled == json.loads(source)
    assert TEXT in pulled["cells"][0]["source"]
    metadata = json.loads((tmp_path / "kernel-metadata.json").read_text("utf-8"))
    assert metadata["id"] == "awa/bambara-notebook"
    assert metadata["title"] == "Bambara notebook"
    assert (metadata["kernel_type"], metadata["language"]) == ("notebook", "python")
    assert (metadata["is_private"], metadata["enable_internet"], metadata["keywords"]) == (True, False, ["nlp"])
    assert (
        f"print({TEXT!r})" in json.loads((tmp_path / "bambara-notebook.ipynb").read_text("utf-8"))["cells"][0]["source"]
    )


def test_a_failing_notebook_says_why_and_keeps_what_it_wrote(service: Service) -> None:
    source = notebook("open('before.txt', 'w').write('kept')", "raise ValueError('ŋ is missing')")
    place = folder(service, "failing-notebook", source, kernel_type="notebook")
    service.kaggle("awa", "kernels", "push", "-p", str(place))
    assert service.wait("awa", "awa/failing-notebook") == "ERROR"
    shown = service.kaggle("awa", "kernels", "status", "awa/failing-notebook", check=False)
    assert "ERROR" in shown.stdout + shown.stderr
    listed = service.api("awa", "ListKernelSessionOutput", {"userName": "awa", "kernelSlug": "failing-notebook"})[1]
    assert "before.txt" in [file["fileName"] for file in listed["files"]]
    assert "ŋ is missing" in listed["log"]


def test_the_title_decides_the_slug(service: Service) -> None:
    fields = {"slug": "awa/asked-slug", "newTitle": "Another Title", "text": "1"}
    answer = service.api("awa", "SaveKernel", {**fields, "language": "python", "kernelType": "script"})[1]
    assert answer["ref"] == "awa/another-title"


def test_sources_that_do_not_exist_are_named_and_the_run_starts(service: Service) -> None:
    place = folder(
        service,
        "bad-sources",
        "print(1)",
        dataset_sources=["awa/no-such-data"],
        kernel_sources=["awa/no-such-kernel"],
        competition_sources=["no-such-contest"],
    )
    pushed = service.kaggle("awa", "kernels", "push", "-p", str(place), check=False)
    for missing in ("awa/no-such-data", "awa/no-such-kernel", "no-such-contest"):
        assert missing in pushed.stdout + pushed.stderr
    assert service.wait("awa", "awa/bad-sources") == "COMPLETE"


def test_private_kernels_are_their_owners_and_a_collaborator_may_push(service: Service) -> None:
    assert save(service, "private-kernel", "print(1)") == "COMPLETE"
    refused = service.kaggle("binta", "kernels", "pull", "awa/private-kernel", check=False)
    assert refused.returncode == 1
    assert "Permission 'kernels.get' was denied" in refused.stderr
    for user, seen in (("binta", False), ("awa", True)):
        listed = service.api(user, "ListKernels", {"group": "EVERYONE", "user": "awa"})[1]["kernels"]
        assert ("awa/private-kernel" in [kernel["ref"] for kernel in listed]) is seen

    place = folder(service, "shared-kernel", "print(1)")
    refused = service.kaggle("binta", "kernels", "push", "-p", str(folder(service, "foreign-kernel", "1")), check=False)
    assert refused.returncode == 1
    assert save(service, "shared-kernel", "print(1)") == "COMPLETE"
    assert "version 2" in service.kaggle("binta", "kernels", "push", "-p", str(place)).stdout


def test_the_quota_is_shown(service: Service) -> None:
    rows = service.kaggle("awa", "quota").stdout.splitlines()
    assert rows[2].split()[:4] == ["GPU", "0.00h", "30.00h", "30.00h"]


def save(service: Service, slug: str, source: str, **fields: Any) -> str:
    """A push without the client, to its end; how it ended."""
    base = {"slug": f"awa/{slug}", "text": source, "language": "python", "kernelType": "script"}
    code, answer = service.api("awa", "SaveKernel", {**base, **fields})
    assert (code, answer["error"]) == (200, "")
    return service.wait("awa", f"awa/{slug}", version=f"v{answer['versionNumber']}")


def test_kagglehub_fetches_outputs_of_a_version(service: Service) -> None:
    assert save(service, "hub-kernel", SCRIPT) == "COMPLETE"
    code = (
        "import kagglehub\n"
        "print('=> ', kagglehub.notebook_output_download('awa/hub-kernel'))\n"
        "print('=> ', kagglehub.notebook_output_download('awa/hub-kernel/versions/1', path='sub/ŋ.txt'))\n"
    )
    said = service.python("awa", code)
    whole, single = (Path(line[3:].strip()) for line in said.splitlines() if line.startswith("=> "))
    assert (whole / "sub" / "ŋ.txt").read_text("utf-8") == TEXT
    assert single.read_text("utf-8") == TEXT


def test_a_kernel_reads_another_kernels_latest_complete_output(service: Service) -> None:
    assert save(service, "maker-kernel", SCRIPT) == "COMPLETE"
    assert save(service, "maker-kernel", "raise SystemExit(1)") == "ERROR"
    assert save(service, "my-own-tools", "ANSWER = 'ɗ'", categoryIds=["utility script"]) == "COMPLETE"
    source = "import my_own_tools\nprint(open('../input/maker-kernel/sub/ŋ.txt').read() + my_own_tools.ANSWER)"
    save(service, "reader-kernel", source, kernelDataSources=["awa/maker-kernel", "awa/my-own-tools"])
    answer = service.api("awa", "ListKernelSessionOutput", {"userName": "awa", "kernelSlug": "reader-kernel"})[1]
    assert "".join(record["data"] for record in json.loads(answer["log"])) == TEXT + "ɗ\n"
