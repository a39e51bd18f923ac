"""What nbstripout itself does: its own main function, called as its command line calls it, in this process."""

from __future__ import annotations

import io
import os
import sys
import warnings

import nbstripout._nbstripout as nbstripout

_DIED = "died"


class TooDeep(Exception):
    """nbstripout ran out of stack: that says something of the stack, and nothing of the notebook."""


class _Kept(io.BytesIO):
    """nbstripout wraps the stream and lets the wrapper go, which would close it."""

    def close(self) -> None:
        pass


def stripped(data: bytes, *flags: str) -> bytes | None:
    """stdin → stdout of `nbstripout FLAGS`; None where it refuses or dies. Raise `TooDeep`."""
    out, _, code = _run(data, flags)
    return out if code == 0 else None


def changes(data: bytes, *flags: str) -> bool | None:
    """Does `nbstripout FLAGS` find something to strip? None where it refuses or dies. Raise `TooDeep`."""
    _, err, code = _run(data, ("--verify", *flags))
    refused = "No valid notebook" in err or err.endswith(_DIED)
    return None if refused else code == 1


def _run(data: bytes, flags: tuple[str, ...]) -> tuple[bytes, str, int]:
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    path = os.environ.pop("PATH", "")  # without git it asks git for no settings: two processes fewer each time
    out, err = _Kept(), io.StringIO()
    sys.argv = ["nbstripout", *flags]
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(_Kept(data)), io.TextIOWrapper(out), err
    code = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbstripout.main()
    except SystemExit as exc:
        code = int(exc.code or 0)
    except RecursionError as exc:
        raise TooDeep from exc
    except Exception:  # noqa: BLE001  it lets everything through that it does not foresee
        code, _ = 1, err.write(_DIED)
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before
        os.environ["PATH"] = path
    return out.getvalue(), err.getvalue(), code
