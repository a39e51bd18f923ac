"""What the filter needs to know of the vault's settings, put where it can read them without reading configuration.

.git/sahel-nb/vault/off     nothing is kept, and nothing given back
.git/sahel-nb/vault/limit   bytes that the vault may take up
.git/sahel-nb/vault/live/   second names (repo/second_names.py), made together with core.trustctime=false
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from sahel_nb.config import VaultConfig
from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.repo import second_names
from sahel_nb.repo.cmd import git
from sahel_nb.repo.vault import Vault, worktree_name
from sahel_nb.repo.worktree import Worktree

MEGABYTE = 1_000_000
_CTIME = "core.trustctime"


def folder(worktree: Worktree) -> Path:
    """Where the vault of this repository is, or will be."""
    return worktree.common_dir / "sahel-nb" / "vault"


def set_up(worktree: Worktree, config: VaultConfig) -> None:
    """Let the filter follow the configuration. What is kept already stays. Can be repeated."""
    worktree.settle_state_dir()
    make_folder(folder(worktree))
    _write(worktree, config)


def follow(worktree: Worktree, config: VaultConfig) -> None:
    """The settings that may change at any time, with sahel-nb.toml. Does nothing in a clone that is not set up."""
    if (folder(worktree) / "limit").is_file() and not follows(worktree, config):
        _write(worktree, config)


def _write(worktree: Worktree, config: VaultConfig) -> None:
    off = folder(worktree) / "off"
    if config.keep:
        off.unlink(missing_ok=True)
        _hold_files(worktree)
    else:
        write_atomically(off, b"")
    if not follows(worktree, config):
        write_atomically(folder(worktree) / "limit", _limit(config))


def _hold_files(worktree: Worktree) -> None:
    """Give files second names where that is possible."""
    live = folder(worktree) / second_names.FOLDER
    trusted = git("config", "--get", "--type=bool", _CTIME, cwd=worktree.root, check=False).text
    if trusted == "":
        # A second name changes a file's ctime; git's manual names this setting for such a case. It is in git's config
        # before the folder is there: second names without it would make every notebook look modified.
        git("config", "--local", _CTIME, "false", cwd=worktree.root)
        make_folder(live)
        write_atomically(live / "set-ctime", b"")
    elif trusted == "false":
        make_folder(live)
    elif live.is_dir():
        shutil.rmtree(live)


def follows(worktree: Worktree, config: VaultConfig) -> bool:
    """Whether the filter knows the configuration as it is now."""
    off, limit = folder(worktree) / "off", folder(worktree) / "limit"
    return off.exists() is not config.keep and limit.is_file() and limit.read_bytes() == _limit(config)


def holds_files(worktree: Worktree) -> bool:
    """Whether files have second names, by which outputs outlive `git restore` and `git reset --hard`."""
    return (folder(worktree) / second_names.FOLDER).is_dir()


def _limit(config: VaultConfig) -> bytes:
    return b"%d\n" % (config.size * MEGABYTE)


def take_out(worktree: Worktree) -> bool:
    """Undo `set_up`. Notebooks that are kept stay where they are; True where there are any."""
    vault = folder(worktree)
    live = vault / second_names.FOLDER
    if (live / "set-ctime").exists():
        git("config", "--local", "--unset", _CTIME, cwd=worktree.root, check=False)
    shutil.rmtree(live, ignore_errors=True)
    for name in ("off", "limit"):
        (vault / name).unlink(missing_ok=True)
    for empty in (vault, vault.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()
    return vault.is_dir()


def opened(worktree: Worktree) -> Vault:
    """The vault, as this worktree sees it; also where it is switched off."""
    return Vault(str(folder(worktree)), worktree_name(str(worktree.git_dir), str(worktree.common_dir)))
