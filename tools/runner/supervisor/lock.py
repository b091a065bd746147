"""One runner per run directory: a file lock, which the kernel releases with its process."""

import contextlib
import fcntl
import os
import signal
import time
from io import TextIOWrapper

from tools.runner.config.paths import RunDir


class RunLock:
    """The lock of a running runner; the file contains its process id."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._file: TextIOWrapper | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, and return whether it was."""
        self._run.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._run.lock.open("a+")
        if not _locked(file):
            file.close()
            return False
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _locked(file: TextIOWrapper) -> bool:
    """Lock the file; retry briefly, because `runner_pid` of another command may hold it."""
    for _ in range(5):
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def runner_pid(run: RunDir) -> int | None:
    """Return the process id of the runner of this run directory, or None."""
    with contextlib.suppress(FileNotFoundError, ValueError), run.lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(file.read())
    return None


def stop_runner(run: RunDir, patience: float = 12.0) -> bool:
    """Stop the runner, kill it after the timeout, and return whether there was one."""
    pid = runner_pid(run)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while runner_pid(run) == pid:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + patience
        time.sleep(0.05)
    return True
