"""Every test lives in a frozen world: its own HOME, nothing of this machine's settings, no network but loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, and that is no finding: no property is judged by the clock.
# A hundred examples each time, and ten thousand at night: `pytest --hypothesis-profile=long`.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("project"), max_examples=10_000)
# `--hypothesis-profile=few`: where the same properties have just held in another environment.
settings.register_profile("few", settings.get_profile("project"), max_examples=10)
settings.load_profile("project")

# What a test must never inherit: somebody's credentials, proxies, identity, or the repository that git runs us in.
_FOREIGN_PREFIXES = ("GIT_", "KAGGLE", "SAHEL_NB_", "XDG_", "JUPYTER_", "PAPERMILL_")
_FOREIGN = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "CI", "EMAIL", "PYTHONSTARTUP", "VISUAL", "EDITOR")


@pytest.fixture(autouse=True)
def frozen_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME; git knows nobody and asks nobody; UTC, and messages in English."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN_PREFIXES) or name.lower() in _FOREIGN or name in _FOREIGN:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "TZ": "UTC",
    }.items():
        monkeypatch.setenv(name, value)
    return home
