"""One system that is observed, and the receiver of its alerts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.observability.alert_receiver import AlertReceiver, receive_alerts
from tests.observability.prometheus import PrometheusApi
from tests.system import SETS, System, start_system
from tools.runner.infra import monitoring


@pytest.fixture(scope="package")
def receiver() -> Iterator[AlertReceiver]:
    with receive_alerts() as receiver:
        yield receiver


@pytest.fixture(scope="package", params=SETS)
def system(
    request: pytest.FixtureRequest,
    receiver: AlertReceiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """A system that is scraped every two seconds; conditions must hold for three at most."""
    for name in (monitoring.PROMETHEUS, monitoring.ALERTMANAGER):
        if monitoring.find_program(name) is None:
            pytest.skip(f"{name} is not installed: `./tye-like-run.sh test --observe` says how")
    env = {
        "MICROGRAM_ALERT_WEBHOOK": receiver.address,
        "MICROGRAM_OBSERVE_INTERVAL": "2",
        "MICROGRAM_ALERT_FOR": "3",
    }
    folder = tmp_path_factory.mktemp("observed")
    with start_system(request.param, folder, env, options=["--observe"]) as system:
        yield system


@pytest.fixture(scope="package")
def prometheus(system: System) -> PrometheusApi:
    return PrometheusApi(system.run_dir)
