"""How a version is named to a service that does not take `v7`: never so that another version could answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.door import NotFound, Refusal, Rejected
from sahel_nb.kernels.labels import Address, Form, Indistinct, Labels
from sahel_nb.kernels.model import KernelRef

REF = KernelRef("awa", "fula-lid")


@dataclass
class Shelf:
    """A service with versions 1 to `newest` that understands some forms, and answers with the version it means.

    `moves`: a version is pushed with each question.
    """

    newest: int
    takes: tuple[Form, ...] = ()
    refusal: int = 404
    moves: bool = False
    asked: list[Address] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def labels(self) -> Labels:
        return Labels(lambda _: self.newest, self.said.append)

    def answer(self, where: Address) -> int:
        self.asked.append(where)
        self.newest += self.moves
        for form, text in ((Form.LABEL, where.label.removeprefix("v")), (Form.BARE, where.label)):
            if form in self.takes and text.isdigit() and (form is Form.LABEL) is where.label.startswith("v"):
                return self.there(int(text))
        number = where.slug.partition("/")[2]
        if Form.PATH in self.takes and number:
            return self.there(int(number))
        if where.label or number:
            raise self.no(f"404 {where}")
        return self.newest

    def there(self, version: int) -> int:
        if version > self.newest:
            raise self.no("no such version")
        return version

    def no(self, text: str) -> Refusal:
        refusal: Refusal = (Rejected if self.refusal == 400 else NotFound)(text)
        refusal.status = self.refusal
        return refusal


def test_where_v7_is_understood_it_is_all_that_is_ever_asked() -> None:
    shelf = Shelf(9, (Form.LABEL,))
    labels = shelf.labels()
    assert [labels.ask("status", REF, version, shelf.answer) for version in (7, 9)] == [7, 9]
    assert (shelf.asked, shelf.said) == ([Address("fula-lid", "v7"), Address("fula-lid", "v9")], [])


@pytest.mark.parametrize("refusal", [400, 404])
@pytest.mark.parametrize("form", [Form.BARE, Form.PATH])
def test_another_way_is_found_once_remembered_and_said_once(form: Form, refusal: int) -> None:
    shelf = Shelf(9, (form,), refusal)
    labels = shelf.labels()
    assert [labels.ask("status", REF, version, shelf.answer) for version in (7, 9, 3)] == [7, 9, 3]
    assert labels.ask("log", REF, 7, shelf.answer) == 7
    probing = [Form.LABEL, Form.BARE, Form.PATH].index(form)
    assert len(shelf.asked) == 4 + 2 * probing
    assert len(shelf.said) == 1


def test_without_any_name_only_the_newest_is_answered_for() -> None:
    shelf = Shelf(7)
    labels = shelf.labels()
    assert labels.ask("status", REF, 7, shelf.answer) == 7
    with pytest.raises(Indistinct) as caught:
        labels.ask("status", REF, 6, shelf.answer)
    assert (caught.value.exit_code, "v7: they cannot be told apart" in caught.value.message) == (9, True)
    shelf.newest = 8
    with pytest.raises(Indistinct):
        labels.ask("status", REF, 7, shelf.answer)
    assert len(shelf.said) == 1


def test_a_version_that_is_made_during_the_question_makes_its_answer_worthless() -> None:
    shelf = Shelf(7)
    labels = shelf.labels()
    assert labels.ask("status", REF, 7, shelf.answer) == 7
    shelf.moves = True
    with pytest.raises(Indistinct):
        labels.ask("status", REF, 7, shelf.answer)
    assert shelf.asked[-1] == Address("fula-lid"), "it was asked, and not believed"


def test_a_version_that_is_not_there_is_no_reason_to_ask_in_other_ways() -> None:
    shelf = Shelf(6, (Form.LABEL,))
    with pytest.raises(NotFound):
        shelf.labels().ask("status", REF, 7, shelf.answer)
    assert (len(shelf.asked), shelf.said) == (1, [])


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_is_refused_for_another_reason_is_passed_on(status: int) -> None:
    shelf = Shelf(9, refusal=status)
    with pytest.raises(NotFound):
        shelf.labels().ask("status", REF, 7, shelf.answer)
    assert len(shelf.asked) == 1


def test_a_line_that_fails_teaches_nothing() -> None:
    shelf, away = Shelf(9, (Form.BARE,)), iter([True])

    def answer(where: Address) -> int:
        if next(away, False):
            raise NetworkError("Kaggle is away")
        return shelf.answer(where)

    labels = shelf.labels()
    with pytest.raises(NetworkError):
        labels.ask("status", REF, 7, answer)
    assert labels.ask("status", REF, 7, answer) == 7


@given(
    st.integers(1, 6), st.lists(st.integers(1, 8), min_size=1, max_size=6),
    st.sets(st.sampled_from([Form.LABEL, Form.BARE, Form.PATH])), st.booleans(),
)  # fmt: skip
def test_no_answer_is_ever_of_another_version(newest: int, asked: list[int], takes: set[Form], moves: bool) -> None:
    shelf = Shelf(newest, tuple(takes), moves=moves)
    labels = shelf.labels()
    for version in asked:
        try:
            assert labels.ask("status", REF, version, shelf.answer) == version
        except Refusal:
            assert moves or not takes or version > newest, "there was a way to ask"
