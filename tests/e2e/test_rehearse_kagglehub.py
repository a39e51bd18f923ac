"""kagglehub and `kaggle` inside a rehearsed kernel: they talk to the embedded service, signed in as on Kaggle."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import Lab, Member
from support.service import BIN


class AtHome(Member):
    """Rehearses on the service that is started behind the scenes."""

    def env(self) -> dict[str, str]:
        return {**super().env(), "SAHEL_NB_KAGGLE": "local", "PATH": f"{BIN}:{super().env()['PATH']}"}


@pytest.fixture
def awa(tmp_path: Path) -> Iterator[AtHome]:
    lab = Lab(tmp_path)
    member = AtHome(lab, "awa", lab.join("awa").git)
    yield member
    member.sahel("local", "stop")


CALLS = """
import os, pathlib
import kagglehub
folder = pathlib.Path("/tmp/made-inside" if os.path.isdir("/kaggle") else "made-inside")
folder.mkdir()
(folder / "ŋ.txt").write_text("ŋ")
failed = []
for what, call in {
    "dataset": lambda: kagglehub.dataset_download("awa/dakar-corpus"),
    "pinned": lambda: kagglehub.dataset_download("awa/dakar-corpus/versions/1"),
    "file": lambda: kagglehub.dataset_download("awa/dakar-corpus", path="words.txt"),
    "somebody else's": lambda: kagglehub.dataset_download("uciml/iris-flowers"),
    "whoami": kagglehub.whoami,
    "upload": lambda: kagglehub.dataset_upload("awa/made-inside", str(folder)),
    "uploaded": lambda: kagglehub.dataset_download("awa/made-inside"),
    "upload of a model": lambda: kagglehub.model_upload("awa/made-inside/pyTorch/base", str(folder), "MIT"),
    "uploaded model": lambda: kagglehub.model_download("awa/made-inside/pyTorch/base"),
    "output": lambda: kagglehub.notebook_output_download("awa/producer-one"),
    "competition": lambda: kagglehub.competition_download("playground-series-s6e6"),
    "model": lambda: kagglehub.model_download("google/gemma/transformers/2b/1"),
}.items():
    try:
        got = call()
        print(what, "->", sorted(os.listdir(got)) if isinstance(got, str) and os.path.isdir(got) else got)
    except Exception as exc:
        failed.append(exc)
if failed:
    raise failed[-1]
"""
COMMANDS = """%%bash
kaggle competitions download playground-series-s6e6 -p by-kaggle -q
kaggle datasets download awa/dakar-corpus -p by-kaggle -q --unzip
kaggle kernels output awa/producer-one -p by-kaggle -q
kaggle models instances versions download google/gemma/transformers/2b/1 -p by-kaggle -q --untar
echo by kaggle: $(ls by-kaggle)
"""
PACKAGE = """
from kaggle.api.kaggle_api_extended import KaggleApi
api = KaggleApi()
api.authenticate()
print("by the package:", [file.name for file in api.dataset_list_files("awa/dakar-corpus").files])
"""


def test_what_code_fetches_is_given_by_the_embedded_service(awa: AtHome) -> None:
    awa.git.write("data/dakar/words.txt", "ŋ\n")
    metadata = {"title": "Dakar Corpus", "id": "awa/dakar-corpus", "licenses": [{"name": "unknown"}]}
    awa.git.write("data/dakar/dataset-metadata.json", json.dumps(metadata))
    awa.git.write("data/iris/iris.csv", "a,b\n")
    awa.git.write(
        "data/iris/dataset-metadata.json", json.dumps(metadata | {"title": "Iris Flowers", "id": "uciml/iris-flowers"})
    )
    awa.git("add", "data")
    awa.git.commit(message="Datasets that no kernel lists")
    where = awa.kernel("hub-inside", [CALLS, COMMANDS, PACKAGE], enable_internet=True)
    awa.kernel("producer-one", ["open('made.txt', 'w').write('ŋ')"])

    refused = awa.sahel("rehearse", where)
    assert refused.code == 5, refused
    for source in (
        "kernel awa/producer-one", "competition playground-series-s6e6", "model google/gemma/transformers/2b/1",
    ):  # fmt: skip
        assert f"the embedded service has no {source}; `sahel-nb debug` says" in refused.err, refused
    folder = Path(awa.env()["XDG_STATE_HOME"]) / "sahel-nb/local"
    command = f"mkdir -p {folder}/models/google/gemma/transformers/2b/1"
    assert command in refused.err, refused

    subprocess.run(command, shell=True, check=True)
    (folder / "models/google/gemma/transformers/2b/1/config.json").write_text("{}")
    (folder / "competitions/playground-series-s6e6").mkdir()
    (folder / "competitions/playground-series-s6e6/train.csv").write_text("a,b\n")
    assert awa.sahel("rehearse", "producer-one").code == 0
    done = awa.sahel("rehearse", where, "--json")

    assert done.code == 0, done
    for line in (
        "dataset -> ['words.txt']",
        "pinned -> ['words.txt']",
        "words.txt\n",
        "somebody else's -> ['iris.csv']",
        "whoami -> {'username': 'awa'}",
        "uploaded -> ['ŋ.txt']",
        "uploaded model -> ['ŋ.txt']",
        "output -> ['made.txt']",
        "competition -> ['train.csv']",
        "model -> ['config.json']",
        "by kaggle: config.json made.txt playground-series-s6e6.zip producer-one.log words.txt\n",
        "by the package: ['words.txt']",
    ):
        assert line in done.err, done
    outputs = [file["name"] for file in json.loads(done.out)["files"]]
    assert sorted(name for name in outputs if not name.startswith(("by-kaggle/", "made-inside/"))) == []
