"""A clone with a remote, what is committed in it by whatever means, and the hook that git calls for a push."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.integration.commit.story import Clone, Said, set_up
from tests.support.git import Origin

TOKEN = "hf_" + "aB3" * 11 + "x"
ZERO = "0" * 40


def clone_to_push_from(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "o ŋ")
    made.must("remote", "add", "origin", str(Origin.create(tmp_path / "origin.git").path))
    return made


def pushed(clone: Clone, *refs: str, base: str = ZERO, remote: str = "origin", **env: str) -> Said:
    """The hook as git calls it, for a push of these revisions; nothing is sent."""
    runner = clone.git("config", "sahel-nb.hook")
    updates = [ref.partition(":")[::2] for ref in refs]
    lines = [f"{rev} {clone.git('rev-parse', rev)} {to or 'refs/heads/main'} {base}\n" for rev, to in updates]
    done = subprocess.run(
        ["sh", "-c", f'{runner} pre-push "$@"', "sh", remote, "url"],
        cwd=clone.root,
        input="".join(lines).encode(),
        capture_output=True,
        env={**os.environ, **env},
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def commit(clone: Clone, message: str, files: Mapping[str, str | bytes | None]) -> str:
    """A commit of exactly these contents, without filter and hooks; None removes."""
    for path, content in files.items():
        if content is None:
            clone.must("rm", "-q", "-f", "--", path)
        else:
            clone.git.write(path, content)
            oid = clone.git("hash-object", "-w", "--no-filters", "--", path)
            clone.must("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    clone.must("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
    return clone.git.head()


def meta(name: str, **more: object) -> str:
    explicit = {key: [] for key in ("dataset_sources", "competition_sources", "kernel_sources", "model_sources")}
    flags = {"is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": True}
    title = name.replace("-", " ").title()
    base = {
        "id": f"awa/{name}",
        "title": title,
        "code_file": "k.ipynb",
        "language": "python",
        "kernel_type": "notebook",
    }
    return json.dumps(base | explicit | flags | more)
