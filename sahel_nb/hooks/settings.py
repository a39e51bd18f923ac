"""What the team and the person have set, as far as the hooks need it.

config.py reads all of it, and costs as much as the rest of a hook. Most repositories set nothing that matters here:
then the defaults hold, and it is not asked.
"""

from __future__ import annotations

import os

from sahel_nb.notebook.lint_scope import LintScope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahel_nb.hooks.staged import Repository

ALLOW_ID_CHANGE = ("sahel-nb.guard.allowidchange", "SAHEL_NB_ALLOW_ID_CHANGE")
ALLOW_DIRTY = ("sahel-nb.push.allowdirty", "SAHEL_NB_ALLOW_DIRTY")

_SECTIONS = ("lock", "dev", "notebooks", "pair", "lint", "run", "vault")
_DEFAULT_FORMAT = "py:percent"


class Settings:
    """`format` is the mirror's, empty where pairing is off; `scope` says where the rules of lint hold.

    `chosen` is the format where somebody has set it; None leaves it to jupytext's configuration (forms.py).
    """

    __slots__ = ("chosen", "format", "scope")

    def __init__(self, fmt: str, scope: LintScope, chosen: str | None = None) -> None:
        self.format = fmt
        self.chosen = chosen
        self.scope = scope


class Personal:
    """git configuration and environment, read once. Both beat what the team has committed.

    `git_config` also holds the URLs of the remotes, `remote.<name>.url`.
    """

    __slots__ = ("environ", "git_config")

    def __init__(self, git_config: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self.git_config = git_config
        self.environ = environ

    @classmethod
    def of(cls, repository: Repository) -> Personal:
        return cls(repository.git_config(r"^(sahel-nb\.|remote\..*\.(push)?url$)"), os.environ)

    def allows(self, setting: tuple[str, str]) -> bool:
        """Has this person said, once or for this repository, that it is meant?"""
        key, variable = setting
        if self.environ.get(variable, "") not in ("", "0"):
            return True
        value = self.git_config.get(key, "false").lower()
        return value in ("true", "yes", "on") or (value.isdigit() and int(value) != 0)

    def settings(self, toml: bytes | None) -> Settings:
        """With what sahel-nb.toml says, if there is one. Raise `UsageError` for what cannot be understood."""
        if not self.overrides() and (toml is None or _says_nothing(toml)):
            return Settings(_DEFAULT_FORMAT, LintScope())
        from sahel_nb.config import load, sets_pair_format

        config = load(toml, self.git_config, self.environ)
        chosen = sets_pair_format(toml, self.git_config, self.environ)
        return Settings(
            config.pair.format,
            LintScope(config.lint.disable, config.lint.exclude),
            config.pair.format if chosen else None,
        )

    def overrides(self) -> list[str]:
        """Personal settings of what can be committed, as `name=value`."""
        keys = tuple(f"sahel-nb.{name}." for name in _SECTIONS)
        names = tuple(f"SAHEL_NB_{name.upper()}_" for name in _SECTIONS)
        found = [f"{key}={value}" for key, value in self.git_config.items() if key.startswith(keys)]
        return sorted(found + [f"{name}={value}" for name, value in self.environ.items() if name.startswith(names)])


def _says_nothing(toml: bytes) -> bool:
    """Only comments, and headings of sections that there are: what `init` writes."""
    headings = {b"[%s]" % name.encode("ascii") for name in _SECTIONS}
    seen = set()
    for line in toml.replace(b"\r\n", b"\n").split(b"\n"):
        text = line.strip(b" \t")
        if not text or text.startswith(b"#"):
            if not text.isascii() or not text.replace(b"\t", b" ").decode("ascii").isprintable():
                return False  # TOML is particular about what a comment may hold
            continue
        if text not in headings or text in seen:
            return False
        seen.add(text)
    return True
