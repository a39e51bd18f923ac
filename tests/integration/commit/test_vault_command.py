"""Proves that people find, restore, sweep and forget the outputs that this clone keeps, or do without it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sahel_nb.config import Config, VaultConfig
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.install.vault import folder, opened
from sahel_nb.notebook.strip import strip
from sahel_nb.repo.vault import MAIN
from sahel_nb.repo.vault_entry import Entry
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Silent, Verdict
from tests.integration.commit.story import Clone, Said, executed, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple

NB = "nb/fula ŋ.ipynb"
FIRST = simple("a", "b")
SECOND = executed(FIRST)
EDITED = simple("a, edited", "b")
DAY = 24 * 3600


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A notebook was executed twice, and then edited and executed; each was staged."""
    made = set_up(tmp_path / "o ŋ")
    for raw in (FIRST, SECOND, EDITED):
        made.git.write(NB, raw)
        made.must("add", ".")
    made.must("commit", "-qm", "Notebook")
    return made


def vault(clone: Clone, *args: str, cwd: Path | None = None) -> str:
    said = sahel_nb(clone, "vault", *args, cwd=cwd)
    assert said.code == 0, said
    return said.out + said.err


def refused(clone: Clone, *args: str, code: int = 3) -> Said:
    said = sahel_nb(clone, "vault", *args)
    assert said.code == code, said
    return said


def kept(clone: Clone) -> list[Entry]:
    """What `vault list` is made from, the newest first."""
    return opened(Worktree.discover(clone.root)).entries()[::-1]


def row(clone: Clone, config: Config | None = None) -> Check:
    worktree = Worktree.discover(clone.root)
    rows = examine(worktree, config or worktree.config(os.environ), {}, offline=True)
    (found,) = (one for one in rows if one.name == "vault")
    return found


def test_list_names_every_version_and_whose_sources_it_has(clone: Clone) -> None:
    clone.git.write(NB, SECOND)
    answer = json.loads(vault(clone, "list", "--json"))
    assert answer["schema"] == "sahel-nb.vault-list/1"
    rows = [(row["path"], row["version"], row["same_sources"], row["size"]) for row in answer["notebooks"]]
    assert rows == [
        (NB, 1, ["head"], len(EDITED)),
        (NB, 2, ["disk"], len(SECOND)),
        (NB, 3, ["disk"], len(FIRST)),
    ]
    text = vault(clone, "list", Path(NB).name, cwd=clone.root / "nb")
    assert [line.split("kB")[1].strip() for line in text.splitlines()] == ["as in HEAD", "as on disk", "as on disk"]
    assert "nothing is kept of other.ipynb" in vault(clone, "list", "other.ipynb")


def test_a_notebook_gets_its_newest_outputs_back_and_keeps_its_sources(clone: Clone) -> None:
    clone.git.write(NB, strip(EDITED))
    assert "has its outputs back" in vault(clone, "restore", NB)
    assert clone.disk(NB) == EDITED
    assert "has these outputs already" in vault(clone, "restore", NB)
    clone.git.write(NB, strip(simple("new here", "a, edited", "b")))
    vault(clone, "restore", Path(NB).name, cwd=clone.root / "nb")
    cells = json.loads(clone.disk(NB))["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["new here", "a, edited", "b"]
    assert [len(cell["outputs"]) for cell in cells] == [0, 1, 1]


def test_a_version_comes_back_whole_and_what_it_overwrites_is_kept(clone: Clone) -> None:
    never_staged = executed(EDITED, cell_1="b, never staged")
    clone.git.write(NB, never_staged)
    vault(clone, "restore", "--version", "3", NB)
    assert clone.disk(NB) == FIRST
    assert kept(clone)[0].size == len(never_staged)
    vault(clone, "restore", "--version", "1", NB)
    assert clone.disk(NB) == never_staged


def test_a_notebook_that_is_gone_comes_back_as_it_was_last(clone: Clone) -> None:
    (clone.root / NB).unlink()
    vault(clone, "restore", NB)
    assert clone.disk(NB) == EDITED


def test_a_copy_leaves_the_notebook_and_other_files_alone(clone: Clone) -> None:
    vault(clone, "restore", "--version", "2", "--to", "copy.ipynb", NB)
    assert (clone.disk("copy.ipynb"), clone.disk(NB)) == (SECOND, EDITED)
    assert "$ rm copy.ipynb" in refused(clone, "restore", "--to", "copy.ipynb", NB).err
    vault(clone, "restore", "--to", "same.ipynb", NB)
    assert clone.disk("same.ipynb") == EDITED


def test_what_cannot_be_done_says_why_and_changes_nothing(clone: Clone) -> None:
    for arguments, code, said in (
        (["restore", "other.ipynb"], 3, "other.ipynb: no outputs of it are kept"),
        (["restore", NB, "--version", "4"], 3, "there is no version 4"),
        (["restore", NB, "--version", "0"], 2, "0 is not in the range"),
        (["restore", "../elsewhere.ipynb"], 2, "is not in this worktree"),
        (["clear"], 3, "would be forgotten for ever"),
    ):
        assert said in refused(clone, *arguments, code=code).err
    assert clone.disk(NB) == EDITED
    assert len(kept(clone)) == 3


def test_what_is_no_notebook_is_not_overwritten(clone: Clone) -> None:
    clone.git.write(NB, b"<<<<<<< mine\n")
    for version in ([], ["--version", "1"]):
        said = refused(clone, "restore", *version, NB)
        assert "is no notebook now" in said.err
        assert ".before'" in said.err
        assert clone.disk(NB) == b"<<<<<<< mine\n"


def test_gc_drops_what_was_executed_again_and_is_old(clone: Clone) -> None:
    """Two weeks pass: the entries' times are in the packs."""
    where = folder(Worktree.discover(clone.root))
    for pack in where.glob("*.pack"):
        content = pack.read_bytes()
        stamp = next(word for word in content.split(b"\n")[0].split() if len(word) == 19 and word.isdigit())
        pack.write_bytes(content.replace(stamp, b"%d" % (int(stamp) - 15 * DAY * 10**9)))
    swept = json.loads(vault(clone, "gc", "--json"))
    assert (swept["schema"], swept["dropped"]) == ("sahel-nb.vault-swept/1", 1)
    assert swept["after"] < swept["before"]
    assert [one.size for one in kept(clone)] == [len(EDITED), len(SECOND)]


def test_the_size_has_a_limit_and_the_newest_stays(clone: Clone) -> None:
    clone.git("config", "sahel-nb.vault.size", "1")
    large = [simple("a", "b", f"'{number}'" + "#" * 300_000) for number in range(4)]
    for raw in large:
        clone.git.write(NB, raw)
        clone.must("add", ".")
    assert "1.2 MB before" in vault(clone, "gc")
    assert sum(one.size for one in kept(clone)) < 1_000_000
    clone.git.write(NB, strip(large[-1]))
    vault(clone, "restore", NB)
    assert clone.disk(NB) == large[-1]
    for number in range(4, 10):
        clone.git.write(NB, simple("a", "b", f"'{number}'" + "#" * 300_000))
        clone.must("add", ".")  # the filter sweeps by itself
    assert sum(one.size for one in kept(clone)) < 1_000_000


def test_no_limit(clone: Clone) -> None:
    clone.git("config", "sahel-nb.vault.size", "0")
    assert "0 versions dropped" in vault(clone, "gc")
    assert row(clone).found.startswith("0.0 of any number of MB")


def test_clear_forgets_one_notebook_or_all(clone: Clone) -> None:
    clone.git.write("b.ipynb", FIRST)
    clone.must("add", ".")
    assert "3 versions dropped" in vault(clone, "clear", "--yes", NB)
    assert [one.path for one in kept(clone)] == [b"b.ipynb"]
    vault(clone, "clear", "--yes")
    assert kept(clone) == []
    assert (clone.disk(NB), clone.disk("b.ipynb")) == (EDITED, FIRST)


def checked_out(clone: Clone) -> bytes:
    (clone.root / NB).unlink()
    clone.must("checkout", "--", NB)
    return clone.disk(NB)


def test_off_and_on(clone: Clone) -> None:
    vault(clone, "off")
    assert checked_out(clone) == strip(EDITED)
    clone.git.write(NB, executed(EDITED))
    clone.must("add", ".")
    assert len(kept(clone)) == 3
    assert row(clone) == Check("vault", Verdict.OK, "off (vault.keep); 0.0 MB are kept from before")
    vault(clone, "on")
    assert checked_out(clone) == EDITED


def test_who_does_without_from_the_beginning_gets_nothing_of_it(tmp_path: Path) -> None:
    without = set_up(tmp_path / "r", install_it=False)
    without.git("config", "sahel-nb.vault.keep", "false")
    install(Worktree.discover(without.root), Silent())
    without.git.write(NB, FIRST)
    without.must("add", ".")
    assert kept(without) == []
    assert without.git("config", "--get", "core.trustctime", check=False) == ""
    vault(without, "on")
    assert without.git("config", "--get", "core.trustctime") == "false"
    without.git.write(NB, SECOND)
    without.must("add", ".")
    without.git.write(NB, EDITED)
    without.must("restore", NB)
    assert without.disk(NB) == SECOND


def test_what_is_kept_outlives_uninstall(clone: Clone) -> None:
    uninstall(Worktree.discover(clone.root), Silent())
    vault(clone, "gc")
    assert clone.git("config", "--get", "core.trustctime", check=False) == ""
    clone.git.write(NB, strip(EDITED))
    vault(clone, "restore", NB)
    assert clone.disk(NB) == EDITED


def test_settings_that_a_merge_brings_are_followed(clone: Clone) -> None:
    clone.must("switch", "-qc", "without")
    settings = clone.root / "sahel-nb.toml"
    settings.write_text(settings.read_text().replace("# keep = true", "keep = false"))
    assert row(clone).mend == "sahel-nb install"
    clone.must("commit", "-qam", "Keep no outputs")
    clone.must("switch", "-q", "main")
    assert checked_out(clone) == EDITED
    clone.must("merge", "-q", "without")
    assert row(clone).verdict is Verdict.OK
    assert checked_out(clone) == strip(EDITED)


def test_doctor_says_how_much_is_kept_and_where_nothing_is(clone: Clone, tmp_path: Path) -> None:
    clone.git.write("large.ipynb", simple("#" * 2_500_000))
    clone.must("add", ".")
    assert row(clone) == Check("vault", Verdict.OK, "2.5 of 1000 MB; outputs come back at checkout")
    assert row(clone, Config(vault=VaultConfig(size=7))).mend == "sahel-nb install"
    other = Clone(Git(tmp_path / "other"))
    clone.git("clone", "-q", str(clone.root), str(other.root))
    assert row(other) == Check(
        "vault", Verdict.WARNING, "this clone keeps no outputs that are stripped", "sahel-nb install"
    )
    assert "$ sahel-nb install" in refused(other, "list").err
    other.git("config", "core.trustctime", "true")
    install(Worktree.discover(other.root), Silent())
    assert "git restore" in row(other).found


def test_a_linked_worktree_sees_its_own_files(clone: Clone) -> None:
    clone.must("worktree", "add", "-q", "../linked", "-b", "linked")
    linked = Clone(Git(clone.root.parent / "linked"))
    linked.git.write(NB, executed(EDITED))
    linked.must("add", ".")
    assert [one.worktree == MAIN for one in kept(linked)] == [False, True, True, True]
    linked.git.write(NB, strip(EDITED))
    vault(linked, "restore", NB)
    assert linked.disk(NB) == executed(EDITED)
    assert clone.disk(NB) == EDITED


def test_a_sweep_does_not_wait_for_another(clone: Clone) -> None:
    import fcntl

    with open(folder(Worktree.discover(clone.root)) / "sweep.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "$ sahel-nb vault gc" in refused(clone, "gc").err
    assert "0 versions dropped" in vault(clone, "gc")
