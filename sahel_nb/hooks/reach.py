"""The standard library is enough for most commits; this brings the rest into reach when it is not."""

from __future__ import annotations

import sys


def with_site_packages() -> None:
    """Make site-packages importable where the interpreter was started with -S. Does nothing the second time."""
    if sys.flags.no_site and "site" not in sys.modules:
        import site

        site.main()
