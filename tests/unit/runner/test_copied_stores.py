"""One suite for every kind of store that a backup copies, each with its real files or server."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.system.waiting import wait_until
from tools.runner.backup import sqlite_store as sqlite_module
from tools.runner.backup.documents import StoredDocument, read_documents, write_documents
from tools.runner.backup.redis_store import RedisStore
from tools.runner.backup.sqlite_store import SqliteStore
from tools.runner.backup.stores import CopiedStore
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.errors import RunnerError
from tools.runner.infra.ports import free_ports
from tools.runner.infra.redis import accepts

DOCUMENTS = [
    StoredDocument("posts||post:1", b'{"text":"\xc3\xa4"}', first_write=True),
    StoredDocument("posts||journal:posts:abc", b"{}", ttl=600),
    StoredDocument("feed||home:1", b"\x00\xff binary", first_write=True),
    *(StoredDocument(f"feed||row:{n}", b"%d" % n, first_write=True) for n in range(2_500)),
]
APPS = ("posts", "feed", "users")


@contextmanager
def sqlite_store(run: RunDir) -> Iterator[CopiedStore]:
    yield SqliteStore({app: run.path / "state" / f"{app}.db" for app in APPS})


@contextmanager
def redis_store(run: RunDir) -> Iterator[CopiedStore]:
    yield RedisStore.private(run, APPS)


@contextmanager
def running_redis(run: RunDir) -> Iterator[CopiedStore]:
    """Serve what `redis_store` loaded, as the runner does, and as the sidecars know it."""
    port = next(free_ports())
    SecretsFile(run.secrets).set("redis-password", "generated-x")
    command = ["redis-server", "--port", str(port), "--requirepass", "generated-x", "--save", ""]
    command += ["--appendonly", "yes", "--dir", str(run.path / "redis")]
    server = subprocess.Popen(
        [*command, "--repl-diskless-sync-delay", "0"], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: accepts(port, "generated-x"))
        metadata = {"redisHost": f"127.0.0.1:{port}", "redisPassword": "redis-password"}
        yield RedisStore.of(dict.fromkeys(APPS, metadata), run, SecretsFile(run.secrets))
    finally:
        server.kill()
        server.wait()


Opened = Callable[[RunDir], AbstractContextManager[CopiedStore]]
needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="Redis is not installed")
KINDS = [
    pytest.param(sqlite_store, sqlite_store, id="SQLite"),
    pytest.param(redis_store, running_redis, id="Redis", marks=needs_redis),
]


def plain(documents: Iterable[StoredDocument]) -> dict[str, tuple[object, ...]]:
    """Return what must be the same after a copy."""
    return {each.key: (each.value, each.ttl is not None, each.first_write) for each in documents}


@pytest.mark.parametrize(("new", "running"), KINDS)
def test_a_loaded_store_gives_the_same_documents(new: Opened, running: Opened, run: RunDir) -> None:
    with new(run) as store:
        assert store.is_empty()
        store.load(DOCUMENTS)
        assert not store.is_empty()
    with running(run) as store, store.snapshot() as documents:
        assert store.size() > 0
        found = list(documents)
    assert plain(found) == plain(DOCUMENTS)
    (left,) = [each.ttl for each in found if each.ttl is not None]
    assert 0 < left <= 600


@pytest.mark.parametrize(("new", "running"), KINDS)
def test_a_stopped_store_gives_its_documents_and_stays_as_it_is(
    new: Opened, running: Opened, run: RunDir
) -> None:
    del running
    with new(run) as store:
        store.load([*DOCUMENTS, StoredDocument("users||gone", b"1", ttl=1)])
        before = _files(run)
        wait_until(lambda: "users||gone" not in _snapshot(store))
        assert plain(_snapshot(store).values()) == plain(DOCUMENTS)
        assert store.size() > 0
    assert _files(run) == before


def _snapshot(store: CopiedStore) -> dict[str, StoredDocument]:
    with store.snapshot() as documents:
        return {each.key: each for each in documents}


def _files(run: RunDir) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("new", "running"), KINDS)
def test_what_an_interrupted_load_left_is_removed(
    new: Opened, running: Opened, run: RunDir
) -> None:
    def broken() -> Iterator[StoredDocument]:
        yield from DOCUMENTS
        raise KeyboardInterrupt

    del running
    with new(run) as store:
        with pytest.raises(KeyboardInterrupt):
            store.load(broken())
        store.clear()
        assert store.is_empty()
        store.load(DOCUMENTS)


@needs_redis
def test_workflows_of_the_engine_and_keys_of_others_are_not_copied(run: RunDir) -> None:
    with redis_store(run) as store:
        foreign = ("orders||dapr.internal.x||1", "posts||dapr.internal.x||1", "others||a", "alone")
        store.load([*DOCUMENTS[:1], *(StoredDocument(key, b"1") for key in foreign)])
    with running_redis(run) as store, store.snapshot() as documents:
        assert [each.key for each in documents] == ["posts||post:1"]


def test_a_snapshot_of_several_files_is_of_one_instant(run: RunDir) -> None:
    """Each number is written to one file after the other, as consumers follow a producer."""
    files = {f"app{n}": run.path / "state" / f"app{n}.db" for n in range(8)}
    store = SqliteStore(files)
    store.load([StoredDocument(f"{app}||n", b"0") for app in files])
    stop = threading.Event()
    writing = threading.Thread(target=_count, args=([*files.values()], stop))
    writing.start()
    seen: set[int] = set()
    copies = count(1)

    def copied_often_enough() -> bool:
        with store.snapshot() as documents:
            numbers = [int(each.value) for each in documents]
        assert numbers == sorted(numbers, reverse=True), "a follower was copied later"
        assert numbers[0] - numbers[-1] <= 1, "a follower was copied earlier"
        seen.add(numbers[0])
        return next(copies) >= 60 and len(seen) > 15

    try:
        while not copied_often_enough():
            assert writing.is_alive()
    finally:
        stop.set()
        writing.join()


def test_nobody_can_commit_between_the_first_file_and_the_last(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"app{n}": run.path / "state" / f"app{n}.db" for n in range(3)}
    store = SqliteStore(files)
    store.load([StoredDocument(f"{app}||n", b"0") for app in files])
    refused: list[str] = []
    begin = sqlite_module._begin_reading

    def begin_and_try(reader: sqlite3.Connection) -> None:
        for app, path in files.items():
            with closing(sqlite3.connect(path, timeout=0)) as other:
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute("UPDATE state SET value = '1'")
                refused.append(app)
        begin(reader)

    monkeypatch.setattr(sqlite_module, "_begin_reading", begin_and_try)
    with store.snapshot() as documents:
        for path in files.values():  # and afterwards everybody can
            with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
                other.execute("UPDATE state SET value = '2'")
        assert {each.value for each in documents} == {b"0"}
    assert refused == [*files] * 3


def _count(files: list[Path], stop: threading.Event) -> None:
    writers = [sqlite3.connect(path, isolation_level=None, timeout=10) for path in files]
    number = 0
    while not stop.is_set():
        number += 1
        for writer in writers:
            writer.execute("UPDATE state SET value = ?", (str(number),))
    for writer in writers:
        writer.close()


def test_a_file_that_stays_locked_ends_the_backup_and_frees_the_others(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BARRIER_TIMEOUT", 0.05)
    monkeypatch.setattr(sqlite_module, "BARRIER_PAUSE", 0.0)
    files = {app: run.path / "state" / f"{app}.db" for app in ("feed", "posts")}
    store = SqliteStore(files)
    store.load([StoredDocument(f"{app}||n", b"0") for app in files])
    with closing(sqlite3.connect(files["posts"], isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunnerError, match=r"posts\.db stays locked"), store.snapshot():
            pass
    with closing(sqlite3.connect(files["feed"], timeout=0)) as other:
        other.execute("UPDATE state SET value = '1'")


def test_a_file_that_is_locked_for_a_moment_only_delays_the_backup(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BARRIER_TIMEOUT", 0.05)
    store = SqliteStore({"posts": run.path / "state" / "posts.db"})
    store.load([StoredDocument("posts||n", b"0")])
    with closing(sqlite3.connect(run.path / "state" / "posts.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")

        def free_it(seconds: float) -> None:
            if seconds == sqlite_module.BARRIER_PAUSE:
                holder.rollback()

        monkeypatch.setattr("tools.runner.backup.sqlite_store.time.sleep", free_it)
        with store.snapshot() as documents:
            assert len(list(documents)) == 1


def test_what_has_expired_is_not_copied(run: RunDir) -> None:
    store = SqliteStore({"posts": run.path / "state" / "posts.db"})
    store.load([StoredDocument("posts||a", b"1", ttl=-5), StoredDocument("posts||b", b"1", ttl=50)])
    with store.snapshot() as documents:
        assert [each.key for each in documents] == ["posts||b"]


def test_documents_pass_through_a_file_unchanged(tmp_path: Path) -> None:
    totals = write_documents(tmp_path / "x.gz", DOCUMENTS)
    with (tmp_path / "x.gz").open("rb") as file:
        assert list(read_documents(file)) == DOCUMENTS
    assert totals.documents == len(DOCUMENTS)
