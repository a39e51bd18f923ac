"""Who is at the keyboard, and the slug that is theirs alone."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass

from sahel_nb.errors import Refused, UsageError
from sahel_nb.repo.cmd import git
from sahel_nb.repo.worktree import Worktree

MIN_SLUG, MAX_SLUG = 5, 50
_TAG = 8  # base32 letters: 40 bits, so that a million people are still told apart
_NAME = 20

# Letters that Unicode does not decompose: West African orthographies first, then the European ones.
_FOLDED = (
    "ŋ:n ɲ:ny ɓ:b ɗ:d ƴ:y ɠ:g ƙ:k ɛ:e ɔ:o ɣ:g ɖ:d ƒ:f ʋ:v ə:e ɩ:i ʊ:u ƭ:t ʃ:sh ʒ:zh "
    "ß:ss ø:o æ:ae œ:oe ł:l đ:d ð:d þ:th ı:i"
)
_FOLD = str.maketrans(dict(pair.split(":") for pair in _FOLDED.split(" ")))


@dataclass(frozen=True)
class GitUser:
    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def git_user(worktree: Worktree) -> GitUser:
    """The person that git would put on a commit. Raises `Refused` with what to type when git does not know."""
    answer = git("config", "-z", "--get-regexp", r"^user\.(name|email)$", cwd=worktree.root, check=False)
    found = dict(item.decode("utf-8", "replace").split("\n", 1) for item in answer.stdout.split(b"\0") if b"\n" in item)
    name, email = (found.get(key, "").strip() for key in ("user.name", "user.email"))
    hints = []
    if not name:
        hints.append('git config user.name "Your Name"')
    if not email:
        hints.append("git config user.email you@example.org")
    if hints:
        raise Refused("git does not know who you are", hints=tuple(hints))
    return GitUser(name, email)


def dev_slug(pattern: str, slug: str, user: GitUser) -> str:
    """The personal slug of `user` for the shared kernel `slug`, e.g. `fula-lid-dev-awa-diop-x3kq7a2m`.

    5 to 50 characters of [a-z0-9-]; the same for ever for the same pattern, slug, name and e-mail; different for
    different e-mails and for different slugs, also where it had to be shortened; never the shared slug itself.
    Raises `UsageError` for a pattern without `{slug}` or `{user}`.
    """
    for part in ("{slug}", "{user}"):
        if pattern.count(part) != 1:
            raise UsageError(
                f"dev.pattern must contain {part} once, not {pattern!r}",
                details=("without it two people, or two kernels, would share one personal slug",),
            )
    tag = _tag(unicodedata.normalize("NFC", user.email).strip().casefold())
    name = ascii_slug(user.name) or ascii_slug(user.email.partition("@")[0])
    shared = ascii_slug(slug)
    around = len(_fill(pattern, "x", "x")) - 2
    room = MAX_SLUG - around - _TAG
    if room < 2 + _TAG:
        raise UsageError(f"dev.pattern leaves no room for a slug of {MAX_SLUG} characters: {pattern!r}")
    # The person's name gives way first; then the slug does, keeping a tag of what was cut off.
    name = name[: max(0, min(_NAME, room - len(shared) - 1))].strip("-")
    rest = room - (len(name) + 1 if name else 0)
    if len(shared) > rest:
        shared = f"{shared[: rest - _TAG - 1].strip('-')}-{_tag(slug)}".strip("-")
    made = _fill(pattern, shared, f"{name}-{tag}" if name else tag)
    return made if made != slug else _fill(pattern, _tag(slug), tag)


def ascii_slug(text: str) -> str:
    """`text` in [a-z0-9-], letters folded to the nearest ASCII, no dash doubled or at an end; may be empty."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_FOLD)).translate(_FOLD)
    letters: list[str] = []
    for letter in folded:
        if letter.isascii() and letter.isalnum():
            letters.append(letter.lower())
        elif not unicodedata.combining(letter) and letters and letters[-1] != "-":
            letters.append("-")
    return "".join(letters).strip("-")


def title_case(slug: str) -> str:
    """A title that Kaggle resolves to `slug`."""
    return " ".join(word.capitalize() for word in slug.split("-"))


def _fill(pattern: str, slug: str, user: str) -> str:
    return ascii_slug(pattern.replace("{slug}", slug).replace("{user}", user))


def _tag(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:_TAG]
