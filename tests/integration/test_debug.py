"""`sahel-nb debug` on real runs: in the mirror, beside Kaggle, before a run has ended, and without one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab import CONFIG, Lab, Member, finished
from support.service import BIN

PAIRED = CONFIG.replace('format = ""', 'format = "py:percent"')


@pytest.fixture(scope="module")
def awa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Lab(tmp_path_factory.mktemp("lab"), people=("awa",)) as lab:
        yield lab.join("awa", config=PAIRED)


def paired(awa: Member, slug: str, cells: list[str]) -> str:
    where = f"notebooks/{slug}"
    awa.write_kernel(slug, cells, where, machine_shape="NvidiaTeslaP100")
    subprocess.run([BIN / "sahel-nb", "pair"], cwd=awa.root, env=awa.env(), check=True, capture_output=True, timeout=60)
    awa.git("add", "--", where)
    awa.git.commit(message=f"Kernel {slug}")
    awa.git.push()
    return where


def test_a_failed_run_is_explained_to_the_line_of_the_mirror(awa: Member) -> None:
    cells = ["def load(name):\n    # ŋ\n    return open('/kaggle/input/words/' + name)", "x = 1", "load('a.txt')"]
    where = paired(awa, "failing-lab", cells)
    ran = awa.sahel("run", where)
    assert ran.code == 5, ran
    asked = awa.sahel("debug", where, "--json")
    assert asked.code == 0, asked
    value = json.loads(asked.out)
    mirror = (awa.root / where / "failing-lab.py").read_text(encoding="utf-8").splitlines()
    place = value["place"]
    assert mirror[place["mirror_line"] - 1] == "load('a.txt')"
    raised = int(place["raised"].rsplit(":", 1)[1])
    assert mirror[raised - 1] == "    return open('/kaggle/input/words/' + name)"
    assert (value["schema"], value["rule"], value["error"].split(":")[0]) == (
        "sahel-nb.debug/2",
        "input-not-mounted",
        "FileNotFoundError",
    )
    assert [row["rule"] for row in value["also"]] == ["machine-substituted"]
    assert "GPU quota" in value["spent"]
    for text in (ran.err, awa.sahel("debug", where).err):
        assert f"cell 3 of {where}/failing-lab.ipynb, {where}/failing-lab.py:{place['mirror_line']}" in text
        assert "also     asked for NvidiaTeslaP100, and Kaggle gave NvidiaTeslaT4" in text


def test_a_complete_run_without_outputs_is_explained(awa: Member) -> None:
    awa.kernel("empty-lab", ["open('/tmp/words.txt', 'w').close()"])
    ran = awa.sahel("run", "notebooks/empty-lab")
    assert (ran.code, "only /kaggle/working is saved" in ran.err) == (0, True), ran
    asked = awa.sahel("debug", "notebooks/empty-lab")
    assert "the notebook writes to /tmp/words.txt, and only /kaggle/working is saved" in asked.err, asked


def test_a_silent_run_is_looked_at_while_it_goes_on(awa: Member) -> None:
    body = "import subprocess, time\ntime.sleep(60)\nsubprocess.run(['kaggle', 'datasets', 'list'])"
    awa.kernel("silent-lab", [body])
    assert awa.sahel("run", "notebooks/silent-lab", "--detach").code == 0
    silent = awa.sahel("debug", "notebooks/silent-lab", "--json")
    assert json.loads(silent.out)["rule"] == "kaggle-command-hangs", silent


def test_a_refused_push_is_explained_from_what_it_printed(awa: Member) -> None:
    process = subprocess.Popen(
        [BIN / "sahel-nb", "debug", "--log", "-"], cwd=awa.root.parent, env=awa.env(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = process.communicate("Kernel push error: Notebook not found\n", timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "made in the web page and never saved" in err
    unknown = awa.root.parent / "unknown.log"
    unknown.write_text("the model says: ɓ\n", encoding="utf-8")
    asked = finished(awa.start("debug", "--log", str(unknown)))
    assert "unknown to sahel-nb; the last lines of the log:\n           the model says: ɓ" in asked.err
    assert Path(unknown).exists()


def test_the_next_try_shows_what_changed_since_the_one_that_failed(awa: Member) -> None:
    where = awa.kernel("again-lab", ["raise SystemError('ɓ')"])
    assert awa.sahel("run", where).code == 5
    asked = awa.sahel("debug", where)
    assert "cause    unknown to sahel-nb; the last lines of the log:" in asked.err, asked
    assert "           SystemError: ɓ" in asked.err
    assert "spent    no quota: a session without accelerator counts against none" in asked.err
    again = awa.sahel("run", where, "--dry-run")
    assert "and nothing of this kernel was changed since" in again.err, again
    awa.git.write("elsewhere.txt", "x")
    awa.git.write(f"{where}/notes.md", "mended")
    awa.git.commit("elsewhere.txt", f"{where}/notes.md", message="Mend")
    awa.git.push()
    mended = awa.sahel("run", where, "--dry-run")
    failed = f"v1 failed at {awa.git('rev-parse', '--short=8', 'HEAD~1').strip()}"
    assert f"since {failed} (SystemError: ɓ): " in mended.err, mended
    assert "notes.md | 1 +" in mended.err
    assert f"  {where}/notes.md:1 + mended" in mended.err
    assert "elsewhere" not in mended.err
    shutil.rmtree(awa.root / "runs")
    assert f"since {failed}: " in awa.sahel("run", where, "--dry-run").err, "as the shared lock tells a fresh clone"
