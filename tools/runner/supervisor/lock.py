"""One runner per run directory: a file lock that ends with its process, whatever ends that."""

import contextlib
import fcntl
import os
import signal
import time
from io import TextIOWrapper

from tools.runner.config.paths import RunDir


class RunLock:
    """Held while a runner lives; the file names its process id."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._file: TextIOWrapper | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it."""
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
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _locked(file: TextIOWrapper) -> bool:
    """Lock the file; try a little longer, for `runner_pid` of another command may be looking."""
    for _ in range(5):
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def runner_pid(run: RunDir) -> int | None:
    """Return the id of the runner that lives in this run directory, if one does."""
    with contextlib.suppress(FileNotFoundError, ValueError), run.lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(file.read())
    return None


def stop_runner(run: RunDir, patience: float = 12.0) -> bool:
    """Ask the runner to stop, kill it if it does not, and tell whether there was one."""
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
