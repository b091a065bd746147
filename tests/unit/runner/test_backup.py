"""`backup` and `restore` of a system on SQLite: what is copied, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.chassis.security.access_rules import read_access
from tests.system.waiting import wait_until
from tools.runner.backup.archive import HEADER, STATE
from tools.runner.backup.documents import StoredDocument, write_documents
from tools.runner.backup.sqlite_store import SqliteStore
from tools.runner.backup.stores import new_store, running_store
from tools.runner.commands import backup as backup_command
from tools.runner.commands import restore as restore_command
from tools.runner.commands.backup import apps_with_state, back_up
from tools.runner.commands.restore import restore
from tools.runner.commands.start import prepare
from tools.runner.config.components import render_set
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.secrets import IDENTIFIERS, JWT, RABBITMQ, SecretsFile
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.supervisor.lock import RunLock

DOCUMENTS = [
    StoredDocument("posts||post:1", b'{"text":"hello"}'),
    StoredDocument("feed||home:1", b"[1]", ttl=600),
]
PICTURES = {"1-abc-o.jpg": b"picture", "2-def-s.webp": b"\x00\xff" * 5_000}


@pytest.fixture
def source(run: RunDir) -> RunDir:
    """A system that has been running."""
    render_set("embedded", run, {}, read_access())
    _, store = new_store("embedded", run, apps_with_state())
    store.load(DOCUMENTS)
    for name, content in PICTURES.items():
        (run.path / "blobs" / name).write_bytes(content)
    SecretsFile(run.secrets).create_missing()
    return run


@pytest.fixture
def file(source: RunDir, tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "saved.tar"
    assert back_up(source, path, with_secrets=True) == 0
    return path


@pytest.fixture
def empty(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "new")


def documents_of(run: RunDir) -> list[tuple[str, bytes]]:
    if not run.components.exists():
        render_set("embedded", run, {}, read_access())
    _, store = running_store(run, apps_with_state())
    with store.snapshot() as documents:
        return sorted((each.key, each.value) for each in documents)


def pictures_of(run: RunDir) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.path / "blobs").iterdir()}


def assert_restored(run: RunDir) -> None:
    assert documents_of(run) == sorted((each.key, each.value) for each in DOCUMENTS)
    assert pictures_of(run) == PICTURES
    assert not run.unfinished_restore.exists()


def assert_untouched(run: RunDir) -> None:
    assert not list(run.path.glob("state/*"))
    assert not list(run.path.glob("blobs/*"))
    assert not run.secrets.exists()
    assert not run.unfinished_restore.exists()


# ── what is copied ──────────────────────────────────────────────────────────────────────────


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


# ── what is refused ─────────────────────────────────────────────────────────────────────────


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        raw[tar.getmember(STATE).offset_data + 20] ^= 1
    path.write_bytes(raw)


def _flip_header_of_member(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        raw[tar.getmember(STATE).offset + 3] ^= 1
    path.write_bytes(raw)


def _cut(share: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])

    return cut


def _rewrite(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        raw = path.read_bytes()
        with tarfile.open(path) as tar:
            member = tar.getmember(HEADER)
            header = json.loads(raw[member.offset_data : member.offset_data + member.size])
        change(header)
        text = json.dumps(header).encode().ljust(member.size)
        assert len(text) == member.size
        end = member.offset_data + member.size
        path.write_bytes(raw[: member.offset_data] + text + raw[end:])

    return rewrite


SPOILED = {
    "a changed byte": (_flip, "damaged"),
    "a changed name": (_flip_header_of_member, "damaged|cut off"),
    "half of the file": (_cut(0.5), "damaged|cut off"),
    "nothing": (_cut(0), "no backup"),
    "a later format": (_rewrite(lambda header: header.update(format=9)), "format 9.*format 1"),
    "another text": (lambda path: path.write_text("hello" * 500), "no backup"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_file_is_refused_before_anything_is_changed(
    name: str, file: Path, empty: RunDir
) -> None:
    spoil, said = SPOILED[name]
    spoil(file)
    with pytest.raises(RunnerError, match=said):
        restore(empty, file)
    assert_untouched(empty)
    with pytest.raises(RunnerError, match=said):
        restore_command.check(file)


def test_every_cut_is_found(file: Path, empty: RunDir) -> None:
    whole = file.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for size in range(0, end, 997):
        file.write_bytes(whole[:size])
        with pytest.raises(RunnerError):
            restore(empty, file)
    assert_untouched(empty)


def test_a_running_system_is_left_alone(file: Path, source: RunDir) -> None:
    lock = RunLock(source)
    assert lock.acquire()
    before = documents_of(source)
    try:
        with pytest.raises(RunnerError, match="a system is running"):
            restore(source, file)
    finally:
        lock.release()
    assert documents_of(source) == before


def test_a_system_with_data_is_left_alone(file: Path, source: RunDir) -> None:
    with pytest.raises(RunnerError, match="has data already"):
        restore(source, file)
    assert_restored(source)


@pytest.mark.parametrize("folder", ["nats", "rabbitmq", "scheduler", "blobs"])
def test_what_a_broker_or_scheduler_holds_is_data_too(
    folder: str, file: Path, empty: RunDir
) -> None:
    (empty.path / folder / "x").mkdir(parents=True)
    with pytest.raises(RunnerError, match=folder):
        restore(empty, file)
    assert not list(empty.path.glob("state/*"))


def test_too_little_room_is_said_beforehand(
    file: Path, empty: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tools.runner.commands.restore.shutil.disk_usage", lambda _: SimpleNamespace(free=10)
    )
    with pytest.raises(RunnerError, match="MiB free"):
        restore(empty, file)
    assert_untouched(empty)


def test_another_kind_of_store_is_refused(file: Path, empty: RunDir) -> None:
    with pytest.raises(RunnerError, match=r"state\.sqlite.*state\.redis"):
        restore(empty, file, components="rabbitmq-redis")
    assert_untouched(empty)


# ── secrets ─────────────────────────────────────────────────────────────────────────────────


def test_without_the_secrets_a_restore_says_what_that_means(file: Path, empty: RunDir) -> None:
    file.with_name("saved.tar.secrets").unlink()
    with pytest.raises(RunnerError, match="log in again"):
        restore(empty, file)
    assert_untouched(empty)
    restore(empty, file, without_secrets=True)
    assert_restored(empty)


def test_secrets_of_another_system_are_refused(file: Path, empty: RunDir, tmp_path: Path) -> None:
    SecretsFile(tmp_path / "other").create_missing()
    with pytest.raises(RunnerError, match="another system"):
        restore(empty, file, secrets_file=tmp_path / "other")
    assert_untouched(empty)


def test_secrets_that_are_there_are_not_replaced(file: Path, empty: RunDir) -> None:
    empty.create()
    SecretsFile(empty.secrets).create_missing()
    before = empty.secrets.read_text()
    with pytest.raises(RunnerError, match="would be lost"):
        restore(empty, file)
    assert empty.secrets.read_text() == before


def test_sessions_can_be_ended(source: RunDir, file: Path, empty: RunDir) -> None:
    restore(empty, file, end_sessions=True)
    after = SecretsFile(empty.secrets)
    assert after.get(JWT) is None
    assert after[IDENTIFIERS] == SecretsFile(source.secrets)[IDENTIFIERS]


# ── interruptions ───────────────────────────────────────────────────────────────────────────

_KILLED = """
import os, sys
from pathlib import Path
from tools.runner.commands import restore
from tools.runner.config.paths import RunDir

def dies(*arguments):
    os.kill(os.getpid(), 9)

{place} = dies
restore.restore(RunDir(Path(sys.argv[1])), Path(sys.argv[2]))
"""
MOMENTS = {
    "before anything is filled": "restore._fill",
    "before the documents": "restore.read_documents",
    "within the documents": "sys.modules['tools.runner.backup.sqlite_store']._row",
    "before the secrets": "restore.SecretsFile.update",
    "before the end": "restore.os.sync",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_restore_cannot_be_started_and_is_repeated(
    moment: str, file: Path, empty: RunDir
) -> None:
    script = _KILLED.format(place=MOMENTS[moment])
    done = subprocess.run(
        [sys.executable, "-c", script, str(empty.path), str(file)], cwd=REPO, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(RunnerError, match="was interrupted"):
        prepare(StartPlan(run=empty))
    with pytest.raises(RunnerError, match="interrupted"):
        back_up(empty, file.with_name("y.tar"), with_secrets=False)
    restore(empty, file)
    assert_restored(empty)


def test_a_restore_waits_for_no_other_one(file: Path, empty: RunDir) -> None:
    lock = RunLock(empty)
    assert lock.acquire()
    try:
        with pytest.raises(RunnerError, match="a system is running"):
            restore(empty, file)
    finally:
        lock.release()
    restore(empty, file)
    wait_until(lambda: not empty.unfinished_restore.exists())


def test_a_store_that_the_runner_cannot_copy_is_named(source: RunDir, tmp_path: Path) -> None:
    for path in source.components.glob("*/component-statestore.yaml"):
        path.write_text(path.read_text().replace("state.sqlite", "state.postgresql"))
    with pytest.raises(RunnerError, match=r"state\.postgresql"):
        back_up(source, tmp_path / "x.tar", with_secrets=True)
    assert SqliteStore({}).is_empty()
