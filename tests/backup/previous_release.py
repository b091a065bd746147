"""An earlier release of this repository, run beside the present one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest

from tests.system import System
from tests.system.system import GENEROUS
from tools.runner.config.paths import REPO, RunDir, user_cache
from tools.runner.supervisor.orphans import find_orphans

COMMIT = "91d5c41f2eaa"
"""The release whose data must be readable: 0.1.0. Move it on with each release."""

_START_TIMEOUT = 300.0


def checkout() -> Path:
    """Return a folder with the files of the release; skips the test where git has no history."""
    folder = user_cache() / f"release-{COMMIT}"
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        export(COMMIT, partial)
        partial.rename(folder)
    link_packages(folder)
    return folder


def export(commit: str, folder: Path) -> None:
    """Write the files of a commit to a folder; skips the test where git has no history."""
    packed = subprocess.run(["git", "archive", commit], cwd=REPO, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"this clone has no commit {commit[:12]}")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")


def link_packages(folder: Path) -> None:
    """Give a tree the installed packages of this one."""
    venv = folder / ".venv"
    venv.unlink(missing_ok=True)
    venv.symlink_to(Path(sys.prefix).resolve())


@contextmanager
def start_previous(components: str, run_dir: Path, homes: Path) -> Iterator[System]:
    """Start a system of the release; kill everything at once at the end, as a power failure does.

    Its data stays, with what was on its way.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tools.runner", "--run-dir", str(run_dir), "up"]
    command += ["--components", components, "--port", "0", "--detach"]
    try:
        done = subprocess.run(
            command,
            cwd=checkout(),
            env={**os.environ, **GENEROUS},
            capture_output=True,
            text=True,
            timeout=_START_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr or done.stdout
        yield System(run_dir, homes)
    finally:
        _kill_all(run_dir)


def _kill_all(run_dir: Path) -> None:
    while found := find_orphans(RunDir(run_dir)) + _runners(run_dir):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _runners(run_dir: Path) -> list[int]:
    from tools.runner.supervisor.lock import runner_pid

    pid = runner_pid(RunDir(run_dir))
    return [] if pid is None else [pid]
