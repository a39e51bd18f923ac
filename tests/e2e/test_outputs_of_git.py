"""What a kernel leaves is never a repository to git, in which it would run the programs that the kernel names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.lab import Lab

CELL = """
import os

def repository(at, config="config", head="HEAD"):
    for folder in ("objects", "refs"):
        os.makedirs(f"{at}/{folder}", exist_ok=True)
        open(f"{at}/{folder}/x", "w").write("x")
    open(f"{at}/{head}", "w").write("ref: refs/heads/main\\n")
    program = "echo ran >> $(dirname $(git rev-parse --absolute-git-dir))/PROOF; false"
    settings = ("repositoryformatversion = 0", "bare = false", "worktree = ..", f'fsmonitor = "{program}"')
    open(f"{at}/{config}", "w").write("[core]\\n" + "\\n".join(settings) + "\\n")

for at in (".git", "deep/.GIT", "deep/git~1", "deep/.git ", "bare"):
    repository(at)
repository("common/shared", head="no-head")
os.makedirs("common/tree")
open("common/tree/HEAD", "w").write("ref: refs/heads/main\\n")
open("common/tree/commondir", "w").write("../shared\\n")
os.makedirs("points")
open("points/.git", "w").write("gitdir: ../bare\\n")
open("result.txt", "w").write("42")
"""


def test_no_output_is_a_repository_to_git(tmp_path: Path) -> None:
    with Lab(tmp_path, people=("awa",)) as lab:
        awa = lab.join("awa")
        awa.kernel("left-by-git", [CELL])
        done = awa.sahel("run")

        assert done.code == 10, done
        (written,) = awa.root.glob("runs/left-by-git/*/run.json")
        record = json.loads(written.read_bytes())
        assert record["status"] == "COMPLETE"
        missed = {item["name"] for item in record["missed"]}
        for name in (".git/config", "deep/.GIT/config", "deep/git~1/config", "deep/.git /config", "points/.git"):
            assert name in missed
        assert ".git/config: git would take its folder for a repository" in done.err
        outputs = written.parent / "outputs"
        assert (outputs / "result.txt").read_text() == "42"
        assert not [path for path in outputs.rglob("*") if path.name.lower() in ("head", ".git", "git~1", ".git ")]
        kept = tmp_path / "kaggle"
        for folder in (outputs, kept):
            for below in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                subprocess.run(["git", "status"], cwd=below, capture_output=True, check=False)
                subprocess.run(["git", "-c", "safe.bareRepository=all", "status"], cwd=below, capture_output=True)
        assert not list(tmp_path.rglob("PROOF"))


def test_the_trap_is_one(tmp_path: Path) -> None:
    """The same without us: git runs the program, so that the test above could fail."""
    subprocess.run(["python3", "-c", CELL], cwd=tmp_path, check=True)
    subprocess.run(["git", "status"], cwd=tmp_path, capture_output=True)
    subprocess.run(["git", "status"], cwd=tmp_path / "points", capture_output=True)
    assert (tmp_path / "PROOF").exists()
