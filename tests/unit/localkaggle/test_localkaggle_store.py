"""The store: sessions take each step once, hours are counted, a killed transaction leaves nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.localkaggle import instance
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.model import Accelerator, Output, Settings, Status
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.store import accounts, database, kernels, sessions
from sahel_nb.localkaggle.store.database import Database

REF = Ref("awa", "fula-words")
SCRIPT = Settings("python", "script")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "service.db")
    yield opened
    opened.close()


def new_version(db: Database, values: Settings = SCRIPT, at: float = 0.0) -> int:
    with db.write() as tx:
        kernel = kernels.find(tx, REF) or kernels.create(tx, REF, "Fula words", True, at)
        return kernels.add_version(tx, kernel, "awa", "ŋ", values, Status.QUEUED, 60, at).id


STEPS = st.lists(st.sampled_from(["begin", "finish", "cancel"]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_no_step_is_taken_twice_and_an_end_is_an_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    db = Database(tmp_path_factory.mktemp("store") / "service.db")
    number = new_version(db)
    begun = ended = 0
    for moment, step in enumerate(steps):
        with db.write() as tx:
            before = kernels.version_by_id(tx, number)
            assert before is not None
            if step == "begin":
                begun += sessions.begin(tx, number, moment)
            elif step == "finish":
                ended += sessions.finish(tx, number, Status.COMPLETE, "", moment, [Output("a", 1, 1.0)])
            else:
                sessions.request_cancel(tx, number, moment)
            after = kernels.version_by_id(tx, number)
            assert after is not None
            if not before.status.active:
                assert after == before
    assert begun <= 1
    assert ended <= 1
    db.close()


def test_settings_survive(db: Database) -> None:
    values = Settings("python", "notebook", dataset_sources=("awa/ŋ",), category_ids=("nlp",), machine_shape="TpuV5E8")
    number = new_version(db, values)
    with db.read() as tx:
        found = kernels.version_by_id(tx, number)
        assert found is not None
        assert found.settings == values
        assert kernels.source(tx, found) == "ŋ"


def test_hours_count_from_the_weeks_beginning_and_while_running(db: Database) -> None:
    gpu = Settings("python", "script", enable_gpu=True)
    first, second = new_version(db, gpu), new_version(db, gpu)
    with db.write() as tx:
        sessions.begin(tx, first, 50.0)
        sessions.finish(tx, first, Status.COMPLETE, "", 150.0)
        sessions.begin(tx, second, 180.0)
        assert sessions.used_seconds(tx, "awa", Accelerator.GPU, 100.0, 200.0) == 50.0 + 20.0
        assert sessions.used_seconds(tx, "awa", Accelerator.CPU, 0.0, 200.0) == 0.0
        assert sessions.used_seconds(tx, "binta", Accelerator.GPU, 0.0, 200.0) == 0.0
        kernel = kernels.find(tx, REF)
        assert kernel is not None
        sessions.charge(tx, second, 200.0)
        kernels.delete(tx, kernel)
        assert sessions.used_seconds(tx, "awa", Accelerator.GPU, 100.0, 300.0) == 70.0  # deleting wins nothing back


def test_keys_and_tokens_are_not_stored(db: Database, tmp_path: Path) -> None:
    with db.write() as tx:
        accounts.put(tx, "awa", "the-secret-key", 0.0)
        accounts.put_token(tx, "the-secret-token", "awa", 0.0)
        assert accounts.check(tx, "awa", "the-secret-key")
        assert not accounts.check(tx, "awa", "another")
        assert not accounts.check(tx, "binta", "the-secret-key")
        assert accounts.by_token(tx, "the-secret-token") == "awa"
        assert accounts.by_token(tx, "the-secret-key") is None
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"the-secret" not in stored


def test_an_exception_undoes_everything(db: Database) -> None:
    def fail() -> None:
        with db.write() as tx:
            kernels.create(tx, REF, "Fula words", True, 0.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with db.read() as tx:
        assert kernels.find(tx, REF) is None


def test_a_process_killed_inside_a_transaction_leaves_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    code = (
        "import os, sys, pathlib\n"
        "from sahel_nb.localkaggle.store.database import Database\n"
        "from sahel_nb.localkaggle.store import accounts\n"
        "db = Database(pathlib.Path(sys.argv[1]))\n"
        "with db.write() as tx: accounts.put(tx, 'kept', 'k', 0.0)\n"
        "with db.write() as tx:\n"
        "    accounts.put(tx, 'lost', 'k', 0.0)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert done.returncode == -9
    db = Database(path)
    with db.read() as tx:
        assert accounts.names(tx) == ("kept",)
    db.close()


FULL = """
import pathlib, resource, signal, sqlite3, sys
from sahel_nb.localkaggle.store import accounts
from sahel_nb.localkaggle.store.database import Database
path = pathlib.Path(sys.argv[1])
db = Database(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
acknowledged = []
for attempt in range(3):
    # A disk with room for a little more: whatever is longer than this cannot be written.
    room = path.with_name("service.db-wal").stat().st_size + 20_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        for number in range(1000):
            with db.write() as tx:
                accounts.put(tx, f"a{attempt}-{number}", "k" * 100, 0.0)
            acknowledged.append(f"a{attempt}-{number}")
    except (sqlite3.Error, OSError) as exc:
        print(type(exc).__name__, exc)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
with db.read() as tx:
    assert set(acknowledged) == set(accounts.names(tx)), "nothing lost, nothing half done"
"""


def test_a_full_disk_is_an_error_that_passes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "service.db")], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert "transaction" not in done.stdout, "what is told is the cause"


@pytest.mark.parametrize("damage", ["not a database", "a page overwritten", "a folder", "another program's"])
def test_a_file_that_is_no_store_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "service.db"
    if damage == "a folder":
        path.mkdir()
    elif damage == "not a database":
        path.write_bytes(b"not a database, " * 1000)
    elif damage == "another program's":
        import sqlite3

        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE accounts (x)")
        connection.close()
    else:
        Database(path).close()
        data = bytearray(path.read_bytes())
        data[4096 * 2 : 4096 * 6] = b"\xee" * 4096 * 4
        path.write_bytes(bytes(data))
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(UsageError, match=r"service\.db"):
        Database(path)
    assert not before or path.read_bytes() == before


@pytest.mark.parametrize("what", ["a file", "below a file", "where nothing can be made"])
def test_a_data_folder_that_cannot_be_is_a_clear_error(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").touch()
    where = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "x"}.get(what, Path("/proc/nowhere"))
    with pytest.raises(UsageError, match="data folder"):
        DataFolder.create(where)


def test_whoever_looks_does_not_keep_a_service_from_starting(tmp_path: Path) -> None:
    lock = tmp_path / "service.lock"
    lock.touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            instance.held(lock)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(300):
            instance.Instance.take(lock).release()
    finally:
        stop.set()
        looker.join()


STEPS = ("ALTER TABLE accounts ADD COLUMN note TEXT NOT NULL DEFAULT 'ŋ'", "CREATE TABLE notes (text TEXT NOT NULL)")


def _schema(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_an_older_file_is_brought_to_the_newest_schema_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "service.db"
    old = Database(path)
    with old.write() as tx:
        accounts.put(tx, "awa", "key", 0.0)
    old.close()
    for known in (1, 2):  # one step at a time, or both at once: the same in the end
        monkeypatch.setattr(database, "MIGRATIONS", STEPS[:known])
        newer = Database(path)
        with newer.read() as tx:
            assert tx.execute("SELECT note FROM accounts").fetchone()["note"] == "ŋ"
            assert accounts.check(tx, "awa", "key")
        newer.close()
        assert _schema(path) == 1 + known
    assert [_schema(tmp_path / f"service.db.schema-{number}") for number in (1, 2)] == [1, 2]
    fresh = Database(tmp_path / "fresh.db")
    with fresh.write() as tx:
        tx.execute("INSERT INTO notes VALUES ('ɲ')")
    fresh.close()
    assert _schema(tmp_path / "fresh.db") == 3


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "service.db"
    Database(path).close()
    monkeypatch.setattr(database, "MIGRATIONS", (STEPS[1], "ALTER TABLE no_such_table ADD COLUMN x"))
    with pytest.raises(UsageError, match="no such table"):
        Database(path)
    assert _schema(path) == 1
    monkeypatch.setattr(database, "MIGRATIONS", STEPS)
    Database(path).close()
    assert _schema(path) == 3


@pytest.mark.parametrize(
    ("schema", "said"), [(99, "a newer sahel-nb \\(schema 99, this one knows up to 1\\)"), (-1, "-1")]
)
def test_a_schema_that_is_not_known_is_named_and_left_alone(tmp_path: Path, schema: int, said: str) -> None:
    connection = sqlite3.connect(tmp_path / "service.db")
    connection.execute(f"PRAGMA user_version={schema}")
    connection.close()
    before = (tmp_path / "service.db").read_bytes()
    with pytest.raises(UsageError, match=said) as caught:
        Database(tmp_path / "service.db")
    assert "sahel-nb local serve --data ANOTHER-FOLDER" in caught.value.hints
    assert (tmp_path / "service.db").read_bytes() == before


def test_settings_of_a_later_version_are_read() -> None:
    assert Settings.from_json(SCRIPT.to_json().replace("{", '{"of_a_later_version": 1, ', 1)) == SCRIPT
