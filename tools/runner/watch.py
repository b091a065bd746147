"""Restarts a service when its files change."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tools.runner.paths import REPO
from tools.runner.system import System

_SHARED = {"chassis", "contracts"}
_SERVICES = REPO / "services"


async def watch_files(system: System, stop: asyncio.Event) -> None:
    """Restart what changed files belong to, until told to stop."""
    from watchfiles import PythonFilter, awatch

    running = {unit.app.app_id for unit in system.units}
    async for changes in awatch(_SERVICES, watch_filter=PythonFilter(), stop_event=stop):
        names = sorted(affected((Path(path) for _, path in changes), running))
        if names:
            print(f"changed: restarting {', '.join(names)}", flush=True)
        await asyncio.gather(*(_restart(system, name) for name in names))


async def _restart(system: System, name: str) -> None:
    await system.stop_some(name)
    try:
        await system.start_some(name)
    except TimeoutError:
        print(f"{name} does not become ready: see `logs {name}`", flush=True)


def affected(paths: Iterable[Path], running: set[str]) -> set[str]:
    """Return the running services that the changed files belong to."""
    packages = {path.relative_to(_SERVICES).parts[0] for path in paths}
    return running if packages & _SHARED else packages & running
