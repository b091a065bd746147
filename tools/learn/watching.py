"""What `learn watch` waits for: a changed file, or a change of the learner's running system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch

from tools.learn.system import run_dir, until
from tools.runner.config.paths import RunDir
from tools.runner.supervisor import control

POLL = 1000
"""Milliseconds between two looks at the system. A look is one answer of the runner."""

RECHECK = 15.0
"""Seconds between two checks of a system. Most of what a learner does there changes no process: a
trace, an alert, a letter that is replayed."""

_ON_THE_WAY = {"starting", "draining", "backoff"}

Services = dict[str, tuple[object, ...]]
"""State and process ids of each service, by its name. Empty while no system runs."""


def changes(folder: Path, *, with_system: bool, every: float = 0.0) -> Iterator[bool]:
    """Yield True after each change of a file, and with `with_system` of a service, until Ctrl-C.

    With `every`, also yield False where so many seconds passed since the last check.

    A check may kill services. So what the system has become when the caller asks for the next
    change is no change.
    """
    seen, checked_at = _settled() if with_system else {}, time.monotonic()
    for files in watch(folder, rust_timeout=POLL, yield_on_timeout=True, raise_interrupt=False):
        is_other = bool(files) or (with_system and _services() != seen and _settled() != seen)
        if is_other or (every and time.monotonic() - checked_at >= every):
            yield is_other
            seen, checked_at = _settled() if with_system else {}, time.monotonic()


def _services() -> Services:
    report = control.send_command(RunDir(run_dir()), {"verb": "ps"})
    rows = report["services"] if report else []
    return {row["service"]: (row["state"], row["pid"], row.get("sidecar_pid")) for row in rows}


def _settled() -> Services:
    """Return the services once none is on its way, or as they are after a minute."""
    until(lambda: not any(state in _ON_THE_WAY for state, *_ in _services().values()))
    return _services()
