"""ssh without sshd: a program in ssh's place that runs what it is asked to run at the "other end", and remembers it."""

from __future__ import annotations

import shlex
from pathlib import Path


def ssh_to_here(folder: Path, user: str = "", *, forced: bool = False) -> str:
    """A command for core.sshCommand. The other end sees none of this end's GIT_*, and `user` as who logged in; by a
    `forced` command it runs git's own programs alone, as git-shell(1) does."""
    script = (
        folder / f"as-{user or 'anyone'}{'-forced' * forced}" / "ssh"
    )  # by this name git knows which options it takes
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {shlex.quote(str(folder / "ssh-log"))}\n'
        "for last; do :; done\n"  # options, the host, and the command as one word, which a login shell takes apart
        "unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p' | grep -v '^GIT_CONFIG_NOSYSTEM$')\n"
        + (f"export GL_USER={shlex.quote(user)}\n" if user else "")
        + ('exec git shell -c "$last"\n' if forced else 'exec sh -c "$last"\n')
    )
    script.chmod(0o755)
    return shlex.quote(str(script))


def ssh_log(folder: Path) -> list[str]:
    path = folder / "ssh-log"
    return path.read_text().splitlines() if path.exists() else []
