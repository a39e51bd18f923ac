"""A commit takes what was staged, with the other halves of its pairs, and a refusal stages nothing: whatever the state
of each file, whichever paths were given before, and why that was refused."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.commit.story import Clone, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple

HALVES = {"a.ipynb": "a.py", "n/b.ipynb": "n/b.py", "c.ipynb": "c.py"}
HALVES |= {script: notebook for notebook, script in HALVES.items()}
FILES = ("a.ipynb", "a.py", "n/b.ipynb", "n/b.py", "c.ipynb", "note.txt")
COMMITTED = ("as it was", "edited", "staged", "staged, edited", "gone", "removed")
STATES = (*COMMITTED, "new", "intended", "intended", "new, staged", "absent")
FEW = max(8, settings.default.max_examples // 12)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing is committed yet, with a notebook, its script and the hooks of others to come."""
    clone = set_up(tmp_path_factory.mktemp("template") / "o")
    clone.git.write("a.ipynb", simple("x = 1"))
    assert sahel_nb(clone, "pair", "a.ipynb").code == 0
    return clone


class World:
    """A copy of it, whose files are in the states that are wished for."""

    def __init__(self, template: Clone, folder: Path) -> None:
        shutil.copytree(template.root, folder / "o", symlinks=True)
        self.clone = Clone(Git(folder / "o"))
        self.script = template.disk("a.py")

    def write(self, name: str, number: int) -> None:
        text = self.script if name.endswith(".py") else simple("x = 1") if name.endswith(".ipynb") else b"x = 1\n"
        self.clone.git.write(name, text.replace(b"x = 1", b"x = %d" % number))

    def arrange(self, states: dict[str, str]) -> None:
        for name in FILES:
            (self.clone.root / name).unlink(missing_ok=True)
            if states[name] in COMMITTED:
                self.write(name, 1)
        self.clone.must("add", "-A")
        self.clone.must("commit", "-qm", "Before", "--no-verify", "--allow-empty")
        for name, state in states.items():
            if state not in ("as it was", "gone", "removed", "absent"):
                self.write(name, 2 if "edited" in state or state == "staged" else 1)
            if "staged" in state or state == "intended":
                self.clone.must("add", *(["-N"] if state == "intended" else []), "--", name)
            if state == "staged, edited":
                self.write(name, 3)
            if state in ("gone", "removed"):
                (self.clone.root / name).unlink()
            if state == "removed":
                self.clone.must("rm", "-q", "--", name)

    def hook(self, name: str, refuses: bool) -> None:
        hook = self.clone.git.write(f".git/hooks/{name}", f"#!/bin/sh\nexit {int(refuses)}\n")
        hook.chmod(0o755)

    def index(self) -> dict[str, tuple[str, bool]]:
        """Path → mode, object and stage, and whether git was only told of it (CE_INTENT_TO_ADD in git's cache.h)."""
        shown = self.clone.git("ls-files", "-s", "--debug")
        entries = re.findall(r"^(\d{6} \w+ \d)\t(.+)\n(?:  .*\n)*?  .*flags: (\w+)$", shown, re.MULTILINE)
        return {name: (entry, bool(int(flags, 16) & 0x2000_0000)) for entry, name, flags in entries}

    def staged(self) -> set[str]:
        asked = ("diff", "--cached", "--ita-invisible-in-index", "--no-renames", "--name-only", "-z")
        return set(self.clone.git(*asked).split("\0")) - {""}

    def commits(self, *arguments: str) -> set[str] | None:
        """The paths of the commit that was made, None where it was refused; git's own message about nothing is one."""
        before = self.clone.git.head()
        self.said = self.clone.run("commit", "-qm", "Work", *arguments)
        after = self.clone.git.head()
        assert (after == before) == (self.said.code != 0), self.said
        if after == before:
            return None
        return set(self.clone.git("diff", "--no-renames", "--name-only", "-z", before, after).split("\0")) - {""}


@settings(
    max_examples=FEW, deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes a second: none is made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    states=st.fixed_dictionaries({name: st.sampled_from(STATES) for name in FILES}),
    how=st.sampled_from(("", "", "-o", "-i", "-a", "plain")),
    paths=st.lists(st.sampled_from((*FILES, ".", "n", "*.py")), min_size=1, max_size=3),
    hook=st.sampled_from(("", "", "pre-commit", "commit-msg")),
)
def test_a_commit_takes_what_was_staged_and_a_refusal_stages_nothing(
    template: Clone, states: dict[str, str], how: str, paths: list[str], hook: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(template, Path(folder))
        world.arrange(states)
        if hook:
            world.hook(hook, refuses=True)
        before, staged = world.index(), world.staged()
        assert {name for name, (_, intended) in before.items() if intended} == {
            name for name, state in states.items() if state == "intended"
        }
        arguments = {"plain": (), "-a": ("-a",), "": ("--", *paths)}.get(how, (how, "--", *paths))
        if world.commits(*arguments) is None:
            after = world.index()
            changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
            # A hook that comes after ours may refuse what ours has staged, and named, for this commit.
            late = (
                {HALVES[name] for name in staged if name in HALVES} if (how, hook) == ("plain", "commit-msg") else set()
            )
            assert changed <= late, world.said
            assert all(name in world.said.err for name in changed)
        if hook:
            world.hook(hook, refuses=False)
        for _ in range(2):
            staged = world.staged()
            taken = world.commits()
            assert (taken or set()) <= staged | {HALVES[name] for name in staged if name in HALVES}, world.said
            assert staged or taken is None, "nothing was staged, and nothing is to be committed"
