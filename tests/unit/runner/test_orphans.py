"""Nothing of ours survives, and nothing of others is touched."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.system.waiting import wait_until
from tools.runner.__main__ import main
from tools.runner.commands import start
from tools.runner.config.paths import MARKER, RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.config.start_plan import StartPlan
from tools.runner.infra import redis
from tools.runner.infra.ports import free_ports
from tools.runner.infra.servers import ServerContext
from tools.runner.supervisor import control
from tools.runner.supervisor.lock import RunLock, runner_pid, stop_runner
from tools.runner.supervisor.orphans import find_orphans, stop_orphans

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
HOLD = """
import sys, time
from pathlib import Path
from tools.runner.supervisor.lock import RunLock
from tools.runner.config.paths import RunDir
lock = RunLock(RunDir(Path(sys.argv[1])))
assert lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def start_marked(marker: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(SLEEP, env=dict(os.environ) | {MARKER: marker})


@pytest.fixture
def holder(run: RunDir) -> Iterator[int]:
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield child.pid
        child.kill()


def test_only_processes_with_the_mark_are_stopped(run: RunDir) -> None:
    with start_marked(run.marker) as ours, start_marked(run.marker + "-other") as theirs:
        try:
            assert find_orphans(run) == [ours.pid]
            assert stop_orphans(run) == 1
            assert ours.wait(5) is not None
            assert theirs.poll() is None
        finally:
            ours.kill()
            theirs.kill()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="Redis is not installed")
def test_a_redis_is_found_too(run: RunDir) -> None:
    """It writes its title over its environment unless it is told not to."""
    context = ServerContext(run, SecretsFile(run.secrets), free_ports(), tool=Path)
    spec = redis.set_up(context).spec
    assert spec is not None
    with subprocess.Popen(spec.argv, env=spec.env, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: (run.path / "redis" / "appendonlydir").exists())
            assert find_orphans(run) == [server.pid]
        finally:
            server.kill()


def test_there_is_one_runner_in_a_run_directory(run: RunDir, holder: int) -> None:
    assert runner_pid(run) == holder
    assert not RunLock(run).acquire()
    assert stop_runner(run, patience=5)
    assert runner_pid(run) is None
    lock = RunLock(run)
    assert lock.acquire()
    lock.release()
    assert lock.acquire()
    lock.release()


def test_a_lock_ends_with_a_runner_that_is_killed(run: RunDir, holder: int) -> None:
    os.kill(holder, signal.SIGKILL)
    assert stop_runner(run, patience=5) in (True, False)
    assert runner_pid(run) is None


def test_ps_reports_why_nothing_is_running(
    run: RunDir, holder: int, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--run-dir", str(run.path), "ps"])
    os.kill(holder, signal.SIGKILL)
    assert stop_runner(run, patience=5) in (True, False)
    with start_marked(run.marker) as left:
        try:
            main(["--run-dir", str(run.path), "ps"])
        finally:
            left.kill()
    main(["--run-dir", str(run.path), "ps"])
    starting, killed, nothing = capsys.readouterr().out.splitlines()
    assert starting == f"the system is starting or stopping (pid {holder})"
    assert killed == "processes of a killed runner are left (1): stop them with `down`"
    assert nothing == "nothing is running"


def test_an_interrupted_background_start_leaves_no_runner(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def begin(*_: object, **__: object) -> subprocess.Popen[bytes]:
        children.append(subprocess.Popen(SLEEP))
        return children[0]

    def break_off(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "prepare", lambda _: None)
    monkeypatch.setattr(start, "subprocess", SimpleNamespace(Popen=begin, DEVNULL=-3, STDOUT=-2))
    monkeypatch.setattr(start, "time", SimpleNamespace(sleep=break_off))
    with pytest.raises(KeyboardInterrupt):
        start.up_detached(StartPlan(run), [])
    assert children[0].returncode == -signal.SIGTERM


def test_a_socket_of_a_killed_runner_counts_as_no_runner(run: RunDir) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(control.socket_path(run)))
    assert control.send_command(run, {"verb": "ps"}) is None


def test_a_socket_below_a_deep_run_directory_goes_elsewhere(run: RunDir) -> None:
    deep = RunDir(run.path / ("d" * 120))
    path = control.socket_path(deep)
    assert len(str(path)) < 100
    control.remove_socket(path)
    assert not path.parent.exists()
