"""`python -m tests.bench.http_remote FOLDER`: git's smart HTTP for what lies in FOLDER, until stdin is closed."""

from __future__ import annotations

import sys
from pathlib import Path

from support.git import git_http

if __name__ == "__main__":
    with git_http(Path(sys.argv[1])) as url:
        print(url, flush=True)
        sys.stdin.read()
