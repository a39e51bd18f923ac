"""`pair [FILES]`: bring notebooks and mirrors together; 1 where a file was changed, for the pre-commit framework."""

from __future__ import annotations

import sys

from sahel_nb.errors import UsageError
from sahel_nb.hooks.forms import Forms
from sahel_nb.hooks.settings import Personal
from sahel_nb.hooks.staged import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(verb: str, arguments: Sequence[str]) -> int:
    unknown = [argument for argument in arguments if argument.startswith("-")]
    if unknown:
        raise UsageError(f"`sahel-nb-hook {verb}` takes files, not {unknown[0]}", hints=(f"sahel-nb {verb} --help",))
    repository = Repository.here()
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    if forms.off:
        return 0
    from sahel_nb.hooks.pair import pair

    found = pair(repository, forms, arguments)
    for one in found:
        sys.stderr.write(f"sahel-nb: {one.said}\n")
    return 1 if found else 0
