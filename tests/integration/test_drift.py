"""`drift` and `rescue`: an edit made in Kaggle's web page is seen, and comes home as a change that can be committed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.lab import CONFIG, KERNELSPEC, Lab, Member
from support.service import BIN

PAIRED = CONFIG.replace('format = ""', 'format = "py:percent"')
CELLS = ["import os", "x = 1\ny = 2\nz = 3", "print('ŋana')"]


@pytest.fixture(scope="module")
def awa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        yield lab.join("awa", config=PAIRED)


def pushed(awa: Member, slug: str, **metadata: Any) -> str:
    """A paired kernel that has run."""
    where = f"notebooks/{slug}"
    awa.write_kernel(slug, CELLS, where, **metadata)
    pair(awa)
    awa.git("add", "--", where)
    awa.git.commit(message=f"Kernel {slug}")
    awa.git.push()
    assert awa.sahel("run", where).code == 0
    return where


def pair(awa: Member) -> None:
    command = [BIN / "sahel-nb", "pair"]
    subprocess.run(command, cwd=awa.root, env=awa.env(), check=True, capture_output=True, timeout=60)


def edit_on_kaggle(awa: Member, slug: str, edit: Callable[[list[dict[str, Any]]], None], **fields: Any) -> None:
    """Save a version as the web editor does: outputs, its own metadata, other ids."""
    where = {"userName": "awa", "kernelSlug": slug}
    service = awa.lab.service
    notebook = json.loads(service.api("awa", "GetKernel", where)[1]["blob"]["source"])
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"web-{number}"
        cell["metadata"]["trusted"] = True
        if cell["cell_type"] == "code":
            cell |= {"execution_count": number, "outputs": [{"output_type": "stream", "name": "stdout", "text": "ŋ"}]}
    edit(notebook["cells"])
    notebook["metadata"] = {"kernelspec": KERNELSPEC, "kaggle": {"accelerator": "none"}}
    base = {"slug": f"awa/{slug}", "text": json.dumps(notebook), "language": "python", "kernelType": "notebook"}
    quick = {"kernelExecutionType": "QUICK_SAVE", "enableInternet": False}
    assert service.api("awa", "SaveKernel", {**base, **quick, **fields})[0] == 200


def source(cell: dict[str, Any]) -> str:
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def test_what_git_pushed_has_not_drifted_and_a_save_without_an_edit_neither(awa: Member) -> None:
    where = pushed(awa, "steady-lab")
    asked = awa.sahel("drift", where)
    assert (asked.code, asked.out) == (0, ""), asked
    assert "awa/steady-lab v1 is what git pushed" in asked.err
    edit_on_kaggle(awa, "steady-lab", lambda cells: None)
    again = awa.sahel("drift", where, "--json")
    assert (json.loads(again.out)["version"], json.loads(again.out)["drifted"]) == (2, False), again


def test_an_edit_comes_home_beside_what_git_has_changed_since(awa: Member) -> None:
    where = pushed(awa, "edited-lab")

    def edit(cells: list[dict[str, Any]]) -> None:
        cells[1]["source"] = "x = 1\ny = 20\nz = 3"
        cells.insert(3, {"cell_type": "code", "metadata": {}, "source": "print('ɓiɗɗo')", "outputs": [], "id": "n"})

    (row,) = json.loads(awa.sahel("status", where, "--json").out)["kernels"]
    assert row["drift"] == ""
    edit_on_kaggle(awa, "edited-lab", edit, enableInternet=True)
    (row,) = json.loads(awa.sahel("status", where, "--json").out)["kernels"]
    assert row["drift"] == f"edited on Kaggle since; see: sahel-nb drift {where}"
    about_to_run = awa.sahel("run", where, "--dry-run").err
    assert "FAIL  idle         v2 was saved in the web page, and not run" in about_to_run
    assert "$ sahel-nb drift awa/edited-lab" in about_to_run
    shown = awa.sahel("drift", where)
    assert shown.err.endswith(": 2 places of the source\n"), shown
    assert shown.out.splitlines()[2:] == [
        "@@ cell 2, code @@",
        " x = 1",
        "-y = 2",
        "+y = 20",
        " z = 3",
        "@@ cell 4, code: new @@",
        "+print('ɓiɗɗo')",
        "enable_internet: false in git, true on Kaggle",
    ]
    notebook = f"{where}/edited-lab.ipynb"
    text = (awa.root / notebook).read_text(encoding="utf-8").replace("ŋana", "ŋana ɲ")
    awa.git.write(notebook, text)
    refused = awa.sahel("rescue", where, "--yes")
    assert (refused.code, (awa.root / notebook).read_text(encoding="utf-8")) == (3, text), refused
    assert f"not committed: {notebook}" in refused.err
    pair(awa)
    awa.git("commit", "-qam", "Meanwhile in git")

    unasked = awa.sahel("rescue", where)
    assert (unasked.code, awa.git("status", "--porcelain")) == (3, ""), "nobody is there to answer"
    done = awa.sahel("rescue", where, "--yes")
    assert done.code == 0, done
    home = json.loads((awa.root / notebook).read_text(encoding="utf-8"))
    assert [source(cell) for cell in home["cells"]] == [
        "import os", "x = 1\ny = 20\nz = 3", "print('ŋana ɲ')", "print('ɓiɗɗo')",
    ]  # fmt: skip
    assert "trusted" not in json.dumps(home)
    mirror = (awa.root / where / "edited-lab.py").read_text(encoding="utf-8")
    assert "y = 20" in mirror
    assert "print('ɓiɗɗo')" in mirror
    metadata = json.loads((awa.root / where / "kernel-metadata.json").read_text(encoding="utf-8"))
    assert (metadata["id"], metadata["enable_internet"]) == ("awa/edited-lab", True)
    awa.git("add", where)
    awa.git.commit(message="Rescue")
    assert awa.sahel("check").code == 0
    assert awa.sahel("rescue", where, "--yes").err.count("the worktree has all of it already") == 1


def test_a_run_is_compared_with_its_commit_though_its_branch_was_squashed_and_deleted(awa: Member) -> None:
    where = "notebooks/squashed-lab"
    awa.git("switch", "-qc", "exp")
    pushed(awa, "squashed-lab")
    ran = awa.git.head()
    awa.git("switch", "-q", "main")
    awa.git("merge", "-q", "--squash", "exp")
    awa.git("commit", "-qm", "exp (#1)")
    awa.git.push()
    awa.git.push("origin", "--delete", "exp")
    awa.git("commit", "-q", "--allow-empty", "-m", "more")
    awa.git.push()

    def joins(name: str) -> Member:
        return Member(awa.lab, "awa", awa.lab.origin.clone(name, f"file://{awa.lab.origin.path}"))

    moussa = joins("moussa")
    assert ran not in moussa.git("rev-list", "--all"), "a plain clone does not bring it"
    asked = moussa.sahel("drift", where, "--exit-code")
    assert (asked.code, asked.out) == (0, ""), asked
    assert f"awa/squashed-lab v1 is what git pushed from {ran[:7]}" in asked.err
    assert json.loads(moussa.sahel("status", where, "--json").out)["kernels"][0]["drift"] == ""
    assert moussa.git("for-each-ref", "--format=%(refname)", "refs/sahel") == ""

    awa.lab.origin("update-ref", "-d", f"refs/sahel/commits/{ran}")
    awa.lab.origin("gc", "-q", "--prune=now")
    fatou = joins("fatou")
    for verb in ("drift", "rescue"):
        refused = fatou.sahel(verb, where)
        assert (refused.code, f"commit {ran[:12]} is not in this clone" in refused.err) == (3, True), refused
        assert refused.err.splitlines()[-1].split("$ ")[1] == "sahel-nb drift --base HEAD awa/squashed-lab"
    assert ran[:12] in json.loads(fatou.sahel("status", where, "--json").out)["kernels"][0]["drift"]
    named = fatou.sahel("drift", "--base", "HEAD", "awa/squashed-lab")
    assert (named.code, named.out) == (0, ""), named
    assert "is what git has at" in named.err


def test_a_kernel_whose_folder_was_renamed_is_compared_with_what_it_was_pushed_as(awa: Member) -> None:
    where = pushed(awa, "moved-lab")
    awa.git("mv", where, "notebooks/moved")
    awa.git("commit", "-qm", "Moved")
    edit_on_kaggle(awa, "moved-lab", lambda cells: cells[0].update(source="import sys"))
    found = awa.sahel("drift", "notebooks/moved", "--exit-code")
    assert (found.code, "+import sys" in found.out) == (3, True), found
    assert awa.sahel("rescue", "notebooks/moved", "--yes").code == 0
    assert "import sys" in (awa.root / "notebooks/moved/moved-lab.py").read_text(encoding="utf-8")
    awa.git("checkout", "-q", ".")


def test_what_kaggle_dropped_is_not_brought_and_nobody_says_that_all_of_it_is_here(awa: Member) -> None:
    where = pushed(awa, "words-lab", keywords=["nlp"])
    edit_on_kaggle(awa, "words-lab", lambda cells: None, categoryIds=[])
    said = awa.sahel("rescue", where, "--yes")
    assert (said.code, "not brought: keywords; Kaggle may have dropped it" in said.err) == (0, True), said
    assert "nothing else to bring: nothing was written" in said.err
    assert "has all of it" not in said.err


def test_where_both_changed_the_same_git_wins(awa: Member) -> None:
    where = pushed(awa, "clash-lab")
    edit_on_kaggle(awa, "clash-lab", lambda cells: cells[0].update(source="import sys"))
    notebook = Path(awa.root / where / "clash-lab.ipynb")
    notebook.write_text(notebook.read_text(encoding="utf-8").replace("import os", "import re"), encoding="utf-8")
    pair(awa)
    awa.git("commit", "-qam", "Meanwhile in git")
    before = notebook.read_bytes()
    refused = awa.sahel("rescue", where, "--yes")
    assert (refused.code, notebook.read_bytes()) == (3, before), refused
    assert "git wins: nothing was written" in refused.err
    both = awa.sahel("rescue", where, "--yes", "--markers")
    assert both.code == 0, both
    cells = json.loads(notebook.read_bytes())["cells"]
    assert source(cells[0]) == "<<<<<<< git\nimport re\n=======\nimport sys\n>>>>>>> Kaggle"
