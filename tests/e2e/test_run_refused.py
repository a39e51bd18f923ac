"""Runs that do not start: each says why, what to type, and that no quota was spent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.lab import Lab, Member

HELLO = ["print('ŋana ɓiɗɗo')"]
DATASET = {"id": "awa/fula-words", "title": "Fula words", "licenses": [{"name": "CC0-1.0"}]}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, shared=("fula-lid",)) as lab:
        yield lab


def test_preflight_shows_every_failing_row_with_its_command(lab: Lab) -> None:
    awa = lab.join("awa")
    folder = awa.kernel("fula-lid", HELLO)
    awa.write_kernel("fula-lid", HELLO, folder, title="Something else")
    awa.git("commit", "-qam", "Another title")
    awa.git.write("sahel-nb.toml", (awa.root / "sahel-nb.toml").read_text() + "\n")
    awa.git.write(f"{folder}/scratch.txt")

    done = awa.sahel("run")

    assert done.code == 3, done
    for row in ("FAIL  tree", "FAIL  pushed", "FAIL  metadata", "something-else"):
        assert row in done.err, done
    for command in ("&& git commit -a", "$ git push", "$ ${EDITOR:-vi}"):
        assert command in done.err, done
    assert "no quota was spent" in done.err
    assert lab.versions("fula-lid") == 0
    assert awa.lock("fula-lid") is None


def test_a_notebook_that_was_only_run_again_is_clean(lab: Lab) -> None:
    awa = lab.join("awa")
    assert awa.sahel("init").code == 0
    assert awa.sahel("install").code == 0
    awa.git("add", "-A")
    awa.git.commit(message="Set up")
    folder = awa.kernel("fula-lid", HELLO)
    path = awa.root / folder / "fula-lid.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["ŋ\n"]}]
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert awa.git("status", "--porcelain") == f" M {folder}/fula-lid.ipynb", "git goes by the size"

    done = awa.sahel("run", "--dry-run")

    assert done.code == 0, done
    notebook["cells"][0]["source"] = ["print('another')"]
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert awa.sahel("run", "--dry-run").code == 3


def test_every_run_has_a_limit_and_none_that_kaggle_would_not_keep(lab: Lab) -> None:
    """Nobody can end a session by the API: whatever a kernel does, its hours are bounded from the start."""
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    assert "time limit  43200 s" in awa.sahel("run", "--dry-run").out
    assert "time limit  5400 s" in awa.sahel("run", "--dry-run", "--timeout", "90m").out
    done = awa.sahel("run", "--timeout", "13h")
    assert done.code == 2, done
    for said in ("after 12 h, whatever it is told", "--timeout 12h", "no quota was spent"):
        assert said in done.err, done
    assert lab.versions("fula-lid") == 0
    folder = awa.kernel("fula-tpu", HELLO, enable_tpu=True)
    assert "time limit  32400 s" in awa.sahel("run", folder, "--dry-run").out


def test_a_source_that_cannot_be_mounted_is_refused_before_anything_starts(lab: Lab) -> None:
    awa = lab.join("awa")
    (lab.service.data / "competitions/titanic").mkdir()
    (lab.service.data / "models/o/gemma/pyTorch/2b/3").mkdir(parents=True)
    data = lab.folder / "words"
    data.mkdir()
    (data / "words.txt").write_text("ŋ")
    (data / "dataset-metadata.json").write_text(json.dumps(DATASET))
    lab.service.kaggle("awa", "datasets", "create", "-p", str(data))
    there = {
        "dataset_sources": ["awa/fula-words"],
        "competition_sources": ["titanic"],
        "model_sources": ["o/gemma/pyTorch/2b/3"],
    }
    missing = {
        "dataset_sources": ["awa/never-was"],
        "kernel_sources": ["awa/never-ran"],
        "competition_sources": ["never-was"],
        "model_sources": ["o/gemma/pyTorch/2b/4", "o/gemma/pyTorch/7b/1", "x/y/z/w/1"],
    }
    awa.kernel("fula-lid", HELLO, **missing)
    done = awa.sahel("run")
    assert done.code == 3, done
    (row,) = [line for line in done.err.splitlines() if line.startswith("  FAIL  sources")]
    assert [name for names in missing.values() for name in names if name not in row] == [], done
    assert (lab.versions("fula-lid"), awa.lock("fula-lid")) == (0, None)

    folder = awa.kernel("fula-tts", HELLO, **there)
    assert "    ok  sources      3 can be mounted" in awa.sahel("run", folder, "--dry-run").err
    for fault, said, mend in (
        ("not-joined", "titanic (competition) is a competition whose rules", "competitions/titanic/rules"),
        ("dataset-pending", "awa/fula-words (dataset) is still processed", "kaggle datasets status awa/fula-words"),
    ):
        requests.post(
            f"{lab.service.url}/admin/fault", auth=lab.service.owner, json={"name": fault}, timeout=30
        ).raise_for_status()
        refused = awa.sahel("run", folder)
        requests.post(f"{lab.service.url}/admin/calm", auth=lab.service.owner, json={}, timeout=30).raise_for_status()
        assert (refused.code, said in refused.err, mend in refused.err) == (3, True, True), refused
    assert (lab.versions("fula-tts"), awa.lock("fula-tts")) == (0, None)


def test_a_branch_that_is_behind_is_refused(lab: Lab) -> None:
    awa, binta = lab.join("awa"), None
    folder = awa.kernel("fula-lid", HELLO)
    binta = lab.join("binta")
    binta.write_kernel("fula-lid", ["print('newer')"], folder)
    binta.git("commit", "-qam", "Newer")
    binta.git.push()

    done = awa.sahel("run")

    assert done.code == 3, done
    assert "1 commit is in origin/main and not here" in done.err
    assert "$ git pull --ff-only" in done.err


def test_without_the_locks_remote_nothing_starts(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    awa.git("remote", "add", "locks", str(lab.folder / "away.git"))
    awa.git.write(
        "sahel-nb.toml", (awa.root / "sahel-nb.toml").read_text().replace("[lock]", '[lock]\nremote = "locks"')
    )
    awa.git("commit", "-qam", "Locks elsewhere")
    awa.git.push()

    done = awa.sahel("run")

    assert done.code == 9, done
    assert "no quota was spent" in done.err
    assert lab.versions("fula-lid") == 0


def test_dry_run_does_nothing(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    done = awa.sahel("run", "--dry-run")
    assert done.code == 0, done
    assert awa.git.head() in done.out
    assert lab.versions("fula-lid") == 0
    assert awa.lock("fula-lid") is None
    assert not (awa.root / "runs").exists()


def test_without_credentials_the_error_names_both_ways_on(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    env = {key: value for key, value in awa.env().items() if not key.startswith("KAGGLE_")}
    import subprocess

    from support.service import BIN

    done = subprocess.run([BIN / "sahel-nb", "quota"], cwd=awa.root, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 8, done
    assert "access_token" in done.stderr
    assert "sahel-nb rehearse" in done.stderr
    assert done.stdout == ""


def test_doctor_tries_the_credentials_that_it_finds(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.git.commit()

    def row(*arguments: str) -> tuple[str, str, str]:
        rows = json.loads(awa.sahel("doctor", "--json", *arguments).out)["checks"]
        return next((one["verdict"], one["found"], one["mend"]) for one in rows if one["name"] == "credentials")

    known = "legacy key of awa, from the environment"
    assert row() == ("ok", f"{known}; accepted, as awa", "")
    lab.service.kill()
    away = row()
    assert (away[0], "no answer" in away[1], away[2]) == ("unknown", True, "sahel-nb doctor --offline")
    assert row("--offline") == ("ok", known, "")
    with Lab(lab.folder / "other", people=("binta",)) as other:
        lab.service.url = other.service.url
        refused = row()
    assert (refused[0], "401" in refused[1], refused[2]) == ("failed", True, "kaggle auth login")


def test_what_is_missing_hides_no_other_row(lab: Lab) -> None:
    awa = lab.join("awa")
    folder = awa.kernel("fula-lid", HELLO)
    awa.git.write(f"{folder}/scratch.txt")
    stranger = NoKey(lab, "awa", awa.git)
    done = stranger.sahel("run")
    assert done.code == 3, done
    for row in ("FAIL  tree", "FAIL  credentials", "kaggle auth login"):
        assert row in done.err, done
    awa.git("remote", "rename", "origin", "upstream")
    done = awa.sahel("run", "--dry-run")
    assert done.code == 3, done
    for row in ("FAIL  tree", "FAIL  lock", "git remote add origin"):
        assert row in done.err, done


def test_a_commit_of_a_detached_head_runs_when_a_remote_branch_has_it(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    awa.git("switch", "-q", "--detach")
    done = awa.sahel("run", "--at", "HEAD", "--dry-run")
    assert done.code == 0, done
    awa.git.commit(message="Nobody has this")
    refused = awa.sahel("run", "--at", "HEAD", "--dry-run")
    assert refused.code == 3, refused
    assert "is in no branch of a remote" in refused.err


def test_wrong_credentials_are_named_as_such(lab: Lab) -> None:
    awa = lab.join("awa")
    awa.kernel("fula-lid", HELLO)
    wrong = WrongKey(lab, "awa", awa.git)
    done = wrong.sahel("run")
    assert done.code == 8, done
    assert "does not accept these credentials" in done.err
    assert lab.versions("fula-lid") == 0


class WrongKey(Member):
    def env(self) -> dict[str, str]:
        return {**super().env(), "KAGGLE_KEY": "wrong"}


class NoKey(Member):
    def env(self) -> dict[str, str]:
        return {key: value for key, value in super().env().items() if not key.startswith("KAGGLE_")}
