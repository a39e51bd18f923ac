"""sahel-nb.toml and personal settings → one frozen `Config`.

Precedence, strongest first: flags (applied by the command), environment `SAHEL_NB_<SECTION>_<KEY>`, git config
`sahel-nb.<section>.<key>`, the file at the repository's root, the defaults below. This module reads no file and starts
no process: whoever holds the worktree passes the bytes and the mappings in.

The file comes with a clone, so it is not trusted: what becomes a path, a ref, a name or an argument of git is checked
here, once. The value that counts is checked; `lock.remote` may be more in a personal setting than in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, get_type_hints

from sahel_nb.errors import UsageError
from sahel_nb.links import edit

FILE_NAME = "sahel-nb.toml"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")  # what git takes for one


class CleanScope(Enum):
    """What `run` demands to be clean: the whole tree, or only what the kernel needs."""

    TREE = "tree"
    KERNEL = "kernel"


class Enforcement(Enum):
    """Who refuses a lock's record that may not be there."""

    OFF = "off"
    """Nobody: the lock is advisory among people who may push."""
    SIGNED = "signed"
    """Every clone: records are signed, and only those of people who count are believed."""
    SERVER = "server"
    """The remote: its hook knows who pushes."""


@dataclass(frozen=True)
class LockConfig:
    remote: str = "origin"
    """A remote's name, or an ssh or https URL, committed so that all forks look at one lock. Yours alone may be any."""
    prefix: str = "refs/sahel/locks"
    """Where lock refs live, below `refs/sahel`; `refs/heads/sahel-locks` for hosts that refuse custom refs."""
    ttl: int = 600
    """Seconds after which a silent ARMED lock, with nothing of it on Kaggle, may be reaped. Only the committed value
    counts, see `lock.ttl`."""
    enforce: Enforcement = Enforcement.OFF
    """Who enforces the lock: each clone by signatures, the server by its hook, or nobody. Only the committed value of
    the default branch counts, here and in what follows."""
    signers: str = "refs/heads/sahel-signers"
    """The protected branch of the lock remote whose file `allowed_signers` says whose keys count, and `leads` who
    leads."""
    runners: tuple[str, ...] = ()
    """Who may run a kernel, `owner/slug address…` in each text, both with `*`; what no text names, everybody may."""
    id: str = ""
    """What records call the lock remote, however it is reached: `sahel-nb lock init` writes it. Empty: as its URL."""


@dataclass(frozen=True)
class DevConfig:
    pattern: str = "{slug}-dev-{user}"
    """The personal slug; `{slug}` is the shared kernel's, `{user}` derives from the git user."""
    owner: str = ""
    """Kaggle account for dev slugs; empty means each member's own."""


@dataclass(frozen=True)
class NotebooksConfig:
    folders: tuple[str, ...] = ("notebooks",)
    """Where `new` puts kernels. Kernels are found anywhere a kernel-metadata.json is committed."""


@dataclass(frozen=True)
class PairConfig:
    format: str = "py:percent"
    """jupytext format of the mirror; empty turns pairing off."""


@dataclass(frozen=True)
class LintConfig:
    disable: tuple[str, ...] = ()
    """Rule codes that are not applied."""
    exclude: tuple[str, ...] = ()
    """Files that are not linted, as patterns of .gitignore; they are still stripped, paired and guarded."""


@dataclass(frozen=True)
class RunConfig:
    clean: CleanScope = CleanScope.TREE
    outputs: str = "runs"
    """Folder, relative to the repository's root, that receives what runs produce; ignored by git."""
    timeout: int = 0
    """Seconds a run may take on Kaggle; 0 stands for the longest that Kaggle allows (12 h, 9 h on a TPU)."""


@dataclass(frozen=True)
class VaultConfig:
    keep: bool = True
    """Whether outputs that are stripped on the way into git are kept below .git, and given back at checkout."""
    size: int = 1000
    """Megabytes that they may take up; beyond it the oldest versions go first. 0 sets no limit."""


@dataclass(frozen=True)
class Config:
    lock: LockConfig = field(default_factory=LockConfig)
    dev: DevConfig = field(default_factory=DevConfig)
    notebooks: NotebooksConfig = field(default_factory=NotebooksConfig)
    pair: PairConfig = field(default_factory=PairConfig)
    lint: LintConfig = field(default_factory=LintConfig)
    run: RunConfig = field(default_factory=RunConfig)
    vault: VaultConfig = field(default_factory=VaultConfig)


def load(
    toml: bytes | None = None,
    git_config: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Merge the layers. `git_config` maps lower-case keys such as `sahel-nb.run.clean`; unknown keys are errors.

    Raises `UsageError` naming the layer and the key that cannot be understood, with the command that mends it there.
    """
    return _merged(toml, git_config or {}, environ or {}, _check)


def as_committed(toml: bytes | None) -> Config:
    """What a commit's file says, to compare with: nothing of it is a path, a ref or an argument before `load` took it.

    A team may have committed what only a personal setting may be. Raises `UsageError` for what cannot be understood.
    """
    return _merged(toml, {}, {}, lambda *_: None)


def committed_lock(toml: bytes | None) -> LockConfig:
    """`[lock]` of a commit's file, to be used: all but `remote`, which only `is_shared_remote` makes safe, is checked.

    Raises `UsageError`."""
    lock = as_committed(toml).lock
    for one in fields(LockConfig):
        if one.name != "remote":
            _check(f"lock.{one.name}", getattr(lock, one.name), f"{FILE_NAME}: lock.{one.name}")
    return lock


def _merged(
    toml: bytes | None,
    git_config: Mapping[str, str],
    environ: Mapping[str, str],
    check: Callable[[str, Any, str], None],
) -> Config:
    document = _parse(toml) if toml is not None else {}
    sections: dict[str, Any] = {}
    for section in fields(Config):
        kind = get_type_hints(Config)[section.name]
        sections[section.name], places = _section(kind, section.name, document, git_config, environ)
        for key, where in places.items():
            check(f"{section.name}.{key}", getattr(sections[section.name], key), where)
    unknown = sorted(set(document) - set(sections))
    if unknown:
        known = f"known: {', '.join(sections)}"
        raise UsageError(f"{FILE_NAME}: unknown section [{unknown[0]}]", details=(known,), hints=(edit(FILE_NAME),))
    return Config(**sections)


def sets_pair_format(toml: bytes | None, git_config: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Has anybody chosen a format? Where nobody has, jupytext's own configuration is asked before the default holds.

    Raise as `load` does.
    """
    if "SAHEL_NB_PAIR_FORMAT" in environ or "sahel-nb.pair.format" in git_config:
        return True
    return toml is not None and "format" in _parse(toml).get("pair", {})


def _parse(toml: bytes) -> dict[str, Any]:
    from sahel_nb.config_text import parse_toml

    try:
        return parse_toml(toml)
    except ValueError as exc:
        raise UsageError(f"{FILE_NAME} is not valid TOML: {exc}", hints=(edit(FILE_NAME),)) from exc


def _section(
    kind: type, name: str, document: Mapping[str, Any], git_config: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Any, dict[str, str]]:
    """The values, and where each that somebody set stands."""
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{FILE_NAME}: [{name}] must be a table", hints=(edit(FILE_NAME),))
    hints = get_type_hints(kind)
    if name == "lock" and "signing" in table:
        table = _from_signing(table)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise UsageError(
            f"{FILE_NAME}: unknown key `{unknown[0]}` in [{name}]",
            details=(f"known: {', '.join(hints)}",),
            hints=(edit(FILE_NAME),),
        )
    known_git = {f"sahel-nb.{name}.{key}" for key in hints}
    known_env = {f"SAHEL_NB_{name}_{key}".upper() for key in hints}
    misspelt = [
        f"git config {key}" for key in git_config if key.startswith(f"sahel-nb.{name}.") and key not in known_git
    ]
    misspelt += [key for key in environ if key.startswith(f"SAHEL_NB_{name}_".upper()) and key not in known_env]
    if misspelt:
        known = f"known in [{name}]: {', '.join(hints)}"
        raise UsageError(f"unknown setting: {misspelt[0]}", details=(known,), hints=(_mend(misspelt[0]),))
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for key, hint in hints.items():
        if key in table:
            places[key] = f"{FILE_NAME}: {name}.{key}"
            values[key] = _convert(table[key], hint, places[key])
        git_key = f"sahel-nb.{name}.{key}"
        if git_key in git_config:
            places[key] = f"git config {git_key}"
            values[key] = _convert(git_config[git_key], hint, places[key])
        env_key = f"SAHEL_NB_{name}_{key}".upper()
        if env_key in environ:
            places[key] = env_key
            values[key] = _convert(environ[env_key], hint, env_key)
    return kind(**values), places


def _from_signing(table: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier version called `lock.signing`: ssh is what `enforce = "signed"` means."""
    kept = {key: value for key, value in table.items() if key != "signing"}
    if table["signing"] == "off" or "enforce" in kept:
        return kept
    if table["signing"] == "ssh":
        return {"enforce": "signed", **kept}
    raise UsageError(
        f"{FILE_NAME}: lock.signing = {table['signing']!r} is no more: records are signed with ssh keys",
        details=('write instead: enforce = "signed"',),
        hints=(edit(FILE_NAME),),
    )


def _check(name: str, value: Any, where: str) -> None:
    """Raise `UsageError` for a text that is not what its setting may be."""
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    rule, wanted = _RULES.get(name, (None, ""))
    if name == "lock.remote" and where.startswith(FILE_NAME):
        rule, wanted = is_shared_remote, "a remote's name, or an ssh:// or https:// URL without a password"
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{where} has a character that cannot be printed: {text!r}", hints=(_mend(where),))
        if rule is not None and not rule(text):
            details = _ONLY_YOURS if name == "lock.remote" else ()
            shown = re.sub(r"//[^/]*@", "//", text)
            raise UsageError(f"{where} must be {wanted}, not {shown!r}", details=details, hints=(_mend(where),))


_ONLY_YOURS = ("a path, file:// and other protocols are for a personal setting: git config sahel-nb.lock.remote",)
_PATH = r"[\w.~/+@%:,=-]+"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
_USER = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?"
_SHARED = re.compile(rf"(?:ssh|https)://{_USER}{_HOST}/{_PATH}|{_USER}[A-Za-z0-9][A-Za-z0-9.-]+:(?!:|-|//){_PATH}")
_REMOTE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PART = r"/[A-Za-z0-9][A-Za-z0-9_-]*"
_BRANCH_OF_LOCKS = rf"refs/heads(?:{_PART})*?/(?:[A-Za-z0-9][A-Za-z0-9_-]*-)?locks(?:{_PART})*"
_PREFIX = re.compile(rf"(?:refs/sahel(?:{_PART})+|{_BRANCH_OF_LOCKS})(?<!-archive)")
"""Our own room, or branches whose folder says that it is for locks: any other would be among people's work."""
_NOT_FOR_LOCKS = "refs/sahel/commits/"
"""The commits that ran."""
_BRANCH = re.compile(r"refs/heads(/[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock(?:/|$)|/|$))*)+")
_RUNNERS = re.compile(r"[\w*-]+/[\w*-]+( +[^\s<>@]+@[^\s<>@]+)+")
_REMOTE_ID = re.compile(r'[^"\\]{0,300}')
_OWNER = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)?")


def is_shared_remote(text: str) -> bool:
    """What a committed `lock.remote` may be: no path, nothing that starts a program, nothing to be pasted into a shell.

    Not http: and git:, by which anybody on the way could move the locks; a remote's name leads to such a host as well.
    """
    from urllib.parse import unquote

    if _REMOTE_NAME.fullmatch(text):
        return True
    return bool(_SHARED.fullmatch(text)) and ".." not in re.split("[/:]", unquote(text))


def is_prefix(text: str) -> bool:
    """Whether refs may live below it."""
    return bool(_PREFIX.fullmatch(text)) and not f"{text}/".startswith(_NOT_FOR_LOCKS)


def is_folder(text: str) -> bool:
    """A folder below the repository's root, and not git's own."""
    from sahel_nb.git_names import unsafe_part

    parts = [part for part in text.rstrip("/").split("/") if part != "."]
    return bool(parts) and not text.startswith("-") and unsafe_part("/".join(parts).encode()) is None


def _is_personal_remote(text: str) -> bool:
    return bool(text) and not text.startswith("-")


_RULES: dict[str, tuple[Callable[[str], bool], str]] = {
    "lock.remote": (_is_personal_remote, "a remote's name, a URL or a path"),
    "lock.prefix": (
        is_prefix,
        "below refs/sahel, as refs/sahel/locks, or branches named locks, as refs/heads/sahel-locks",
    ),
    "lock.signers": (lambda text: bool(_BRANCH.fullmatch(text)), "a branch, as refs/heads/sahel-signers"),
    "lock.runners": (
        lambda text: bool(_RUNNERS.fullmatch(text)),
        "owner/slug and addresses, as 'a/b-* *@c.org'",
    ),
    "lock.id": (lambda text: bool(_REMOTE_ID.fullmatch(text)), "a name, as example.org/team/notebooks"),
    "dev.owner": (lambda text: bool(_OWNER.fullmatch(text)), "the name of a Kaggle account"),
    "notebooks.folders": (lambda text: text == "." or is_folder(text), "folders below the repository's root"),
    "run.outputs": (is_folder, "a folder below the repository's root"),
}
"""What a setting may be, wherever it is set, and that in words."""


def boolean(value: str, where: str) -> bool:
    """What git takes for true or false. Raises `UsageError` naming `where` it was set."""
    return bool(_convert(value, bool, where))


def _convert(value: Any, hint: Any, where: str) -> Any:
    if hint is str and isinstance(value, str):
        return value
    if hint is bool:
        if str(value).lower() in _TRUE:
            return True
        if str(value).lower() in _FALSE:
            return False
        raise UsageError(f"{where} must be true or false, not {value!r}", hints=(_mend(where),))
    if hint is int and not isinstance(value, bool):
        try:
            number = int(value)
        except (OverflowError, TypeError, ValueError):  # inf is a number of TOML
            raise UsageError(f"{where} must be a whole number, not {value!r}", hints=(_mend(where),)) from None
        if number < 0:
            raise UsageError(f"{where} must not be negative, not {number}", hints=(_mend(where),))
        return number
    if hint == tuple[str, ...]:
        if isinstance(value, str):
            return tuple(word for word in value.replace(",", " ").split() if word)
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return tuple(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            choices = ", ".join(repr(member.value) for member in hint)
            raise UsageError(f"{where} must be one of {choices}, not {value!r}", hints=(_mend(where),)) from None
    raise UsageError(f"{where}: {value!r} is not of the right kind", hints=(_mend(where),))


def unset(key: str) -> str:
    """The command that takes a personal setting away, from the clone or else from all clones of this user."""
    return f"git config --unset-all {key} || git config --global --unset-all {key}"


def _mend(where: str) -> str:
    """The command for the layer that a mistake is in; `where` names it as the messages do."""
    if where.startswith("git config "):
        return unset(where.removeprefix("git config "))
    return edit(FILE_NAME) if where.startswith(FILE_NAME) else f"unset {where}"
