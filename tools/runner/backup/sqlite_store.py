"""State in SQLite, a file for each service: copied as of one instant while sidecars write.

Each file has one writer at a time. The copy takes the lock of the writer of every file, opens a
read transaction on each, and gives the locks back. In between nobody can commit, so all read
transactions show the same instant, and keep showing it for as long as they last. Sidecars wait for
the lock meanwhile, as they wait for each other (`busyTimeout`). Readers are not disturbed.
"""

from __future__ import annotations

import base64
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tools.runner.backup.documents import StoredDocument, is_created
from tools.runner.errors import RunnerError

BARRIER_TIMEOUT = 2.0
"""Seconds for which writers of some files may wait until the others are locked too. Less than what
services wait for their sidecar (3 s), which waits longer (10 s)."""

BARRIER_ATTEMPTS, BARRIER_PAUSE = 5, 1.0
"""How often that is tried, and seconds in between, in which everybody can write."""

_LOCK_PAUSE = 0.0005

_BATCH_SIZE = 1000

# As Dapr's component makes them, which takes a file with this level of migrations as its own.
_SCHEMA = """
CREATE TABLE metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);
INSERT INTO metadata VALUES ('migrations', '1');
CREATE TABLE state (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    is_binary BOOLEAN NOT NULL,
    etag TEXT NOT NULL,
    expiration_time TIMESTAMP DEFAULT NULL,
    update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""

_SELECT = """
SELECT key, value, is_binary,
    CAST(strftime('%s', expiration_time) AS INTEGER) - CAST(strftime('%s', 'now') AS INTEGER)
FROM state WHERE expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP
"""

_INSERT = """
INSERT OR REPLACE INTO state (key, value, is_binary, etag, expiration_time)
VALUES (?, ?, ?, ?, CASE WHEN ? IS NULL THEN NULL ELSE datetime('now', ? || ' seconds') END)
"""


class _LockedError(Exception):
    """A file, its argument, stays locked by somebody else."""


class SqliteStore:
    """The SQLite files of all services, by app-id."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self.barrier_seconds = 0.0
        """How long writers waited at the last snapshot."""

    @classmethod
    def of(cls, metadata: Mapping[str, Mapping[str, Any]]) -> SqliteStore:
        """Return the files that components name, given as metadata by app-id."""
        return cls({app: _path(app, own) for app, own in metadata.items()})

    @contextmanager
    def snapshot(self) -> Iterator[Iterator[StoredDocument]]:
        """See `CopiedStore`. Raises RunnerError if a file stays locked."""
        files = [path for path in self._files.values() if path.exists()]
        with ExitStack() as stack:
            readers = [stack.enter_context(closing(_connect(path))) for path in files]
            self._freeze(files, readers)
            yield (document for reader in readers for document in _read(reader))

    def _freeze(self, files: list[Path], readers: list[sqlite3.Connection]) -> None:
        for left in reversed(range(BARRIER_ATTEMPTS)):
            try:
                self._freeze_once(files, readers)
                break
            except _LockedError as error:
                if not left:
                    raise RunnerError(f"{error} stays locked: try again later") from None
            time.sleep(BARRIER_PAUSE)

    def _freeze_once(self, files: list[Path], readers: list[sqlite3.Connection]) -> None:
        began = time.monotonic()
        with ExitStack() as locks:
            for path in files:
                writer = locks.enter_context(closing(_connect(path)))
                _lock(writer, path, began + BARRIER_TIMEOUT)
            for reader in readers:
                _begin_reading(reader)
        self.barrier_seconds = time.monotonic() - began

    def size(self) -> int:
        """See `CopiedStore`."""
        return sum(path.stat().st_size for path in self._files.values() if path.exists())

    def is_empty(self) -> bool:
        """See `CopiedStore`."""
        folders = {path.parent for path in self._files.values()}  # also with the engine's files
        return not any(folder.exists() and any(folder.iterdir()) for folder in folders)

    def load(self, documents: Iterable[StoredDocument]) -> None:
        """See `CopiedStore`. Raises RunnerError for a document of an unknown service."""
        with ExitStack() as stack:
            writers: dict[str, sqlite3.Connection] = {}
            batches: dict[str, list[tuple[Any, ...]]] = {}
            for document in documents:
                app = document.app
                if app not in writers:
                    writers[app] = stack.enter_context(closing(self._create(app)))
                    batches[app] = []
                batches[app].append(_row(document))
                if len(batches[app]) == _BATCH_SIZE:
                    writers[app].executemany(_INSERT, batches[app])
                    batches[app].clear()
            for app, writer in writers.items():
                writer.executemany(_INSERT, batches[app])
                writer.execute("COMMIT")

    def _create(self, app: str) -> sqlite3.Connection:
        if app not in self._files:
            raise RunnerError(f'there are documents of "{app}", which is no service here')
        path = self._files[app]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.executescript(_SCHEMA)
        writer.execute("BEGIN IMMEDIATE")
        return writer

    def clear(self) -> None:
        """See `CopiedStore`."""
        for path in self._files.values():
            for each in path.parent.glob(f"{path.name}*"):
                each.unlink()


def _path(app: str, metadata: Mapping[str, Any]) -> Path:
    connection = str(metadata["connectionString"]).partition("?")[0].removeprefix("file:")
    return Path(connection.replace("{appID}", app))


def _connect(path: Path) -> sqlite3.Connection:
    """Open an existing file. Raises RunnerError if its readers would stop its writers."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 0")
    ((mode,),) = connection.execute("PRAGMA journal_mode").fetchall()
    if mode != "wal":
        connection.close()
        raise RunnerError(f"{path} has no write-ahead log (disableWAL), so it cannot be copied")
    return connection


def _lock(writer: sqlite3.Connection, path: Path, deadline: float) -> None:
    while not _try_lock(writer):
        if time.monotonic() > deadline:
            raise _LockedError(path)
        time.sleep(_LOCK_PAUSE)


def _try_lock(writer: sqlite3.Connection) -> bool:
    try:
        writer.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _begin_reading(reader: sqlite3.Connection) -> None:
    """Begin a read transaction, which shows what the file holds at its first query."""
    reader.execute("BEGIN")
    reader.execute("SELECT 1 FROM state LIMIT 1").fetchall()


def _read(reader: sqlite3.Connection) -> Iterator[StoredDocument]:
    for key, value, is_binary, ttl in reader.execute(_SELECT):
        content = base64.b64decode(value) if is_binary else value.encode()
        yield StoredDocument(key, content, ttl, is_created(key))


def _row(document: StoredDocument) -> tuple[Any, ...]:
    try:
        value, is_binary = document.value.decode(), False
    except UnicodeDecodeError:
        value, is_binary = base64.b64encode(document.value).decode(), True
    return document.key, value, is_binary, str(uuid.uuid4()), document.ttl, document.ttl
