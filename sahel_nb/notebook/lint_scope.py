"""Which rules of lint a team wants, and where: `lint.disable` and `lint.exclude` of sahel-nb.toml."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sahel_nb.notebook.finding import Finding

_GUARD = "SNB3"
_STRIPPED = "SNB103"


class LintScope:
    """`lint.disable` and `lint.exclude`. Guard's rules and the promise that notebooks are stripped hold everywhere."""

    __slots__ = ("_match", "disabled", "excluded")

    def __init__(self, disabled: Sequence[str] = (), excluded: Sequence[str] = ()) -> None:
        self.disabled = disabled
        self.excluded = excluded
        self._match: Callable[[str], bool] | None = None

    def applies(self, code: str, path: str) -> bool:
        """Whether the rule holds for this path from the repository's root."""
        if code.startswith(_GUARD):
            return True
        return code not in self.disabled and (code == _STRIPPED or not self._is_excluded(path))

    def within(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that apply; their paths count from the root."""
        return [finding for finding in findings if self.applies(finding.code, finding.path)]

    def _is_excluded(self, path: str) -> bool:
        if not self.excluded:
            return False
        if self._match is None:
            from pathspec import GitIgnoreSpec

            self._match = GitIgnoreSpec.from_lines(self.excluded).match_file
        return self._match(path)
