"""Everything that must be right on this machine and in this clone, each failing row with the command that mends it."""

from __future__ import annotations

import json
import os
import platform
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from shlex import quote, split

from sahel_nb import __version__
from sahel_nb.config import FILE_NAME, Config
from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.install import drivers, hooks, shipped, vault
from sahel_nb.install.hooks import HookState
from sahel_nb.install.install import Settings, configured
from sahel_nb.install.repository import formats_of, ours_missing
from sahel_nb.links import edit, typed
from sahel_nb.lock.home import home_of
from sahel_nb.permissions import read_regular
from sahel_nb.repo.cmd import GitFailed, git
from sahel_nb.repo.phantom import modified, phantoms
from sahel_nb.repo.vault_sweep import size_of
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict

GIT_MINIMUM = (2, 30)
"""The first whose `git rev-parse` knows --end-of-options, says its release notes."""
MEND_PHANTOMS = "sahel-nb doctor --fix"
_INSTALL = "sahel-nb install"
MEND_RAW = 'git add --renormalize ":/*.ipynb" && git commit -m "Strip notebooks"'
_SLOW_CLOCK = 120
_STRIPPERS = frozenset(("nbstripout", "nbstripout-fast", "nbwipers", "nb-clean", "nbdev-clean", "jupyter"))

_OK, _FAILED, _WARNING, _UNKNOWN, _SKIPPED = (
    Verdict.OK,
    Verdict.FAILED,
    Verdict.WARNING,
    Verdict.UNKNOWN,
    Verdict.SKIPPED,
)


def examine(
    worktree: Worktree,
    config: Config,
    environ: Mapping[str, str],
    *,
    offline: bool = False,
    mirrors: Callable[[Worktree], Iterable[bytes]] | None = None,
) -> list[Check]:
    """All rows. No row stops another; a check that itself breaks is UNKNOWN. Starts no Kaggle client.

    `mirrors` knows which files git should merge as such; if left out, those that lie beside their notebooks.
    """
    known = mirrors or _beside(config)
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("versions", _versions),
        ("git", lambda: _git(worktree)),
        ("settings", lambda: _settings(worktree)),
        ("filter", lambda: _filter(worktree)),
        ("attributes", lambda: _attributes(worktree, config)),
        ("merge", lambda: _merge(worktree, known)),
        ("vault", lambda: _vault(worktree, config)),
        ("state", lambda: _state(worktree)),
        ("hooks", lambda: _hooks(worktree)),
        ("nbstripout", lambda: _nbstripout(worktree)),
        ("phantoms", lambda: _phantoms(worktree)),
        ("ignored", lambda: _ignored(worktree, config)),
        ("jupytext", lambda: _jupytext(worktree)),
        ("kaggle", lambda: _package("kaggle")),
        ("credentials", lambda: _credentials(environ)),
        ("lock remote", lambda: _remote(worktree, config, offline)),
        ("clock", lambda: _clock(worktree)),
    )
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except SahelError as exc:
        return Check(name, _FAILED, exc.message, exc.hints[0] if exc.hints else "git status")
    except OSError as exc:
        return Check(name, _UNKNOWN, f"could not be looked at: {exc}")


def _versions() -> Check:
    found = f"sahel-nb {__version__}, Python {platform.python_version()}, {platform.system()}"
    return Check("versions", _OK, found)


def _git(worktree: Worktree) -> Check:
    text = git("version", cwd=worktree.root).text.removeprefix("git version ")
    numbers = tuple(int(part) for part in text.split(" ")[0].split(".")[:2] if part.isdigit())
    if numbers < GIT_MINIMUM:
        wanted = ".".join(map(str, GIT_MINIMUM))
        return Check("git", _FAILED, f"{text}; sahel-nb needs {wanted} or later", "git --version")
    return Check("git", _OK, text)


def _settings(worktree: Worktree) -> Check:
    """What `init` writes is for everybody, and nobody else has it before it is committed."""
    names = [name for name in (FILE_NAME, ".gitattributes") if (worktree.root / name).exists()]
    known = git("ls-files", "-z", "--", *names, cwd=worktree.root).stdout.split(b"\0") if names else []
    loose = [name for name in names if name.encode() not in known]
    if loose:
        found = (
            f"{' and '.join(loose)} {'is' if len(loose) == 1 else 'are'} not in git: others do not have what it says"
        )
        return Check(
            "settings", _WARNING, found, f'git add {" ".join(map(typed, loose))} && git commit -m "Set up sahel-nb"'
        )
    return Check("settings", _OK, FILE_NAME if FILE_NAME in names else f"no {FILE_NAME}: the defaults hold")


def _filter(worktree: Worktree) -> Check:
    current, wanted = configured(worktree), Settings.mine().entries()
    process = current.get("filter.sahel-nb.process", "")
    if not process:
        return Check("filter", _FAILED, "not set in this clone: outputs would be committed", "sahel-nb install")
    wrong = sorted(key for key, value in wanted.items() if current.get(key) != value)
    if not wrong:
        return Check("filter", _OK, "set, and required")
    gone = [word for word in _words(process) if word.startswith("/") and not Path(word.rstrip(";")).exists()]
    if gone:
        return Check("filter", _FAILED, f"{gone[0]} is gone: git can stage no notebook", "sahel-nb install")
    if "filter.sahel-nb.required" in wrong:
        found = "not required: a notebook that it cannot strip would be committed with its outputs"
        return Check("filter", _FAILED, found, "sahel-nb install")
    return Check("filter", _WARNING, f"{wrong[0]} points at another installation of sahel-nb", "sahel-nb install")


def _words(command: str) -> list[str]:
    try:
        return split(command)
    except ValueError:  # a quote that does not end
        return [command]


def _attributes(worktree: Worktree, config: Config) -> Check:
    answer = git("check-attr", "-z", "filter", "--", "a.ipynb", cwd=worktree.root)
    value = answer.stdout.split(b"\0")[2].decode("utf-8", "replace")
    if value == "sahel-nb":
        return Check("attributes", _OK, "*.ipynb filter=sahel-nb")
    if _process(worktree, value) in _processes():
        return Check("attributes", _OK, f"*.ipynb filter={value}, which is sahel-nb in this clone")
    if ours_missing(worktree.root, ".gitattributes", config):
        return Check(
            "attributes", _FAILED, f"notebooks have filter={value}", "sahel-nb init && git add :/.gitattributes"
        )
    where = "git check-attr -a -- a.ipynb"
    return Check("attributes", _FAILED, f"another line gives notebooks filter={value}", where)


def _process(worktree: Worktree, name: str) -> str:
    return git("config", "--get", f"filter.{name}.process", cwd=worktree.root, check=False).text


def _processes() -> tuple[str, str]:
    """Our filter, as git's configuration may name it under another name: as a whole, or by the runner."""
    mine = Settings.mine()
    return mine.entries()["filter.sahel-nb.process"], f"{mine.runner} filter"


def _beside(config: Config) -> Callable[[Worktree], Iterable[bytes]]:
    return lambda worktree: drivers.mirrors_beside(worktree, config.pair.format)


def _merge(worktree: Worktree, mirrors: Callable[[Worktree], Iterable[bytes]]) -> Check:
    """Without a driver git merges notebooks as text: nothing is lost, but a conflict is one in JSON."""
    current, wanted = configured(worktree), drivers.entries(Settings.mine().runner)
    if any(current.get(key) != value for key, value in wanted.items()):
        found = "no merge drivers in this clone, or other ones: notebooks would be merged as text"
        return Check("merge", _WARNING, found, "sahel-nb install")
    asked = ("a.ipynb", "kernel-metadata.json")
    answer = git("check-attr", "-z", "merge", "--", *asked, cwd=worktree.root)
    values = answer.stdout.split(b"\0")[2::3]
    if values != [b"sahel-nb-notebook", b"sahel-nb-metadata"]:
        found = ".gitattributes does not ask for them"
        return Check("merge", _WARNING, found, "sahel-nb init && git add :/.gitattributes")
    missing = drivers.unregistered(worktree, mirrors(worktree))
    if missing:
        name = missing[0].decode("utf-8", "backslashreplace")
        return Check("merge", _WARNING, f"{name} would be merged as text", "sahel-nb install")
    return Check("merge", _OK, "notebooks by cell, mirrors with them, kernel-metadata.json by key")


def _vault(worktree: Worktree, config: Config) -> Check:
    """Without it a checkout gives notebooks back without the outputs that they had."""
    if not vault.folder(worktree).is_dir():
        return Check("vault", _WARNING, "this clone keeps no outputs that are stripped", "sahel-nb install")
    if not vault.follows(worktree, config.vault):
        return Check("vault", _WARNING, "its settings have changed since `sahel-nb install`", "sahel-nb install")
    size = size_of(vault.folder(worktree)) / vault.MEGABYTE
    if not config.vault.keep:
        return Check("vault", _OK, f"off (vault.keep); {size:.1f} MB are kept from before")
    found = f"{size:.1f} of {config.vault.size or 'any number of'} MB; outputs come back at checkout"
    if not vault.holds_files(worktree):
        return Check("vault", _OK, f"{found}, but not those that `git restore` drops (core.trustctime is true)")
    return Check("vault", _OK, found)


def _state(worktree: Worktree) -> Check:
    """Outputs, journals and what the lock is remembered by are nobody else's, unless core.sharedRepository says so."""
    folder, wanted = worktree.common_dir / "sahel-nb", worktree.state_mode()
    name = f"{folder.parent.name}/{folder.name}"
    if drivers.shut(worktree):
        return Check(
            "state", _WARNING, "others who use this clone cannot read .git/info/attributes", "sahel-nb install"
        )
    if not folder.is_dir():
        return Check("state", _OK, f"there is no {name} yet")
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        mend = "git config core.sharedRepository group && sahel-nb install  # its owner"
        return Check("state", _FAILED, f"{name} is another user's, who lets nobody in ({mode:o})", mend)
    if mode != wanted and found.st_uid == os.geteuid():
        said = f"{name} has mode {mode:o}, and core.sharedRepository asks for {wanted:o}"
        return Check("state", _WARNING, said, "sahel-nb install")
    return Check("state", _OK, f"{name} has mode {mode:o}")


def _hooks(worktree: Worktree) -> Check:
    """Whether git runs ours, and whether all that it would run without us still runs: asked of git, not of memory."""
    folders = hooks.Folders.of(worktree)
    found = {name: hooks.state(folders.used / name) for name in shipped.HOOKS}
    missing = [name for name, one in found.items() if one is HookState.MISSING]
    foreign = [name for name, one in found.items() if one in (HookState.FOREIGN, HookState.EDITED)]
    if foreign and all(hooks.of_framework(folders.used / name) for name in foreign) and _framework_has_ours(worktree):
        return Check("hooks", _OK, "through the pre-commit framework")
    if missing or foreign:
        place = hooks.shown(worktree, folders.used)
        return Check(
            "hooks", _FAILED, f"git looks in {place}; not ours or not there: {', '.join(missing + foreign)}", _INSTALL
        )
    renamed = [name for name in shipped.HOOKS if (folders.theirs / (name + hooks.BEFORE)).exists()]
    if renamed:
        said = f"{', '.join(renamed)}: the hook of another program was renamed by an earlier version"
        return Check("hooks", _FAILED, said, _INSTALL)
    if lost := hooks.not_forwarded(folders) if folders.apart else []:
        said = f"{hooks.shown(worktree, folders.theirs)}/{lost[0]} does not run, since ours are installed"
        return Check("hooks", _FAILED, said, _INSTALL)
    called = [name for name, one in found.items() if one is HookState.CALLED]
    run = [folders.used / (name + hooks.LEGACY * (name in called)) for name in shipped.HOOKS]
    if HookState.OUTDATED in found.values() or not all(os.access(path, os.X_OK) for path in run):
        return Check("hooks", _WARNING, "from another version, or not executable", _INSTALL)
    if not folders.apart and (folders.used / "husky.sh").is_file():
        said = "husky 4 has skipped hooks, since ours were there"
        return Check("hooks", _WARNING, said, "sahel-nb uninstall && npm rebuild husky && sahel-nb install")
    return Check("hooks", _OK, "; ".join(_how_hooks_run(worktree, folders, called)))


def _how_hooks_run(worktree: Worktree, folders: hooks.Folders, called: list[str]) -> list[str]:
    said = ["installed" + (f" in {hooks.shown(worktree, folders.used)}" if folders.apart else "")]
    if called:
        said.append(f"called by the pre-commit framework's: {', '.join(called)}")
    if folders.apart:
        theirs = hooks.shown(worktree, folders.theirs)
        if running := hooks.theirs_that_run(folders):
            said.append(f"{theirs}/{hooks.and_more(running)} run first")
        if idle := hooks.theirs_without_x(folders):
            said.append(f"{theirs}/{hooks.and_more(idle)}: not executable, never run")
    return said


def _framework_has_ours(worktree: Worktree) -> bool:
    framework = worktree.root / ".pre-commit-config.yaml"
    return framework.is_file() and b"sahel-nb" in framework.read_bytes()


def _nbstripout(worktree: Worktree) -> Check:
    """Two strippers on one file take turns, and each calls the other's work a change."""
    pattern = r"^filter\..*\.(clean|process)$"
    answer = git("config", "-z", "--get-regexp", pattern, cwd=worktree.root, check=False)
    keys = [item.split(b"\n")[0] for item in answer.stdout.split(b"\0") if item]
    named = {key.split(b".")[1].decode("utf-8", "replace") for key in keys} & _STRIPPERS
    others = {name for name in named if _process(worktree, name) not in _processes()}
    attributes = worktree.common_dir / "info" / "attributes"
    shadow = attributes.is_file() and b"*.ipynb" in attributes.read_bytes()
    if shadow:
        found = f"{attributes} has a line for notebooks, and it beats .gitattributes"
        return Check("nbstripout", _FAILED, found, edit(str(attributes)))
    if others:
        name = sorted(others)[0]
        found = f"the filter {name} is configured too; no file of this repository uses it"
        return Check("nbstripout", _WARNING, found, f"git config --remove-section filter.{name}")
    return Check("nbstripout", _OK, "no other notebook filter")


def _phantoms(worktree: Worktree) -> Check:
    found = phantoms(worktree)
    if found:
        return Check("phantoms", _WARNING, f"{_and_more(found)}: modified in its outputs alone", MEND_PHANTOMS)
    raw = _committed_with_outputs(worktree)
    if raw:
        return Check("phantoms", _WARNING, f"{_and_more(raw)}: shows as modified, committed with outputs", MEND_RAW)
    return Check("phantoms", _OK, "no notebook shows as modified that is not")


def _committed_with_outputs(worktree: Worktree) -> list[bytes]:
    """By somebody whose clone has no filter: ours shows them as modified until they are committed again."""
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.strip import is_stripped

    found = []
    for path in modified(worktree):
        attribute = git("check-attr", "-z", "filter", "--", path, cwd=worktree.root).stdout.split(b"\0")
        staged = git("cat-file", "blob", b":" + path, cwd=worktree.root, check=False)
        try:
            if attribute[2] == b"sahel-nb" and staged.returncode == 0 and not is_stripped(staged.stdout):
                found.append(path)
        except NotebookError:
            continue  # the filter says it when somebody adds it
    return found


def _and_more(paths: list[bytes]) -> str:
    name = paths[0].decode("utf-8", "backslashreplace")
    return f"{name} and {len(paths) - 1} more" if len(paths) > 1 else name


def _ignored(worktree: Worktree, config: Config) -> Check:
    paths = (f"{config.run.outputs.strip('/')}/x", "kaggle.json")
    answer = git("check-ignore", "--no-index", "--", *paths, cwd=worktree.root, check=False)
    missing = [path for path in paths if path not in answer.text.split("\n")]
    if missing:
        return Check("ignored", _FAILED, f"git does not ignore {missing[0]}", "sahel-nb init && git add :/.gitignore")
    return Check("ignored", _OK, f"{config.run.outputs.strip('/')}/ and kaggle.json")


def _package(name: str) -> Check:
    """Is there a version that sahel-nb can use? By the metadata of both: importing kaggle would log in."""
    from packaging.requirements import Requirement

    wanted = next(one for one in map(Requirement, metadata.requires("sahel-nb") or ()) if one.name == name)
    mend = f"{quote(sys.executable)} -m pip install {quote(f'{name}{wanted.specifier}')}"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, _FAILED, "not installed", mend)
    if not wanted.specifier.contains(version, prereleases=True):
        return Check(name, _FAILED, f"{version}; sahel-nb needs {name}{wanted.specifier}", mend)
    return Check(name, _OK, version)


def _jupytext(worktree: Worktree) -> Check:
    """The package; and that Jupyter writes no `.py` beside a notebook in R or Julia, as `init` once told it to."""
    name = "jupytext.toml"
    try:
        text = read_regular(str(worktree.root / name)).decode("utf-8", "replace")
    except OSError:
        text = ""
    if "py:" not in text or "auto" in text:
        return _package("jupytext")
    there = git("ls-files", "-z", "--", "*.R", "*.jl", "*.ipynb", cwd=worktree.root).stdout.split(b"\0")
    other = [path for path in there if path.endswith((b".R", b".jl")) and path.rpartition(b".")[0] + b".ipynb" in there]
    if not other:
        return _package("jupytext")
    said = f'with {name}, Jupyter writes a .py beside {_and_more(other)}, too: formats = "{formats_of("py:percent")}"'
    return Check("jupytext", _WARNING, said, edit(name))


def _credentials(environ: Mapping[str, str]) -> Check:
    """Which of the kinds kaggle would take, in its own order of precedence. Nothing of it is shown."""
    folder = Path(environ.get("KAGGLE_CONFIG_DIR", "") or Path.home() / ".kaggle")
    if environ.get("KAGGLE_API_TOKEN"):
        return Check("credentials", _OK, "access token, from KAGGLE_API_TOKEN")
    for name, kind in (("access_token", "access token"), ("kaggle.json", "legacy key"), ("credentials.json", "OAuth")):
        if name == "kaggle.json" and environ.get("KAGGLE_USERNAME") and environ.get("KAGGLE_KEY"):
            return Check("credentials", _OK, f"legacy key of {environ['KAGGLE_USERNAME']}, from the environment")
        path = folder / name
        if path.is_file():
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                found = f"{path} can be read by others ({mode:o})"
                return Check("credentials", _FAILED, found, f"chmod 600 {quote(str(path))}")
            if name == "kaggle.json" and not _is_key(path):
                found = f"{path} has no username and key: it was cut, or edited; download it once more"
                return Check("credentials", _FAILED, found, "kaggle auth login")
            return Check("credentials", _OK, f"{kind}, from {path}")
    found = "none; fine for `sahel-nb rehearse` and the embedded service"
    return Check("credentials", _WARNING, found, "kaggle auth login")


def _is_key(path: Path) -> bool:
    try:
        value = json.loads(path.read_bytes())
        return bool(value["username"] and value["key"])
    except (ValueError, KeyError, TypeError):
        return False


def _remote(worktree: Worktree, config: Config, offline: bool) -> Check:
    name, remote = "lock remote", config.lock.remote
    if offline:
        return Check(name, _SKIPPED, "not asked (--offline)")
    home = home_of(worktree, config.lock)
    if home.label:
        return Check(name, _WARNING, home.label, "git remote add origin URL")
    try:
        held = len(home.refs.advertised(home.prefix, timeout=20))
    except (NetworkError, GitFailed) as exc:
        why = next((line for line in exc.details if line.startswith(("fatal: ", "ssh: "))), exc.message)
        return Check(name, _FAILED, f"{remote}: {why.removeprefix('fatal: ')}", f"git ls-remote {quote(remote)}")
    return Check(name, _OK, f"{remote} answers, {held} lock{'s' if held != 1 else ''} known")


def _clock(worktree: Worktree) -> Check:
    """Against the file system the clone lies on, which may be another machine's."""
    import tempfile
    import time

    with tempfile.NamedTemporaryFile(dir=worktree.git_dir) as file:
        difference = Path(file.name).stat().st_mtime - time.time()
    if abs(difference) > _SLOW_CLOCK:
        found = f"{abs(difference):.0f} s {'behind' if difference > 0 else 'ahead of'} the disk's"
        return Check("clock", _WARNING, found, "timedatectl set-ntp true")
    return Check("clock", _OK, "agrees with the disk's")
