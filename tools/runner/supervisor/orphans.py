"""Finds and stops processes that a killed runner left, by the mark in their environment."""

import contextlib
import os

from tools.runner.config.paths import MARKER, RunDir


def find_orphans(run: RunDir) -> list[int]:
    """Return the ids of all processes with the mark of this run directory."""
    import psutil

    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in spared and process.environ().get(MARKER) == run.marker:
                found.append(process.pid)
    return found


def stop_orphans(run: RunDir, grace: float = 1.5) -> int:
    """Stop all orphans, and return their number."""
    import psutil

    processes = []
    for pid in find_orphans(run):
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=2.0)
    return len(processes)
