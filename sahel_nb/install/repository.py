"""`init`: the files that a repository needs and commits. What is there already is only ever added to.

sahel-nb.toml            the team's settings, every key shown with its default
.gitattributes           *.ipynb filter=sahel-nb …
.gitignore               runs/, credentials, checkpoints
jupytext.toml            pairing inside Jupyter, with the same mirrors that we write
.pre-commit-config.yaml  only when asked for
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sahel_nb.config import FILE_NAME, Config
from sahel_nb.errors import UsageError
from sahel_nb.install import shipped
from sahel_nb.links import inside
from sahel_nb.notebook.form import in_language
from sahel_nb.notebook.pair import DEFAULT_FORMAT, extension
from sahel_nb.permissions import read_regular

_LANGUAGES = ("R", "jl")  # besides Python, those that Kaggle knows


class Outcome(Enum):
    CREATED = "created"
    EXTENDED = "extended"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Written:
    name: str
    outcome: Outcome


def initialize(root: Path, config: Config, *, pre_commit: bool) -> list[Written]:
    """Write what is missing below `root`; repeating it changes nothing. Raise `UsageError` for an unreadable file,
    `LeadsOut` for one that is a link to somewhere else."""
    files: list[tuple[str, Callable[[str | None, str], str | None]]] = [
        (FILE_NAME, _whole),
        (".gitattributes", _lines),
        (".gitignore", _lines),
        ("jupytext.toml", _whole if config.pair.format and not _configures_jupytext(root) else _never),
    ]
    if pre_commit:
        files.append((".pre-commit-config.yaml", _pre_commit))
    done = []
    for name, merge in files:
        done.append(_write(name, Path(inside(str(root / name), name, str(root))), _template(name, config), merge))
    return done


def ours_missing(root: Path, name: str, config: Config) -> list[str]:
    """Lines of .gitattributes or .gitignore that `init` would add."""
    text = _template(name, config)
    there = (_read(root / name) or "").splitlines()
    return [line for line in text.splitlines() if line and not line.startswith("#") and line not in there]


def _template(name: str, config: Config) -> str:
    path = shipped.folder("templates") / "repository" / name.removeprefix(".")
    text = path.read_text(encoding="utf-8").replace("{outputs}", config.run.outputs.strip("/"))
    fmt = config.pair.format or DEFAULT_FORMAT
    kinds = dict.fromkeys((extension(fmt), *(extension(in_language(fmt, one)) for one in _LANGUAGES)))
    extensions = "|".join(kind.lstrip(".") for kind in kinds)
    return text.replace("{formats}", formats_of(fmt)).replace("{extension}", extensions)


def formats_of(fmt: str) -> str:
    """jupytext's formats: a script in the notebook's language (`auto`), and a group for each language.

    By these a script that is opened in Jupyter finds its notebook: by `auto` it finds none (jupytext 1.18 to 1.19).
    """
    scripts = dict.fromkeys((in_language(fmt, "auto"), fmt, *(in_language(fmt, one) for one in _LANGUAGES)))
    return ";".join(f"ipynb,{script}" for script in scripts)


def _write(name: str, path: Path, text: str, merge: Callable[[str | None, str], str | None]) -> Written:
    from sahel_nb.durable import write_atomically

    old = _read(path)
    new = merge(old, text)
    if new is None or new == old:
        return Written(name, Outcome.UNCHANGED)
    mode = path.stat().st_mode & 0o777 if old is not None else 0o644
    write_atomically(path, new.encode("utf-8", "surrogateescape"))
    path.chmod(mode)
    return Written(name, Outcome.CREATED if old is None else Outcome.EXTENDED)


def _read(path: Path) -> str | None:
    try:
        # Line ends and bytes of other people stay as they are.
        return read_regular(str(path)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def _whole(old: str | None, text: str) -> str | None:
    """A file that is there is somebody's decision."""
    return text if old is None else None


def _never(old: str | None, text: str) -> str | None:  # noqa: ARG001  the signature of its siblings
    return None


def _lines(old: str | None, text: str) -> str | None:
    """Add the lines that are missing, under our comment, in the file's own line ends."""
    if old is None:
        return text
    there = old.splitlines()
    missing = [line for line in text.splitlines() if line and not line.startswith("#") and line not in there]
    if not missing:
        return None
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "" if not old else newline if old.endswith("\n") else newline * 2
    return old + gap + newline.join(["# sahel-nb", *missing]) + newline


def _pre_commit(old: str | None, text: str) -> str | None:
    if old is None:
        return text
    if "sahel-nb-guard" in old:
        return None
    raise UsageError(
        ".pre-commit-config.yaml is there already; add the entry for sahel-nb by hand",
        details=tuple(text.splitlines()),
    )


def _configures_jupytext(root: Path) -> bool:
    kinds = ("", ".toml", ".yml", ".yaml", ".json")
    names = (".jupytext.py", *(f"{dot}jupytext{kind}" for dot in ("", ".") for kind in kinds))
    pyproject = _read(root / "pyproject.toml") or ""
    return "[tool.jupytext]" in pyproject or any((root / name).is_file() for name in names)
