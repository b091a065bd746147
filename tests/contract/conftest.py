"""Every suite runs on the fakes and on real sidecars with every component set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.security.access_rules import read_access
from tests.conftest import SETS
from tests.contract.echo_app import ACCESS
from tests.contract.systems import FakeSystem, RealSystem, SystemUnderTest
from tests.fakes import FakeCluster


class SystemCache:
    """The running real systems; each is started once."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory) -> None:
        self._stack = stack
        self._factory = factory
        self._started: dict[str, RealSystem] = {}

    def get(self, components: str) -> RealSystem:
        if components not in self._started:
            system = RealSystem(components, self._factory.mktemp(components))
            self._stack.callback(system.stop)
            system.start()
            self._started[components] = system
        return self._started[components]


@pytest.fixture(scope="package")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemCache]:
    with ExitStack() as stack:
        yield SystemCache(stack, tmp_path_factory)


@pytest.fixture(params=["fakes", *SETS])
async def system(request: pytest.FixtureRequest) -> AsyncIterator[SystemUnderTest]:
    if request.param == "fakes":
        async with FakeCluster(like="redis", access=read_access(ACCESS)) as cluster:
            fake = FakeSystem(cluster)
            await fake.start()
            yield fake
    else:
        systems: SystemCache = request.getfixturevalue("systems")
        yield systems.get(request.param)


@pytest.fixture
async def sidecar(system: SystemUnderTest) -> AsyncIterator[DaprClient]:
    async with system.sidecar() as client:
        yield client
