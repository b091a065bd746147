"""`restart --empty` deletes the data of a server that starts again without it, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tools.runner.errors import RunnerError
from tools.runner.supervisor.control import _execute
from tools.runner.supervisor.scaling import ReplicaScaler
from tools.runner.supervisor.supervisor import Supervisor
from tools.runner.supervisor.switching import BrokerSwitch

RESTART = {"verb": "restart", "name": "broker", "empty": True}


class System:
    """A system with one server."""

    is_started = True

    def __init__(self, data: Path | None) -> None:
        self.data = data
        self.servers = self
        self.did: list[str] = []

    def data_of(self, name: str) -> Path:
        if self.data is None:
            raise RunnerError(f"{name} keeps its data")
        return self.data

    async def stop_named(self, name: str) -> None:
        self.did.append(f"stop {name}")

    async def start_named(self, name: str) -> None:
        assert self.data is None or not list(self.data.iterdir())
        self.did.append(f"start {name}")

    def report(self) -> dict[str, Any]:
        return {}


async def execute(system: System) -> None:
    await _execute(
        cast(Supervisor, system), cast(ReplicaScaler, None), cast(BrokerSwitch, None), RESTART
    )


async def test_an_emptied_server_starts_in_an_empty_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "queue").touch()
    system = System(data)
    await execute(system)
    assert system.did == ["stop broker", "start broker"]


async def test_a_database_is_not_emptied_and_keeps_running() -> None:
    system = System(None)
    with pytest.raises(RunnerError, match="keeps its data"):
        await execute(system)
    assert system.did == []
