"""The running compose project, as its users and its operator see it."""

from __future__ import annotations

import itertools
from functools import cached_property
from pathlib import Path

import requests

from tests.containers.engine import Engine, with_health_check
from tests.system import ClientApplication, LoggedInUser
from tests.system.waiting import wait_until

_START_DEADLINE = 300.0
"""Seconds until some forty containers on two cores are healthy; a start takes 75."""


class Deployment:
    """The project at an address, with a folder for its secrets and for people's logins."""

    def __init__(self, engine: Engine, base: str, folder: Path) -> None:
        self.engine = engine
        self.base = base
        self.folder = folder
        self._names = itertools.count(1)

    @cached_property
    def app(self) -> ClientApplication:
        return ClientApplication.register(self.base)

    def register(self, word: str) -> LoggedInUser:
        """Return somebody new, logged in."""
        name = f"{word}_{next(self._names)}"
        return LoggedInUser.register(self.app, name, self.folder / name)

    def await_healthy(self) -> None:
        """Wait until every health check succeeds, and the gateway serves a timeline."""
        waiting = with_health_check()

        def healthy() -> bool:
            waiting[:] = [each for each in waiting if not self.engine.is_healthy(each)]
            assert not waiting, f"not healthy: {waiting}"
            return requests.get(f"{self.base}/api/v1/timelines/public", timeout=60).ok

        wait_until(healthy, _START_DEADLINE)

    def crash(self, container: str) -> None:
        """Kill what a container runs, and wait until it has started again."""
        killed = self.engine.kill(container)
        wait_until(lambda: self.engine.pid(container) not in (0, killed), what=f"a new {container}")
