"""Forks Python programs from one process that has imported what they share.

A forked program starts without these imports, and shares their memory for as long as neither writes
to it. The runner starts `python -m tools.runner.supervisor.fork_server FD MODULE...`, where FD is a
socket of packets. It asks for a program with a `Program` as JSON, a file descriptor for its output,
and perhaps one of a listening socket, whose number in the program is in `LISTEN_FD`. The answer is
{"pid": 1}, and {"pid": 1, "code": 0} at the end of the program. The process ends when the runner
closes the socket.

Nothing may start a thread, an event loop or a connection at import: a fork has only one thread.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_PACKET = 512 * 1024
"""Bytes of a request: mostly the environment, which Linux limits to 128 KiB per variable."""

LISTEN_FD = "MICROGRAM_LISTEN_FD"

_Stamps = Mapping[str, int]


@dataclass(frozen=True)
class Program:
    """A program to fork: `python -m MODULE ARGUMENTS...`, in a folder and an environment."""

    name: str
    module: str
    arguments: tuple[str, ...]
    folder: str
    env: Mapping[str, str]


def main(control: socket.socket, preloaded: Iterable[str]) -> None:
    """Import the modules, and serve; returns at the end of the server and of each program."""
    for module in preloaded:
        with contextlib.suppress(Exception):  # the program that needs it will report it
            importlib.import_module(module)
    stamps = _stamps()
    gc.collect()
    gc.freeze()  # else the first collection of a program would write to all objects
    program = _serve(control)
    if program is None:
        return
    if _stamps(stamps) != stamps:
        command = [sys.executable, "-m", program.module, *program.arguments]
        os.execve(command[0], command, dict(os.environ))  # noqa: S606 (no shell is wanted)
    sys.path[0] = program.folder
    sys.argv[1:] = program.arguments
    runpy.run_module(program.module, run_name="__main__", alter_sys=True)


def _stamps(of: Iterable[str] | None = None) -> _Stamps:
    """Return when the files of all imported modules were changed; 0 for those that are gone."""
    if of is None:
        of = [file for each in list(sys.modules.values()) if (file := _file(each))]
    return {path: _changed_at(path) for path in of}


def _file(module: object) -> str:
    return getattr(module, "__file__", None) or ""


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _serve(control: socket.socket) -> Program | None:
    """Fork on request; returns the program in each fork, and None when the runner is gone."""
    woken, waking = socket.socketpair()
    woken.setblocking(False)
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with control, woken, waking, selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    woken.recv(4096)
                _report_ends(control)
            if control not in ready:
                continue
            request, passed, _, _ = socket.recv_fds(control, MAX_PACKET, 2)
            if not request:
                return None
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return _begin(request, *passed)
            for descriptor in passed:
                os.close(descriptor)
            _send(control, {"pid": pid})


def _report_ends(control: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _send(control, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _send(control: socket.socket, message: Mapping[str, int]) -> None:
    with contextlib.suppress(OSError):  # the runner is gone: the next packet is the empty one
        control.send(json.dumps(message).encode())


def _begin(request: bytes, output: int, *shared: int) -> Program:
    """Give the fork its session, input and output, folder, environment and name."""
    program = Program(**json.loads(request))
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(old, new)
    os.close(nothing)
    os.close(output)
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.env)
    for listener in shared:
        os.set_inheritable(listener, True)  # for a program that starts anew
        os.environ[LISTEN_FD] = str(listener)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(program.name)  # for top and ps
    return program


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
