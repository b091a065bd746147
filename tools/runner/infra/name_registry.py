"""The file in which sidecars look one another up: Dapr's SQLite name resolution.

A sidecar looks the callee up for every call, and picks one of its addresses at random; nothing is
cached. It registers itself first of all at its start, long before it can serve, and renews its row
every 7 s: if that is gone, it ends. So a replica is hidden by giving its row another app-id. The
renewal goes by registration and address, and does not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tools.runner.errors import RunnerError

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for a sidecar that writes."""

_Statement = tuple[str, tuple[str, ...]]

_SET_UP: Sequence[_Statement] = (
    ("CREATE TABLE IF NOT EXISTS held (address TEXT PRIMARY KEY)", ()),
    (
        "CREATE TRIGGER IF NOT EXISTS hold AFTER INSERT ON hosts "
        "WHEN NEW.address IN (SELECT address FROM held) "
        "BEGIN UPDATE hosts SET app_id = 'hidden:' || NEW.app_id WHERE address = NEW.address; END",
        (),
    ),
)
_NOT_HELD = "DELETE FROM held WHERE address = ?"


class NameRegistry:
    """The registry of one run; without its file (another resolver) every method does nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def hide(self, address: str) -> None:
        """Let no call that begins from now on go to the sidecar at an address."""
        visible = "address = ? AND app_id NOT LIKE 'hidden:%'"
        await self._execute(
            (f"UPDATE hosts SET app_id = 'hidden:' || app_id WHERE {visible}", (address,))  # noqa: S608
        )

    async def hold(self, address: str) -> None:
        """Hide a sidecar that will register at this address, until `release`."""
        await self._execute(*_SET_UP, ("INSERT OR IGNORE INTO held VALUES (?)", (address,)))

    async def release(self, address: str) -> None:
        """Let calls go to a sidecar that is ready."""
        shown = "app_id = substr(app_id, length('hidden:') + 1)"
        hidden = "address = ? AND app_id LIKE 'hidden:%'"
        await self._execute(
            *_SET_UP,
            (_NOT_HELD, (address,)),
            (f"UPDATE hosts SET {shown} WHERE {hidden}", (address,)),  # noqa: S608
        )

    async def forget(self, address: str) -> None:
        """Remove what a sidecar left that has ended. Otherwise its row expires by itself."""
        with contextlib.suppress(RunnerError):
            await self._execute(
                *_SET_UP,
                (_NOT_HELD, (address,)),
                ("DELETE FROM hosts WHERE address = ?", (address,)),
            )

    async def _execute(self, *statements: _Statement) -> None:
        """Raises RunnerError if the file cannot be written."""
        try:
            if self._path.exists():
                await asyncio.to_thread(self._execute_now, statements)
        except sqlite3.Error as error:
            raise RunnerError(f"{self._path}: {error}") from None

    def _execute_now(self, statements: Sequence[_Statement]) -> None:
        """Execute statements in one transaction, if a sidecar has made the tables already."""
        file = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
        with contextlib.closing(file):
            file.execute("BEGIN IMMEDIATE")
            if file.execute("SELECT 1 FROM sqlite_master WHERE name = 'hosts'").fetchone():
                for statement, values in statements:
                    file.execute(statement, values)
            file.execute("COMMIT")
