"""`python -I -S peak.py INPUT COMMAND`: run COMMAND as git runs a filter, on INPUT; print its peak memory in KiB.

A process of its own, and a small one: the peak that Linux reports for a child begins with the size of the process that
it was forked from. What this reports is never less than a bare `python -I -S`.
"""

import os
import sys

BLOCK = 1 << 16


def main(source: str, command: str) -> int:
    theirs, ours = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(theirs, 0)
        os.close(ours)
        # A file: nbstripout cannot write to /dev/null.
        os.dup2(os.open(source + ".answer", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.execv("/bin/sh", ("sh", "-c", command))
    os.close(theirs)
    handle = os.open(source, os.O_RDONLY)
    while block := os.read(handle, BLOCK):
        while block:
            block = block[os.write(ours, block) :]
    os.close(ours)
    os.close(handle)
    _, status, usage = os.wait4(child, 0)
    os.unlink(source + ".answer")  # noqa: PTH108  pathlib would make this process larger
    print(usage.ru_maxrss)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
