"""`dapr-api-token` is checked in both directions: by the sidecar, and by the app."""

from __future__ import annotations

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Unavailable
from tests.contract.systems import RealSystem, SystemUnderTest


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_sidecar_serves_nobody_but_its_own_app(system: SystemUnderTest, token: str) -> None:
    if not isinstance(system, RealSystem):
        pytest.skip("the fakes have no port to connect to")
    async with DaprClient(system.processes[0].sidecar_port, token) as stranger:
        # Not `Unauthenticated`: that would tell a user to log in, for a fault of ours.
        with pytest.raises(Unavailable):
            await stranger.get("key")
        with pytest.raises(Unavailable):
            await stranger.invoke("beta", "echo/x")


@pytest.mark.parametrize("path", ["/echo/x", "/changes?topics=x", "/deadletters"])
async def test_an_app_serves_nobody_but_its_sidecar(system: SystemUnderTest, path: str) -> None:
    for app in ("alpha", "beta"):
        for replica in system.replicas(app):
            answer = await replica.ask("GET", path, vouched=False)
            assert answer.status == 401
            assert answer.json()["code"] == "unauthenticated"


async def test_nobody_can_hand_an_app_an_event_past_its_sidecar(system: SystemUnderTest) -> None:
    answer = await system.replicas("alpha")[0].ask("POST", "/events/contract", vouched=False)
    assert answer.status == 401


async def test_health_is_open_to_everybody(system: SystemUnderTest) -> None:
    replica = system.replicas("alpha")[0]
    for path in ("/healthz", "/readyz"):
        assert (await replica.ask("GET", path, vouched=False)).status == 200
