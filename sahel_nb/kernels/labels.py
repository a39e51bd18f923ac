"""How a version is named to the service: `v7` where it takes that, else in another way, else not at all.

    versionLabel "v7"      what the live service wants
    versionLabel "7"       what the client's help says; the live service answered 404 to it
    kernelSlug "slug/7"    what the client 2.2.4 sends; the live service answered 403 to it
    neither                the newest version, and only where that is provably ours: before the question, and after it

A way that works is remembered, for each kind of question; that it is another than the first is said once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from sahel_nb.kernels.door import NotFound, Rejected
from sahel_nb.kernels.model import KernelRef

Answer = TypeVar("Answer")


class Form(Enum):
    LABEL = "v7"
    BARE = "7"
    PATH = "slug/7"
    NEWEST = ""


@dataclass(frozen=True)
class Address:
    """What to put into a request; an empty label is left out."""

    slug: str
    label: str = ""


class Indistinct(Rejected):
    """The service does not say which version it speaks of: nothing certain follows from its answers."""

    exit_code = 9


def address(ref: KernelRef, version: int, form: Form) -> Address:
    if form is Form.PATH:
        return Address(f"{ref.slug}/{version}")
    labels = {Form.LABEL: f"v{version}", Form.BARE: str(version), Form.NEWEST: ""}
    return Address(ref.slug, labels[form])


class Labels:
    """What one service was found to take. `current` gives a kernel's newest version, 0 where there is none; `say` is
    only called from the main thread."""

    def __init__(self, current: Callable[[KernelRef], int], say: Callable[[str], None]) -> None:
        self._current, self._say = current, say
        self._forms: dict[str, Form] = {}
        self._untold: str | None = None
        self._told = False

    def ask(self, kind: str, ref: KernelRef, version: int, call: Callable[[Address], Answer]) -> Answer:
        """`call`, with the version named as the service takes it for this kind of question.

        Raises what `call` does, and `Indistinct` where the version cannot be named and is not the newest.
        """
        self._tell()
        known = self._forms.get(kind)
        if known is Form.NEWEST:
            return self._newest(ref, version, call)
        try:
            answer = call(address(ref, version, known or Form.LABEL))
        except (NotFound, Rejected) as exc:
            # A version that is not there gets the same answer as a label that is not understood.
            if known is not None or exc.status not in (400, 404) or self._current(ref) < version:
                raise
            refusal = exc
        else:
            self._forms[kind] = known or Form.LABEL
            return answer
        for form in (Form.BARE, Form.PATH):
            try:
                answer = call(address(ref, version, form))
            except (NotFound, Rejected):
                continue
            self._settle(kind, form, f"{refusal.message}; it takes {form.value!r}")
            return answer
        answer = self._newest(ref, version, call)
        what = f"what is asked of v{version} is asked without it, as long as that is the newest version"
        self._settle(kind, Form.NEWEST, f"{refusal.message}; {what}")
        return answer

    def _newest(self, ref: KernelRef, version: int, call: Callable[[Address], Answer]) -> Answer:
        newest = self._current(ref)
        if newest == version:
            answer = call(address(ref, version, Form.NEWEST))
            newest = self._current(ref)
            if newest == version:
                return answer
        raise Indistinct(
            f"Kaggle refuses to be asked for v{version} of {ref}, and its newest version is v{newest}: "
            "they cannot be told apart"
        )

    def _settle(self, kind: str, form: Form, text: str) -> None:
        self._forms[kind] = form
        if not self._told:
            self._told, self._untold = True, f"Kaggle refuses version labels: {text}"
        self._tell()

    def _tell(self) -> None:
        if self._untold and threading.current_thread() is threading.main_thread():
            text, self._untold = self._untold, None
            self._say(text)
