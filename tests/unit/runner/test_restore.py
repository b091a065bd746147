"""`restore` fills an empty system completely, or refuses before it changes anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.runner.saved_system import (
    assert_restored,
    assert_untouched,
    documents_of,
)
from tools.runner.backup.archive import HEADER, STATE
from tools.runner.commands import restore as restore_command
from tools.runner.commands.backup import back_up
from tools.runner.commands.restore import restore
from tools.runner.commands.start import prepare
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.secrets import IDENTIFIERS, JWT, SecretsFile
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.supervisor.lock import RunLock

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


@pytest.mark.parametrize(
    "folder",
    ["nats", "rabbitmq", "mosquitto", "kafka", "postgresql", "mariadb", "scheduler", "blobs"],
)
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
    before, after = SecretsFile(source.secrets), SecretsFile(empty.secrets)
    assert after[JWT] != before[JWT]
    assert after[IDENTIFIERS] == before[IDENTIFIERS]


def test_sessions_end_also_where_the_key_is_there(
    source: RunDir, file: Path, empty: RunDir
) -> None:
    key = SecretsFile(source.secrets)[JWT]
    empty.create()
    SecretsFile(empty.secrets).set(JWT, key)
    restore(empty, file, end_sessions=True)
    assert SecretsFile(empty.secrets)[JWT] != key


def test_an_interrupted_restore_of_another_set_is_not_taken_up(file: Path, empty: RunDir) -> None:
    empty.create()
    empty.unfinished_restore.write_text("rabbitmq-redis")
    with pytest.raises(RunnerError, match="--components rabbitmq-redis"):
        restore(empty, file)
    assert empty.unfinished_restore.exists()


def test_processes_of_a_killed_runner_are_left_alone(
    file: Path, empty: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.runner.commands.restore.find_orphans", lambda run: [os.getpid()])
    with pytest.raises(RunnerError, match="still run"):
        restore(empty, file)
    assert_untouched(empty)


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
