"""The environment of a kernel: written from nothing, so that nothing of the service's leaks into it."""

from __future__ import annotations

import os
from pathlib import Path

from sahel_nb.localkaggle.executor import api_access
from sahel_nb.localkaggle.executor.spec import PACKAGES, Layout, Spec

MARK = "SAHEL_NB_RUN"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def kernel_environment(spec: Spec, layout: Layout) -> dict[str, str]:
    threads = str(min(4, os.cpu_count() or 1))  # as many processors as a Kaggle session has
    packages = f"{layout.home}/{PACKAGES}"
    environment = {
        "PATH": f"{packages}/bin:{Path(spec.interpreter.executable).parent}:{_SYSTEM_PATH}",
        "HOME": layout.home,
        "USER": "root",
        "TMPDIR": layout.temporary,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
        "PYTHONPATH": os.pathsep.join(_import_path(spec, layout, packages)),
        "PIP_TARGET": packages,  # `pip install` in a cell: the interpreter's own packages are read-only
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "MPLCONFIGDIR": f"{layout.home}/.config/matplotlib",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # ipykernel loads a debugger that would warn into every log
        "JUPYTER_PLATFORM_DIRS": "1",
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_URL_BASE": "https://www.kaggle.com",
        MARK: spec.mark,
    }
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        environment[name] = threads
    if spec.kind == "script":
        environment["MPLBACKEND"] = "agg"  # in a notebook ipykernel sets its inline backend, and figures become outputs
    environment.update(api_access.environment(spec, layout))
    environment.update(spec.environment)
    return environment


def _import_path(spec: Spec, layout: Layout, packages: str) -> list[str]:
    """Utility scripts are imported by name: their folders, then the folders around them for those that are packages."""
    folders = [
        f"{layout.kaggle}/{target}" for _, targets in spec.mounts for target in targets if target.startswith("usr/")
    ]
    around = [str(Path(folder).parent) for folder in folders]
    site = [spec.interpreter.user_site] if spec.interpreter.user_site else []
    return list(dict.fromkeys([*folders, *around, packages, *site, *api_access.import_path(spec, layout)]))
