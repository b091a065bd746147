"""A SQLite file for telemetry: begun anew if it is damaged, and bounded by its store."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY_TIMEOUT = 5.0
_MAX_WAL_BYTES = 4_000_000


class TelemetryDatabase:
    """One file with one connection for writing and one for reading; both may be used by threads.

    A reader does not wait for the writer. Nothing is opened before it is used.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for a transaction, which is committed at the end.

        A damaged file is moved aside, and this transaction is lost: raises sqlite3.Error.
        """
        with self._write_lock:
            try:
                if self._writer is None:
                    self._writer = self._opened()
                with self._writer:
                    yield self._writer
            except sqlite3.DatabaseError as error:
                self._forget_if_damaged(error)
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection to read from, or None if there is no file yet."""
        with self._read_lock:
            if self._reader is None and self.path.exists():
                self._reader = self._connect("ro")
            yield self._reader

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Return all rows of a query; none if there is no file, or if it is damaged."""
        try:
            with self.reading() as connection:
                return connection.execute(sql, values).fetchall() if connection else []
        except sqlite3.DatabaseError as error:
            logger.warning("cannot read %s: %s", self.path, error)
            self._close_reader()
            return []

    def open(self) -> None:
        """Create the file if it is missing, and replace it if it is damaged."""
        with self.writing():
            pass

    def close(self) -> None:
        """Close both connections; the last one to write moves the journal into the file."""
        self._close_reader()
        with self._write_lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _close_reader(self) -> None:
        with self._read_lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return self._checked()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            self._move_aside(error)
            return self._checked()

    def _checked(self) -> sqlite3.Connection:
        connection = self._connect("rwc")
        try:
            _require_intact(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_MAX_WAL_BYTES}")
            self._create(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        """Create the tables; those of another version of this program are deleted first."""
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found != self._version:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (name,) in connection.execute(tables).fetchall():
                connection.execute(f"DROP TABLE {name}")
            connection.executescript(self._schema)
            connection.execute(f"PRAGMA user_version = {self._version}")
            connection.commit()

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{self.path}?mode={mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT,
            check_same_thread=False,
        )

    def _forget_if_damaged(self, error: sqlite3.DatabaseError) -> None:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _DAMAGED:
            return
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._move_aside(error)

    def _move_aside(self, error: Exception) -> None:
        """Keep one damaged file, for whoever wants to look at it."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        logger.error("%s is damaged (%s): moved to %s, a new one begins", self.path, error, aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.replace(aside)
        self._close_reader()


def _require_intact(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
