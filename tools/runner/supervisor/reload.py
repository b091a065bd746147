"""Restarts a service when its files change."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tools.runner.config.paths import REPO
from tools.runner.supervisor.supervisor import Supervisor

_SHARED = {"chassis", "contracts"}
_SERVICES = REPO / "services"


async def reload_on_change(system: Supervisor, stop: asyncio.Event) -> None:
    """Restart the services of changed files until `stop` is set."""
    from watchfiles import PythonFilter, awatch

    running = set(system.replicas.counts())
    async for changes in awatch(_SERVICES, watch_filter=PythonFilter(), stop_event=stop):
        names = sorted(affected_services((Path(path) for _, path in changes), running))
        if names:
            print(f"changed: restarting {', '.join(names)}", flush=True)
        await asyncio.gather(*(_restart(system, name) for name in names))


async def _restart(system: Supervisor, name: str) -> None:
    await system.stop_named(name)
    try:
        await system.start_named(name)
    except TimeoutError:
        print(f"{name} is not ready after its restart: see `logs {name}`", flush=True)


def affected_services(paths: Iterable[Path], running: set[str]) -> set[str]:
    """Return the running services that the changed files belong to."""
    packages = {path.relative_to(_SERVICES).parts[0] for path in paths}
    return running if packages & _SHARED else packages & running
