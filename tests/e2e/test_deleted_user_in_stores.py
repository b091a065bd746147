"""The files of the stores, after a user was deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.system import LoggedInUser, System, wait_until
from tests.system.users import PASSWORD


def _found(folder: Path, words: list[bytes]) -> set[tuple[str, bytes]]:
    """Which of some words are in which files of a folder, in any letter case."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {path.name: path.read_bytes().lower() for path in files}
    return {(name, word) for name, text in texts.items() for word in words if word in text}


def _checkpoint(folder: Path) -> None:
    """Do what some megabytes of writes do: move the write-ahead logs into the files."""
    for path in folder.glob("*.db"):
        with sqlite3.connect(path, timeout=10) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def test_files_of_the_stores_lose_the_texts_of_a_deleted_user(
    system: System, anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    folder = system.run_dir / "state"
    if not list(folder.glob("*.db")):
        pytest.skip("the state of this set is not in files of SQLite")
    words = [anna.name.lower().encode(), b"harpsichord", b"rhinoceros", b"quagmire"]
    anna.client.account_update_credentials(display_name="Harpsichord", note="a harpsichord")
    anna.client.status_post("rhinoceros", media_ids=[anna.upload(picture, description="quagmire")])
    anna.client.account_follow(ben.id)
    wait_until(lambda: ben.client.me().followers_count == 1)
    _checkpoint(folder)
    assert {word for _, word in _found(folder, words)} == set(words)
    assert anna.call("POST", "/api/v1/accounts/delete", json={"password": PASSWORD}).ok

    def left() -> set[tuple[str, bytes]]:
        _checkpoint(folder)
        return _found(folder, words)

    wait_until(lambda: left() == set())
