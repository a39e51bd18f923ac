"""Findings on stderr, and the refusal where one of them blocks."""

from __future__ import annotations

import sys

from sahel_nb.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahel_nb.notebook.finding import Finding

_MOST = 25


def show(findings: Sequence[Finding]) -> None:
    """One line for each finding and one for what mends it; the blocking ones first."""
    from sahel_nb.report.terminal import one_line

    ordered = sorted(findings, key=lambda finding: not finding.blocks)
    for finding in ordered[:_MOST]:
        sys.stderr.write(f"{finding.severity.value:>5}  {one_line(str(finding))}\n")
        if finding.mend:
            sys.stderr.write(f"       -> {finding.mend}\n")
    if len(ordered) > _MOST:
        sys.stderr.write(f"       … and {len(ordered) - _MOST} more\n")
    sys.stderr.flush()


def refuse(findings: Sequence[Finding], what: str, hints: tuple[str, ...] = ()) -> None:
    """Show all; raise `Refused` where one blocks. `what` completes "nothing was …"."""
    show(findings)
    blocking = [finding for finding in findings if finding.blocks]
    if blocking:
        count = f"{len(blocking)} finding{'s' if len(blocking) > 1 else ''}"
        raise Refused(f"{count} must be mended first; nothing was {what}", hints=hints)
