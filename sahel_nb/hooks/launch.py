"""Started by git as a file: `python -I -S …/sahel_nb/hooks/launch.py VERB …`; bin/sahel-nb-hook does the same.

`-I -S` saves the third of the start-up that looks for site-packages; the one place that a commit needs beyond the
standard library (nbstripout, jupytext) asks for it with `with_site_packages`.
"""

import sys


def _end(code: int) -> None:
    """Leave at once where nobody has registered anything for the end: an orderly one looks through every object."""
    if "atexit" not in sys.modules and "threading" not in sys.modules:
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream:  # None where it was closed before we began
                    stream.flush()
        except (OSError, ValueError):
            sys.exit(code)  # it says, as ever, that nobody reads
        from posix import _exit

        _exit(code)
    sys.exit(code)


if __name__ == "__main__":
    # A disk that runs full would leave half of a compiled module, and Python would read that ever after. pip and
    # `sahel-nb install` have compiled everything.
    sys.dont_write_bytecode = True
    # <root>/sahel_nb/hooks/launch.py; with -I the folder of this file is not on the path, nor is its root.
    sys.path.insert(0, __file__.rpartition("/sahel_nb/hooks/")[0])
    from sahel_nb.hooks.main import main

    _end(main())
