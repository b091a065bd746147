"""`migrate` moves all documents, or refuses before it changes anything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from services.chassis.publishing.journal import SEGMENT_SIZE, Journal
from tests.fakes import FakeState
from tests.unit.runner import saved_system
from tests.unit.runner.saved_system import PICTURES, pictures_of
from tools.runner.backup.documents import StoredDocument, is_created
from tools.runner.backup.migration import CopyComparison, require_current
from tools.runner.backup.redis_store import RedisStore
from tools.runner.backup.sqlite_store import SqliteStore
from tools.runner.backup.stores import new_store
from tools.runner.commands import start
from tools.runner.commands.backup import apps_with_state
from tools.runner.commands.migrate import migrate
from tools.runner.commands.restore import restore
from tools.runner.commands.start import prepare
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.supervisor.lock import RunLock
from tools.runner.supervisor.orphans import stop_orphans

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="Redis is not installed")
DOCUMENTS = [
    *saved_system.DOCUMENTS,
    *(StoredDocument(f"users||user:{n}", b'{"n":%d}' % n) for n in range(2_000)),
    StoredDocument("posts||journal:posts:abc:0", b"[]", ttl=5_000),
]


@pytest.fixture
def used(source: RunDir, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A stopped system on SQLite, which does not wait for the disks of the whole machine."""
    monkeypatch.setattr(os, "sync", lambda: None)
    shutil.rmtree(source.path / "state")
    _, store = new_store("embedded", source, apps_with_state())
    store.load(DOCUMENTS)
    return source


def contents(run: RunDir, set_name: str) -> dict[str, tuple[bytes, bool, bool]]:
    """Return all documents of a set, with whether they expire, and their marks."""
    _, store = new_store(set_name, run, apps_with_state())
    with store.snapshot() as found:
        return {each.key: (each.value, each.ttl is not None, each.first_write) for each in found}


def expected() -> dict[str, tuple[bytes, bool, bool]]:
    return {
        each.key: (each.value, each.ttl is not None, "journal" not in each.key)
        for each in DOCUMENTS
    }


def assert_untouched(run: RunDir) -> None:
    """Fail if something was changed."""
    assert not (run.path / "redis").exists()
    assert not run.migration.exists()
    assert contents(run, "embedded") == expected()


def test_all_documents_move_and_what_they_were_moved_from_stays(
    used: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    (used.path / "scheduler").mkdir()
    migrate(used, "embedded", "rabbitmq-redis")
    assert contents(used, "rabbitmq-redis") == expected()
    assert contents(used, "embedded") == expected()
    assert pictures_of(used) == PICTURES
    assert not (used.path / "scheduler").exists()
    said = capsys.readouterr()
    assert f"{len(DOCUMENTS)} documents moved and compared" in said.out
    assert "comparing documents" in said.err


def test_the_way_back(used: RunDir) -> None:
    migrate(used, "embedded", "rabbitmq-redis")
    with pytest.raises(RunnerError, match="has data already"):
        migrate(used, "rabbitmq-redis", "embedded")
    shutil.rmtree(used.path / "state")
    migrate(used, "rabbitmq-redis", "embedded")
    assert contents(used, "embedded") == expected()
    assert contents(used, "rabbitmq-redis") == expected()
    require_current("embedded", used)
    with pytest.raises(RunnerError, match="was migrated to embedded"):
        require_current("redis-streams", used)


def test_nothing_starts_on_the_store_that_was_left(
    used: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(used, "embedded", "rabbitmq-redis")
    for name in (None, "mqtt-sqlite"):
        with pytest.raises(RunnerError, match="start with --components rabbitmq-redis"):
            prepare(StartPlan(run=used, components=name))
    # A migration may end while `up` builds tools: it looks again when nobody else can begin one.
    monkeypatch.setattr(start, "prepare", lambda _: None)
    with pytest.raises(RunnerError, match="start with --components rabbitmq-redis"):
        start.up(StartPlan(run=used))
    with pytest.raises(RunnerError, match="start with --components rabbitmq-redis"):
        migrate(used, "embedded", "rabbitmq-redis")
    for name in ("rabbitmq-redis", "redis-streams", "rabbitmq-postgresql"):
        require_current(name, used)


def test_another_folder_of_pictures_gets_them_too(
    used: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.runner.commands.migrate._pictures", lambda name: name)
    monkeypatch.setattr(
        "tools.runner.commands.migrate.new_picture_folder",
        lambda name, run: run.path / ("blobs" if name == "embedded" else "pictures"),
    )
    migrate(used, "embedded", "rabbitmq-redis")
    moved = {path.name: path.read_bytes() for path in (used.path / "pictures").iterdir()}
    assert moved == pictures_of(used) == PICTURES


# ── what is refused ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("embedded", "rabbitmq-postgresql"), r"state\.postgresql, which the runner cannot copy"),
        (("rabbitmq-mariadb", "embedded"), r"state\.mysql, which the runner cannot copy"),
        (("embedded", "mqtt-sqlite"), "the same place"),
        (("embedded", "no-such-set"), "no component set"),
        (("rabbitmq-redis", "embedded"), "nothing to migrate"),
    ],
)
def test_what_cannot_be_moved_is_refused_with_the_reason(
    sets: tuple[str, str], said: str, used: RunDir
) -> None:
    with pytest.raises(RunnerError, match=said):
        migrate(used, *sets)
    assert_untouched(used)


def test_a_running_system_is_left_alone(used: RunDir) -> None:
    lock = RunLock(used)
    assert lock.acquire()
    try:
        with pytest.raises(RunnerError, match="a system is running"):
            migrate(used, "embedded", "rabbitmq-redis")
    finally:
        lock.release()
    assert_untouched(used)


@pytest.mark.parametrize("folder", ["redis", "rabbitmq"])
def test_other_data_is_not_overwritten(folder: str, used: RunDir) -> None:
    (used.path / folder / "x").mkdir(parents=True)
    with pytest.raises(RunnerError, match=f"has data already.*{folder}"):
        migrate(used, "embedded", "rabbitmq-redis")
    assert (used.path / folder / "x").exists()
    assert not used.migration.exists()


def test_a_broker_that_both_sets_use_keeps_its_messages(used: RunDir) -> None:
    (used.path / "nats" / "x").mkdir(parents=True)
    migrate(used, "embedded", "rabbitmq-redis")
    assert (used.path / "nats" / "x").exists()


def test_a_restore_in_its_place_ends_the_record(used: RunDir, file: Path) -> None:
    migrate(used, "embedded", "rabbitmq-redis")
    for name in ("state", "redis", "blobs"):
        shutil.rmtree(used.path / name)
    restore(used, file)
    require_current("embedded", used)


# ── the comparison ──────────────────────────────────────────────────────────────────────────

FIRST, SECOND = StoredDocument("posts||a", b"1"), StoredDocument("users||b", b"2")
SPOILED: dict[str, tuple[list[StoredDocument], str]] = {
    "a lost document": ([FIRST], "1 documents are missing"),
    "a changed one": ([FIRST, replace(SECOND, value=b"0")], "1 are not"),
    "another one": ([FIRST, SECOND, replace(SECOND, key="users||c")], "1 are not"),
    "one that expires": ([FIRST, replace(SECOND, ttl=9)], "1 are not"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_difference_is_found(name: str) -> None:
    spoiled, said = SPOILED[name]
    comparison = CopyComparison()
    assert list(comparison.note([FIRST, SECOND])) == [FIRST, SECOND]
    comparison.compare([SECOND, FIRST])
    with pytest.raises(RunnerError, match=said):
        comparison.compare(spoiled)


def test_nothing_starts_on_a_copy_that_differs(
    used: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = RedisStore.load

    def load_most(self: RedisStore, documents: Iterable[StoredDocument]) -> None:
        load(self, (each for each in documents if each.key != "users||user:7"))

    monkeypatch.setattr(RedisStore, "load", load_most)
    with pytest.raises(RunnerError, match=r"1 documents are missing.*users\|\|user:7"):
        migrate(used, "embedded", "rabbitmq-redis")
    with pytest.raises(RunnerError, match="was interrupted"):
        prepare(StartPlan(run=used, components="rabbitmq-redis"))
    require_current("embedded", used)


def test_the_time_that_is_left_is_compared() -> None:
    comparison = CopyComparison()
    list(comparison.note([StoredDocument("a||b", b"1", ttl=600)]))
    comparison.compare([StoredDocument("a||b", b"1", ttl=599)])
    for wrong in (500, 700, None):
        with pytest.raises(RunnerError, match="1 are not"):
            comparison.compare([StoredDocument("a||b", b"1", ttl=wrong)])


def test_what_expires_meanwhile_is_not_missed() -> None:
    comparison = CopyComparison()
    list(comparison.note([StoredDocument("a||b", b"1", ttl=0)]))
    comparison.compare([])


# ── interruptions ───────────────────────────────────────────────────────────────────────────

_KILLED = """
import os, sys
from pathlib import Path
from tools.runner.commands import migrate
from tools.runner.config.paths import RunDir

left = {count}
def dies(*arguments, **named):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)
    return lives(*arguments, **named)

lives = {place}
{place} = dies
migrate.migrate(RunDir(Path(sys.argv[1])), sys.argv[2], sys.argv[3])
"""
_STORES = "sys.modules['tools.runner.backup.{0}_store']._{1}"
MOMENTS = {
    "before anything is written": ("migrate._copy", 1, False),
    "within the documents, into Redis": (_STORES.format("redis", "commands"), 1_200, True),
    "between copy and comparison": ("migrate.CopyComparison.compare", 1, True),
    "before it is complete": ("migrate.os.sync", 1, False),
}
"""A call in which it dies, which one, and whether a Redis is left."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_migration_is_repeated(moment: str, used: RunDir) -> None:
    _kill(moment, used, "embedded", "rabbitmq-redis")
    with pytest.raises(RunnerError, match="was interrupted"):
        prepare(StartPlan(run=used, components="redis-streams"))
    require_current("embedded", used)
    with pytest.raises(RunnerError, match="was interrupted"):
        migrate(used, "rabbitmq-redis", "embedded")
    migrate(used, "embedded", "rabbitmq-redis")
    assert not used.backup_staging.exists()
    assert contents(used, "rabbitmq-redis") == expected()


def test_a_killed_way_back_is_repeated(used: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(used, "embedded", "rabbitmq-redis")
    shutil.rmtree(used.path / "state")
    monkeypatch.setitem(MOMENTS, "into SQLite", (_STORES.format("sqlite", "row"), 1_200, True))
    _kill("into SQLite", used, "rabbitmq-redis", "embedded")
    with pytest.raises(RunnerError, match="was interrupted"):
        require_current("embedded", used)
    require_current("rabbitmq-redis", used)
    migrate(used, "rabbitmq-redis", "embedded")
    assert contents(used, "embedded") == expected()


def test_after_a_killed_migration_work_goes_on_and_is_moved_too(used: RunDir) -> None:
    _kill("before it is complete", used, "embedded", "rabbitmq-redis")
    _, store = new_store("embedded", used, apps_with_state())
    assert isinstance(store, SqliteStore)
    with store.snapshot() as documents:
        everything = [*documents, StoredDocument("posts||post:2", b'{"text":"later"}')]
    store.clear()
    store.load(everything)
    migrate(used, "embedded", "rabbitmq-redis")
    assert "posts||post:2" in contents(used, "rabbitmq-redis")


def _kill(moment: str, run: RunDir, *sets: str) -> None:
    place, count, left = MOMENTS[moment]
    script = _KILLED.format(place=place, count=count)
    command = [sys.executable, "-c", script, str(run.path), *sets]
    assert subprocess.run(command, cwd=REPO, check=False).returncode == -signal.SIGKILL
    assert (stop_orphans(run) > 0) == left  # it may have a child that rewrites its log


# ── marks ───────────────────────────────────────────────────────────────────────────────────


async def test_what_services_overwrite_has_no_mark() -> None:
    """With it, Redis would refuse these writes for ever; without it, others would overwrite."""
    state = FakeState(like="redis")
    journal = Journal("posts", state, published=lambda: 0)
    for number in range(SEGMENT_SIZE + 1):
        await journal.write(journal.begin(f"post:{number}"))
    await state.set("recovered:posts:abc", 1)  # services/chassis/publishing/outbox.py
    marks = {key: row.first_write for key, row in state._rows.items()}
    assert {key.partition(":")[0] for key in marks} == {"journal", "recovered", "streams"}
    assert marks == {key: is_created(f"posts||{key}") for key in marks}
