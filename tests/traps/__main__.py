"""Install the clients that are to be tried, and try them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.traps.versions import SDK, VERSIONS, client


def main(versions: list[str]) -> int:
    for version in versions:
        executable = client(version)
        if not executable.exists():
            folder = executable.parent.parent
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            # six, because the client imports it without asking for it.
            packages = [f"kaggle=={version}", f"kagglesdk=={SDK}", "six"]
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True)
    tests = str(Path(__file__).with_name("kaggle_client.py"))
    return subprocess.run([sys.executable, "-m", "pytest", tests, "-rfE", "--versions", ",".join(versions)]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(VERSIONS)))
