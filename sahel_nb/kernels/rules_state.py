"""Causes that show in a push's answer, in a run that goes on, or in one that is complete and left nothing."""

from __future__ import annotations

import re

from sahel_nb.kernels.rules import Need, Rule
from sahel_nb.kernels.rules_log import NOT_GIVEN

_KAGGLE_COMMAND = re.compile(
    r"(?:subprocess\.\w+|os\.system|os\.popen|Popen|check_call|check_output)\(\s*\[?\s*f?['\"](kaggle)\b"
    r"|^[ \t]*[!%][ \t]*(kaggle) ",
    re.MULTILINE,
)


def _refused(code: str, pattern: str, cause: str, remedy: str) -> Rule:
    return Rule(code, cause, remedy, re.compile(pattern), needs=(Need.REFUSED,))


PUSH = (
    _refused(
        "session-cap",
        r"Maximum batch (\w+) session count of (\d+) reached",
        "this account has {1} {0} sessions already, the most that may run at once; no version was made",
        "sahel-nb status shows what runs; wait, or end one in the web page (a push does not replace a running one)",
    ),
    _refused(
        "quota-spent",
        r"Maximum weekly (\w+) quota of ([\d.]+) hours reached",
        "the {1} {0} hours of this week are used up; no version was made",
        "sahel-nb quota says when they begin anew; sahel-nb rehearse costs none",
    ),
    _refused(
        "notebook-not-found",
        r"Notebook not found",
        "Kaggle has no kernel of this id that takes a push: made in the web page and never saved, or another's id_no",
        "on kaggle.com: Save Version once, then push; or remove id_no; or push to a new slug, which makes it",
    ),
    _refused(
        "title-in-use",
        r"(?i)409[^\n]*\b(?:title|slug)\b|title[^\n]*already in use"
        r"|already (?:have|has) a (?:notebook|kernel) (?:with|of) (?:this|that|the same) title",
        "another kernel of this account has the title already; no version was made",
        "choose another title, and the id that it makes; `sahel-nb lint` shows which",
    ),
    _refused(
        "source-not-ready",
        r"409 (?:Client Error|Conflict)[^\n]*(?:SaveKernel|kernels)",
        "Kaggle refused the push as in conflict: a dataset that it names is still being processed, or two pushes met",
        "see that each source is ready (`kaggle datasets status OWNER/SLUG`), wait a minute, then run again",
    ),
    _refused(
        "not-your-kernel",
        r"403 (?:Client Error|Forbidden)[^\n]*(?:SaveKernel|kernels/push)",
        "this account may not push to the kernel: another owner's, or the account is not verified for what it asks",
        "sahel-nb run --dev pushes to your own; else have the owner share it with you as an editor",
    ),
    _refused(
        "kernel-not-there",
        r"Kernel not found|404 (?:Client Error|Not Found)[^\n]*kernels",
        "Kaggle shows this account no kernel of this id: it was deleted or renamed, is private, or was never pushed",
        "sahel-nb status shows what there is; see that `id` is owner/slug; a first `sahel-nb run` makes it",
    ),
    _refused(
        "kaggle-failed",
        r"\b50[0234] (?:Server Error|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
        "Kaggle's service failed to answer: whether a version was made is not known",
        "sahel-nb attach finds out by the run's nonce; a push that may have been taken is never to be repeated by hand",
    ),
    _refused(
        "not-your-kernel",
        r"Permission 'kernels\.(\w+)' was denied|wrong kernel slug",
        "the kernel does not exist for this account: another owner's, private, or another slug",
        "sahel-nb run --dev pushes to your own; see that `id` is owner/slug and that the title makes the same slug",
    ),
    _refused(
        "title-decides",
        r"title does not resolve to the specified id",
        "Kaggle makes the slug from the title, and this title makes another one",
        "change the title so that it makes the slug; sahel-nb lint shows which it makes",
    ),
    _refused(
        "source-too-large",
        r"must be less than 1 megabyte",
        "the source has more than 1 MB: a notebook with outputs, or data in a cell",
        "sahel-nb strip; data belongs into a dataset",
    ),
    _refused(
        "source-dropped",
        r"(?:not accepted: (?:\w+) (\S+)|[Tt]he following are not valid (?:\w+) sources[^\n]*)",
        "Kaggle dropped a source and started the run without it: it does not exist, or is private to another account",
        "mend the name or have it shared with this account; what has started runs without it and spends quota",
    ),
    _refused(
        "too-many-requests",
        r"\b429 Client Error|\bToo Many Requests\b",
        "Kaggle has had too many requests from this account or address",
        "wait some minutes; sahel-nb attach goes on with a run that has started",
    ),
    _refused(
        "bad-credentials",
        r"\b401 (?:- |Client Error: )?Unauthorized(?! for url: https?://(?!\S*kaggle))|\bUnauthenticated\b"
        r"|does not accept these credentials",
        "Kaggle does not accept the credentials: expired, revoked, or of another account",
        "sahel-nb doctor says which are in use; make new ones on kaggle.com → Settings → API",
    ),
    _refused(
        "no-credentials",
        r"no Kaggle credentials were found|Could not find kaggle\.json|Authentication required to call the Kaggle API",
        "there are no Kaggle credentials on this machine, or none that Kaggle accepts (its client makes no difference)",
        "sahel-nb doctor says which are in use; else kaggle auth login, or a token in ~/.kaggle/access_token",
    ),
    _refused(
        "already-there",
        r"Kernel already exists",
        "nothing is wrong: the kernel is there, and the push makes a new version of it",
        "sahel-nb status shows it",
    ),
)

BUSY = (
    Rule(
        "kaggle-command-hangs",
        "the notebook calls the kaggle command, which waits inside a kernel for credentials that never come",
        "end the session in the web page (`sahel-nb stop`), and use kagglehub or a source in its place",
        source=_KAGGLE_COMMAND,
        needs=(Need.BUSY, Need.NO_LOG),
        guess=True,
    ),
    Rule(
        "overdue",
        "it began {hours} h ago, and a session may take {limit} h: it is wedged, or Kaggle's state is stale",
        "look at the web page; `sahel-nb stop` says what can be done",
        needs=(Need.BUSY, Need.OVERDUE),
    ),
)

COMPLETE = (
    Rule(
        "written-elsewhere",
        "nothing was kept: the notebook writes to {0}, and only /kaggle/working is saved",
        "write to /kaggle/working, or copy there at the end",
        source=re.compile(r"['\"](/(?:tmp|content|root|kaggle/(?!working|input)\w+)/[^'\"\\\s]*)['\"]"),
        needs=(Need.COMPLETE, Need.NO_OUTPUT),
    ),
    Rule(
        "no-output",
        "nothing was kept: the notebook wrote no file into /kaggle/working, the only folder that is saved",
        "write there what you want back; a relative path will do as long as the notebook does not os.chdir",
        needs=(Need.COMPLETE, Need.NO_OUTPUT),
    ),
)

CANCELLED = (
    Rule(
        "cancelled",
        "somebody, or Kaggle, cancelled the session; there is no error in the log",
        "ask who may edit the kernel, and run it again",
        needs=(Need.CANCELLED, Need.NO_ERROR),
        last=True,
    ),
)

BESIDE = (
    Rule(
        "source-not-given",
        "the notebook asked for the {0} {1}, and the embedded service does not have it",
        "{give}",
        pattern=re.compile(NOT_GIVEN),
        needs=(Need.COMPLETE, Need.EMBEDDED),
        also=True,
    ),
    Rule(
        "machine-substituted",
        "asked for {asked}, and Kaggle gave {given} without a word",
        "set machine_shape to {given}, or to another that exists",
        needs=(Need.SUBSTITUTED,),
        also=True,
    ),
)
