"""Every acknowledged action is present once in all lists and counts, whatever died meanwhile.

All scenarios of a set run first, one after another, each with its own users. Then each workload is
checked, so that slow recoveries overlap.
"""

from __future__ import annotations

import pytest

from tests.chaos.conftest import ChaosSystem
from tests.chaos.invariants import await_invariants
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.workload import ScenarioWorkload


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_workload_completes_when(chaos: ChaosSystem, scenario: str) -> None:
    workload = ScenarioWorkload.create(chaos.system, scenario)
    try:
        SCENARIOS[scenario](chaos, workload)
    finally:
        chaos.system.await_ready()
    chaos.workloads[scenario] = workload


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_acknowledged_is_lost_or_doubled_when(chaos: ChaosSystem, scenario: str) -> None:
    assert scenario in chaos.workloads, "the workload did not complete in this scenario"
    await_invariants(chaos.workloads[scenario])
