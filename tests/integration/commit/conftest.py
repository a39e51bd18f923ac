"""nbstripout and `sahel-nb strip`, imported once for each module that runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.commit.side_by_side import Programs


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as ready:
        yield ready
