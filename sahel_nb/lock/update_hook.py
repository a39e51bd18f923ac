"""What a hook asks that was installed by an earlier version: `update` and not `pre-receive`, one ref at a time."""

import sys

from sahel_nb.lock.server_hook import main

if __name__ == "__main__":
    ref, old, new = sys.argv[1:]
    sys.exit(main([f"{old} {new} {ref}"]))
