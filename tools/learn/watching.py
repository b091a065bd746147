"""What `learn watch` waits for: a changed file, or a change of the learner's running system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch

from tools.learn.system import run_dir, until
from tools.runner.config.paths import RunDir
from tools.runner.supervisor import control

POLL = 1000
"""Milliseconds between two looks at the system. A look is one answer of the runner."""

_ON_THE_WAY = {"starting", "draining", "backoff"}

Services = dict[str, tuple[object, ...]]
"""State and process ids of each service, by its name. Empty while no system runs."""


def changes(folder: Path, *, with_system: bool) -> Iterator[None]:
    """Yield after each change of a file, and with `with_system` of a service, until Ctrl-C.

    A check may kill services. So what the system has become when the caller asks for the next
    change is no change.
    """
    seen = _settled() if with_system else {}
    for files in watch(folder, rust_timeout=POLL, yield_on_timeout=True, raise_interrupt=False):
        if files or (with_system and _services() != seen and _settled() != seen):
            yield
            seen = _settled() if with_system else {}


def _services() -> Services:
    report = control.send_command(RunDir(run_dir()), {"verb": "ps"})
    rows = report["services"] if report else []
    return {row["service"]: (row["state"], row["pid"], row.get("sidecar_pid")) for row in rows}


def _settled() -> Services:
    """Return the services once none is on its way, or as they are after a minute."""
    until(lambda: not any(state in _ON_THE_WAY for state, *_ in _services().values()))
    return _services()
