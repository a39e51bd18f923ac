"""Started by git as a file: `python -I -S …/sahel_nb/hooks/launch.py VERB …`.

`-I -S` saves the third of the start-up that looks for site-packages; the one place that a commit needs beyond the
standard library (nbstripout, jupytext) asks for it with `with_site_packages`. The console script `sahel-nb-hook` is the
same thing for people, and starts slower.
"""

import sys

if __name__ == "__main__":
    # <root>/sahel_nb/hooks/launch.py; with -I the folder of this file is not on the path, nor is its root.
    sys.path.insert(0, __file__.rpartition("/sahel_nb/hooks/")[0])
    from sahel_nb.hooks.main import main

    sys.exit(main())
