"""The runner decides which registered sidecars are found, in the tables that Dapr makes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tools.runner.infra.name_registry import NameRegistry

FIRST, SECOND = "127.0.0.1:4001", "127.0.0.1:4002"


class Sidecars:
    """The statements of daprd's resolver (nameresolution/sqlite, 1.18.3)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._execute(
            "CREATE TABLE hosts (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL,"
            " app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL)"
        )
        self._execute("CREATE UNIQUE INDEX hosts_address_idx ON hosts (address)")

    def register(self, address: str, number: int = 1) -> None:
        self._execute(
            "REPLACE INTO hosts VALUES (?, ?, 'posts', '', unixepoch(CURRENT_TIMESTAMP))",
            (f"{address}#{number}", address),
        )

    def renew(self, address: str, number: int = 1) -> bool:
        """Whether the registration is still there: a sidecar ends if it is not."""
        statement = "UPDATE hosts SET last_update = 1 WHERE registration_id = ? AND address = ?"
        return self._execute(statement, (f"{address}#{number}", address)) == 1

    def found(self) -> set[str]:
        with closing(sqlite3.connect(self._path)) as file:
            rows = file.execute("SELECT address FROM hosts WHERE app_id = 'posts'").fetchall()
        return {address for (address,) in rows}

    def _execute(self, statement: str, values: tuple[str, ...] = ()) -> int:
        with closing(sqlite3.connect(self._path)) as file, file:
            return file.execute(statement, values).rowcount


@pytest.fixture
def sidecars(tmp_path: Path) -> Sidecars:
    return Sidecars(tmp_path / "names.db")


@pytest.fixture
def names(tmp_path: Path) -> NameRegistry:
    return NameRegistry(tmp_path / "names.db")


async def test_a_hidden_sidecar_is_not_found_and_still_renews_its_registration(
    names: NameRegistry, sidecars: Sidecars
) -> None:
    sidecars.register(FIRST)
    sidecars.register(SECOND)
    for _ in range(2):
        await names.hide(FIRST)
        assert sidecars.found() == {SECOND}
        assert sidecars.renew(FIRST)
    await names.release(FIRST)
    assert sidecars.found() == {FIRST, SECOND}


async def test_a_held_sidecar_is_found_from_its_release_on(
    names: NameRegistry, sidecars: Sidecars
) -> None:
    await names.hold(SECOND)
    sidecars.register(FIRST)
    sidecars.register(SECOND)
    sidecars.register(SECOND, number=2)  # it died during its start, and registers again
    assert sidecars.found() == {FIRST}
    assert sidecars.renew(SECOND, number=2)
    await names.release(SECOND)
    assert sidecars.found() == {FIRST, SECOND}
    sidecars.register(SECOND, number=3)  # a later restart is not held
    assert sidecars.found() == {FIRST, SECOND}


async def test_a_forgotten_sidecar_leaves_nothing(names: NameRegistry, sidecars: Sidecars) -> None:
    await names.hold(FIRST)
    sidecars.register(FIRST)
    await names.forget(FIRST)
    assert not sidecars.renew(FIRST)
    sidecars.register(FIRST)
    assert sidecars.found() == {FIRST}


async def test_a_system_with_another_resolver_has_no_registry(tmp_path: Path) -> None:
    absent = NameRegistry(tmp_path / "absent.db")
    await absent.hide(FIRST)
    await absent.release(FIRST)
    assert not (tmp_path / "absent.db").exists()
    empty = NameRegistry(tmp_path / "empty.db")
    (tmp_path / "empty.db").touch()
    await empty.hold(FIRST)
    await empty.forget(FIRST)
