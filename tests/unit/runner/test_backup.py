"""`backup`: what is copied while a system runs, with the store in SQLite."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.runner.saved_system import (
    PICTURES,
    assert_restored,
    pictures_of,
)
from tools.runner.backup.documents import write_documents
from tools.runner.commands import backup as backup_command
from tools.runner.commands.backup import back_up
from tools.runner.commands.restore import restore
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import IDENTIFIERS, JWT, RABBITMQ, SecretsFile
from tools.runner.errors import RunnerError


def test_a_restored_system_has_the_documents_the_pictures_and_the_secrets(
    source: RunDir, file: Path, empty: RunDir
) -> None:
    restore(empty, file)
    assert_restored(empty)
    before, after = SecretsFile(source.secrets).all(), SecretsFile(empty.secrets).all()
    assert {after[name] for name in (JWT, IDENTIFIERS)} == {before[JWT], before[IDENTIFIERS]}
    assert RABBITMQ not in after, "the password of a server of the other system"


def test_the_backup_itself_holds_no_secret_and_both_files_are_private(
    source: RunDir, file: Path
) -> None:
    saved = file.read_bytes()
    assert not any(value.encode() in saved for value in SecretsFile(source.secrets).all().values())
    beside = file.with_name("saved.tar.secrets")
    assert {path.stat().st_mode & 0o777 for path in (file, beside)} == {0o600}
    assert not source.backup_staging.exists()
    assert not list(file.parent.glob("*.partial"))


def test_a_picture_that_is_deleted_meanwhile_is_kept_and_a_later_one_is_not(
    source: RunDir, tmp_path: Path, empty: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = source.path / "blobs"
    write = write_documents

    def meanwhile(path: Path, documents: object) -> object:
        for name in PICTURES:
            (blobs / name).unlink()
        late = blobs / "3-late-o.jpg"
        late.write_bytes(b"late")
        os.utime(late, (time.time() + 5,) * 2)
        return write(path, documents)  # type: ignore[arg-type]

    monkeypatch.setattr(backup_command, "write_documents", meanwhile)
    back_up(source, tmp_path / "x.tar", with_secrets=True)
    restore(empty, tmp_path / "x.tar")
    assert pictures_of(empty) == PICTURES


def test_two_backups_at_once_are_refused_and_one_that_was_killed_leaves_nothing(
    source: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()
    write = write_documents

    def slow(path: Path, documents: object) -> object:
        entered.set()
        assert leave.wait(60)
        return write(path, documents)  # type: ignore[arg-type]

    (source.backup_staging / "old").mkdir(parents=True)  # of one that was killed
    monkeypatch.setattr(backup_command, "write_documents", slow)
    first = threading.Thread(
        target=back_up, args=(source, tmp_path / "a.tar"), kwargs={"with_secrets": False}
    )
    first.start()
    try:
        assert entered.wait(60)
        with pytest.raises(RunnerError, match="another backup"):
            back_up(source, tmp_path / "b.tar", with_secrets=False)
    finally:
        leave.set()
        first.join()
    assert (tmp_path / "a.tar").exists()
    assert not source.backup_staging.exists()


def test_a_file_is_never_overwritten(source: RunDir, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(RunnerError, match="exists already"):
        back_up(source, file, with_secrets=True)
    assert file.read_bytes() == before


def test_a_full_disk_ends_a_backup_and_leaves_no_file(
    source: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "full.tar"
    monkeypatch.setattr(
        "tools.runner.commands.backup.shutil.disk_usage", lambda _: SimpleNamespace(free=1_000)
    )
    with pytest.raises(RunnerError, match="MiB free"):
        back_up(source, target, with_secrets=True)
    monkeypatch.undo()
    monkeypatch.setattr("tools.runner.commands.backup.os.fsync", _no_space)
    with pytest.raises(OSError, match="No space left"):
        back_up(source, target, with_secrets=True)
    assert not list(tmp_path.glob("full.tar*"))
    assert not source.backup_staging.exists()


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_system_that_was_never_started_has_no_backup(empty: RunDir, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="never started"):
        back_up(empty, tmp_path / "x.tar", with_secrets=True)


def test_a_store_that_the_runner_cannot_copy_is_named(source: RunDir, tmp_path: Path) -> None:
    for path in source.components.glob("*/component-statestore.yaml"):
        path.write_text(path.read_text().replace("state.sqlite", "state.postgresql"))
    with pytest.raises(RunnerError, match=r"state\.postgresql"):
        back_up(source, tmp_path / "x.tar", with_secrets=True)
