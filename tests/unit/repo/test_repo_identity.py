"""A dev slug is valid for Kaggle, stable, and nobody else's — whatever people are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slugify import slugify

from sahel_nb.errors import Refused, UsageError
from sahel_nb.repo.identity import GitUser, ascii_slug, dev_slug, git_user, title_case
from sahel_nb.repo.worktree import Worktree
from support.git import Git

PATTERN = "{slug}-dev-{user}"
VALID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
names = st.text(max_size=80) | st.sampled_from(["Awa Diop", "Ŋana Ɓiɗɗo", "ɲ", "王小明", "🙂", "", "---", "É" * 60])
slugs = st.from_regex(r"\A[a-z0-9]{1,12}(-[a-z0-9]{1,12}){0,5}\Z").filter(lambda slug: 5 <= len(slug) <= 50)
patterns = st.sampled_from([PATTERN, "{user}-{slug}", "{slug}{user}", "dev--{slug}/{user}!", "ŋ {slug} x {user}"])


@settings(max_examples=150, deadline=None)
@given(names, names, slugs, patterns)
@example("ŋ ɓ ɗ ɲ", "a@b", "fula-lid", PATTERN)
@example("x" * 80, "", "a" * 50, "{slug}{user}")
def test_it_is_always_a_slug_that_its_title_resolves_to(name: str, email: str, slug: str, pattern: str) -> None:
    made = dev_slug(pattern, slug, GitUser(name, email))
    assert 5 <= len(made) <= 50
    assert VALID.fullmatch(made)
    assert slugify(title_case(made)) == made
    assert made != slug
    assert made == dev_slug(pattern, slug, GitUser(name, email))


def test_thousands_of_people_are_told_apart() -> None:
    people = [GitUser(name, f"{i}@example.org") for i in range(700) for name in ("", "ŋ ɓ ɗ ɲ", "王", "Awa Diop", "🙂")]
    by_email: dict[str, set[str]] = {}
    for user in people:
        by_email.setdefault(user.email, set()).add(dev_slug(PATTERN, "fula-lid", user))
    made = [slug for slugs in by_email.values() for slug in slugs]
    assert len(set(made)) == len(made)


@settings(max_examples=150, deadline=None)
@given(names, st.lists(names, min_size=2, max_size=8), slugs)
def test_different_emails_never_meet(name: str, emails: list[str], slug: str) -> None:
    import unicodedata

    normal = {unicodedata.normalize("NFC", email).strip().casefold() for email in emails}
    assert len({dev_slug(PATTERN, slug, GitUser(name, email)) for email in emails}) == len(normal)


@settings(max_examples=150, deadline=None)
@given(slugs, slugs, names)
def test_different_kernels_never_meet_even_when_cut(one: str, two: str, name: str) -> None:
    user = GitUser(name, "awa@example.org")
    assert (one == two) == (dev_slug(PATTERN, one, user) == dev_slug(PATTERN, two, user))


def test_it_can_be_read() -> None:
    made = dev_slug(PATTERN, "fula-lid", GitUser("Ŋana Ɓiɗɗo", "Nana@Example.org "))
    assert made.startswith("fula-lid-dev-nana-biddo-")
    assert made == dev_slug(PATTERN, "fula-lid", GitUser("Ŋana Ɓiɗɗo", "nana@example.org"))
    assert ascii_slug("ɲ Ƴero ĝo Größe") == "ny-yero-go-grosse"
    assert dev_slug(PATTERN, "fula-lid", GitUser("王", "wang@x.org")).startswith("fula-lid-dev-wang-")


def test_a_pattern_that_would_make_people_meet_is_refused() -> None:
    user = GitUser("Awa", "awa@example.org")
    for pattern in ("{slug}-dev", "{user}", "", "{slug}{user}{user}"):
        with pytest.raises(UsageError, match="must contain"):
            dev_slug(pattern, "fula-lid", user)
    with pytest.raises(UsageError, match="no room"):
        dev_slug("x" * 40 + "{slug}{user}", "fula-lid", user)


def test_git_must_know_the_person(tmp_path: Path) -> None:
    repo = Git.init(tmp_path / "nb", "Ŋana Ɓiɗɗo")
    worktree = Worktree.discover(repo.root)
    repo("config", "user.email", "nana@example.org")
    assert git_user(worktree) == GitUser("Ŋana Ɓiɗɗo", "nana@example.org")
    repo("config", "--unset", "user.name")
    repo("config", "--unset", "user.email")
    with pytest.raises(Refused, match="who you are") as caught:
        git_user(worktree)
    assert [hint.split()[2] for hint in caught.value.hints] == ["user.name", "user.email"]
