"""One system for each component set, whose services load the fault injection module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.chaos.fault_points import FaultPoints
from tests.chaos.workload import ScenarioWorkload
from tests.system import SETS, System, start_system


@dataclass(frozen=True)
class ChaosSystem:
    """A system, its fault points, and the workload of each completed scenario."""

    system: System
    fault_points: FaultPoints
    workloads: dict[str, ScenarioWorkload] = field(default_factory=dict)


@pytest.fixture(scope="package", params=SETS)
def chaos(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChaosSystem]:
    components: str = request.param
    folder = tmp_path_factory.mktemp(f"chaos-{components}")
    fault_points = FaultPoints(folder / "fault-points")
    with start_system(components, folder, env=fault_points.env) as system:
        yield ChaosSystem(system, fault_points)
