"""Files that ship beside the code: `hooks/` and `templates/`, in a wheel and in a checkout alike."""

from __future__ import annotations

from pathlib import Path

import sahel_nb
from sahel_nb.distribution import install_command
from sahel_nb.errors import SahelError

HOOKS = ("pre-commit", "prepare-commit-msg", "pre-push", "post-checkout", "post-merge")


def folder(name: str) -> Path:
    """`hooks` or `templates`. In a wheel they lie in sahel_nb/_shipped, in a checkout beside the package."""
    package = Path(sahel_nb.__file__).resolve().parent
    for candidate in (package / "_shipped" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise SahelError(f"{name}/ did not come with this sahel-nb", hints=(install_command(),))


def hook(name: str) -> bytes:
    return (folder("hooks") / name).read_bytes()


def kernel_templates() -> dict[str, Path]:
    """Name → folder of every kernel template."""
    found = folder("templates") / "kernels"
    return {path.name: path for path in sorted(found.iterdir()) if (path / "kernel-metadata.json").is_file()}
