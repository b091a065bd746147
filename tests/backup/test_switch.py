"""The broker of a running system is replaced under load: nothing is refused, lost or doubled."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.workloads import Market
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.scenarios import await_progress
from tests.chaos.strict_traffic import StrictTraffic
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.conftest import REPORTS
from tests.system import System, start_system, wait_until
from tools.runner.config.paths import REPO

PAIRS = [("rabbitmq-redis", "redis-streams"), ("jetstream-postgresql", "rabbitmq-postgresql")]
BROKERS = {
    "jetstream-postgresql": {"nats"},
    "rabbitmq-postgresql": {"rabbitmq"},
    "rabbitmq-redis": {"rabbitmq"},
    "redis-streams": set[str](),
}
_SWITCH_TIMEOUT = 1200.0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-and-".join(pair) for pair in PAIRS])
def test_no_request_fails_and_nothing_is_lost_while_the_broker_is_switched_and_back(
    first: str, second: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    took = {}
    with start_system(first, tmp_path / "run", homes=tmp_path / "homes") as system:
        workload = ScenarioWorkload.create(system, "switched")
        market = Market.open(system)
        author = workload.authors[0]
        post = request_until_answered(author, "POST", POSTS, {"status": "seen"}, key="seen").json()
        workload.acknowledged[author.name] = [post["id"]]
        traffic = StrictTraffic(workload.followers, post["id"])
        with workload.posting(), market.buying(), traffic.running():
            await_progress(workload)
            workload.follow_late()  # the authors would wait for that
            took[second] = _switch(system, second)
            assert _brokers(system) == BROKERS[second]
            await_progress(workload)
            took[first] = _switch(system, first)
            assert _brokers(system) == BROKERS[first]
            await_progress(workload)
        assert traffic.failures == []
        assert traffic.answered > 50
        await_invariants(workload)
        assert set(market.placed) <= market.await_agreement()
        wait_until(lambda: "no dead letters" in system.command("deadletters"))
    seconds = "".join(f"\nto {name}: {each:.0f} s" for name, each in took.items())
    posts = sum(map(len, workload.acknowledged.values()))
    record_property(
        REPORTS,
        f"{traffic.answered} requests answered, none 5xx or lost; {posts} posts, "
        f"{len(market.placed)} orders{seconds}",
    )


def _switch(system: System, components: str) -> float:
    """Switch the broker, and return the seconds that it took."""
    began = time.monotonic()
    command = ["./tye-like-run.sh", "--run-dir", str(system.run_dir), "switch"]
    done = subprocess.run(
        [*command, "--components", components],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=_SWITCH_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"all services use the broker of {components}" in done.stdout
    return time.monotonic() - began


def _brokers(system: System) -> set[str]:
    return {name for name in system.ps() if name in ("kafka", "nats", "rabbitmq", "mosquitto")}
