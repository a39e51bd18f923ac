"""What is said of Kaggle's copy at the end of a run: a copy that cannot be read is no failure, and never "the same"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.model import KernelInfo, KernelRef, LogRecord, RunState, RunStatus
from sahel_nb.kernels.proof import Copy
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.stamp import Stamp, stamp_script
from sahel_nb.report.events import Silent
from sahel_nb.run.finish import Code, Collecting, Job, _prove, finish

REF = KernelRef("awa", "fula-lid")
STAMP = Stamp("c" * 40, "20261121T091503Z-4f1c2a", "d" * 32)
CODE = Code("print('ŋ')\n".encode(), notebook=False)


@dataclass
class Shelf(KernelService):
    """A service of which only a version's source is asked: None is none, an exception is raised."""

    source: str | Exception | None

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        assert version == 7
        if isinstance(self.source, Exception):
            raise self.source
        return None if self.source is None else KernelInfo(str(ref), "", 9, self.source)


def job(code: Code | None) -> Job:
    return Job(
        ref=REF, shared=REF, dev=False, run_id=STAMP.run_id, commit=STAMP.commit, subject="", source_sha256="",
        version=7, url="", began="", actor="", account="", host="", service="kaggle", nonce=STAMP.nonce, code=code,
    )  # fmt: skip


class Ended(Shelf):
    """A version that is over, and whose log takes long enough for Ctrl-C."""

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        return RunStatus(RunState.COMPLETE)

    def log(self, ref: KernelRef, version: int) -> Iterator[LogRecord]:
        raise KeyboardInterrupt


def test_ctrl_c_while_outputs_arrive_does_not_say_that_a_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Collecting) as caught:
        finish(job(CODE), places=tmp_path, service=Ended(None), lock=None, held=None, reporter=Silent(), attach="again")
    assert caught.value.exit_code == 130
    assert caught.value.says("again") == (
        "awa/fula-lid v7 has ended, and what it left stays on Kaggle; go on with: $ again"
    )


PUSHED = stamp_script(CODE.data, STAMP).decode()


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        (PUSHED, CODE, Copy.SAME),
        (PUSHED.replace("ŋ", "n"), CODE, Copy.DIFFERS),
        (PUSHED, None, Copy.UNREAD),
        (None, CODE, Copy.UNREAD),
        (NetworkError("Kaggle is away"), CODE, Copy.UNREAD),
        (PUSHED, Code(b"no notebook", notebook=True), Copy.UNREAD),
    ],
)
def test_what_is_said_of_the_copy(source: str | Exception | None, code: Code | None, expected: Copy) -> None:
    found = _prove(job(code), Shelf(source))
    assert found.copy is expected
    assert bool(found.why) is (expected is not Copy.SAME)
