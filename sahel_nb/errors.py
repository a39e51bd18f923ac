"""What we expect to go wrong. Everything else is a bug, and ends in the crash log.

    SahelError
    ├── UsageError          2  the command line, the configuration or a file cannot be understood
    ├── Refused             3  a rule said no: dirty, unpushed, locked, lint, guard
    ├── PushRejected        4  Kaggle did not take the push, or took it in part
    ├── RunFailed           5  the run ended in ERROR
    ├── RunCancelled        6  the run was cancelled
    ├── RunTimedOut         7  the run, or our patience, reached its limit
    ├── AuthError           8  no credentials, or Kaggle does not accept them
    ├── NetworkError        9  no answer, or an answer from which nothing certain follows
    └── OutputsIncomplete  10  the run is over, and some of its outputs could not be fetched

The numbers are the exit codes of the command line. This module imports nothing.
"""

from __future__ import annotations


class SahelError(Exception):
    """An expected failure: what happened, the commands to type next, and what it means for Kaggle.

    `hints` are complete shell commands, best first. `kaggle` is the sentence that answers "did this spend quota, is
    something still running?"; empty where Kaggle was never involved. `details` are further lines of evidence.
    `started` says that a version runs on Kaggle, or may run: its lock must not be given back.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        hints: tuple[str, ...] = (),
        kaggle: str = "",
        details: tuple[str, ...] = (),
        started: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.kaggle = kaggle
        self.details = details
        self.started = started


class UsageError(SahelError):
    exit_code = 2


class Refused(SahelError):
    exit_code = 3


class PushRejected(SahelError):
    exit_code = 4


class RunFailed(SahelError):
    exit_code = 5


class RunCancelled(SahelError):
    exit_code = 6


class RunTimedOut(SahelError):
    exit_code = 7


class AuthError(SahelError):
    exit_code = 8


class NetworkError(SahelError):
    exit_code = 9


class OutputsIncomplete(SahelError):
    exit_code = 10


EXIT_OK = 0
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
NOTHING_STARTED = "Nothing was pushed to Kaggle: no quota was spent and nothing was started."
NOTHING_STARTED_HERE = "Nothing was started."
"""The same of a run on the embedded service, which has no quota."""
