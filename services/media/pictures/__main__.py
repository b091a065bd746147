"""An image worker: `python -m services.media.pictures`, with a socket to the service as stdin.

It keeps Pillow loaded and forks a child for each picture, which works in a sandbox. The picture and
the answer pass through a socket of the child's own, so neither the worker nor a later child ever
has them in memory. A picture that hangs or crashes a decoder ends its own child alone, and when a
job ends, all processes that came of it have ended.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

from services.media.pictures import child, kernel, sandbox
from services.media.pictures.child import Process
from services.media.pictures.decoding import load_decoders
from services.media.pictures.model import Kind
from services.media.pictures.sandbox import RULES, Rule

_MAX_JOB = 4096  # bytes of the line without the picture
_ORPHAN_PAUSE = 0.001  # seconds between two looks for processes that have not ended


def serve(processes: Mapping[Kind, Process], rules: frozenset[Rule] = RULES) -> None:
    """Do jobs, one at a time, until the service closes the socket.

    A job is a line of JSON (kind, format, seconds, memory) with a socket for its child; a report
    is a line of JSON (exit). Only tests leave out rules.
    """
    load_decoders()
    gc.freeze()  # otherwise every child copies the pages that the collector touches
    resource.setrlimit(resource.RLIMIT_NOFILE, (sandbox.MAX_DESCRIPTORS, sandbox.MAX_DESCRIPTORS))
    if kernel.IS_LINUX and "orphans" in rules:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    with socket.socket(fileno=0) as service, suppress(ConnectionError):
        _report(service, ready=True, missing=sandbox.missing())
        while received := _next_job(service):
            _report(service, exit=_run_in_child(processes, *received, service, rules))


def _report(service: socket.socket, **what: object) -> None:
    service.sendall(json.dumps(what).encode() + b"\n")


def _next_job(service: socket.socket) -> tuple[Mapping[str, Any], int] | None:
    line, descriptors, _, _ = socket.recv_fds(service, _MAX_JOB, 1)
    return (json.loads(line), descriptors[0]) if line else None


def _run_in_child(
    processes: Mapping[Kind, Process],
    job: Mapping[str, Any],
    descriptor: int,
    service: socket.socket,
    rules: frozenset[Rule],
) -> int:
    worker = os.getpid()
    pid = os.fork()
    if pid == 0:
        child.run(processes[job["kind"]], job, descriptor, worker=worker, rules=rules)
    os.close(descriptor)
    _wait(pid, service)
    os.kill(pid, signal.SIGKILL)  # does nothing to a child that has ended
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if "orphans" in rules:
        _end_orphans()
    return status


def _wait(pid: int, service: socket.socket) -> None:
    """Wait until the child ends, or the service closes the socket because it gives up."""
    try:
        ended = os.pidfd_open(pid)
    except (AttributeError, OSError):  # no Linux, or one before 5.3: the service kills the worker
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return
    try:
        select.select([ended, service.fileno()], [], [])
    finally:
        os.close(ended)


def _end_orphans() -> None:
    """Kill what the child started. The kernel makes this worker the parent of all of it."""
    with suppress(ChildProcessError):  # nobody is left
        while True:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                for orphan in psutil.Process().children():
                    orphan.kill()
                time.sleep(_ORPHAN_PAUSE)


def main() -> None:
    """Serve the functions that process pictures."""
    from services.media.pictures.processing import PROCESSES

    serve(PROCESSES)


if __name__ == "__main__":
    main()
