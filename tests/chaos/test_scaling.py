"""Replicas come, go and are restarted under load: no request is lost, and none is answered 5xx."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import requests

from tests.chaos.conftest import ChaosSystem
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.scenarios import await_progress
from tests.chaos.strict_traffic import StrictTraffic
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.conftest import REPORTS
from tests.system import System, wait_until
from tools.runner.config.paths import RunDir

_REQUESTS = re.compile(r"^http_server_request_duration_seconds_count\{(.*)\} (\S+)$", re.MULTILINE)
_EVENTS = re.compile(r"^microgram_events_handled_total\{.*\} (\S+)$", re.MULTILINE)
_OWN_ROUTES = ("/healthz", "/readyz", "/metrics", "/events")


def test_no_request_fails_and_nothing_is_lost_while_replicas_come_and_go(
    chaos: ChaosSystem, record_property: Callable[[str, object], None]
) -> None:
    system, took = chaos.system, dict[str, float]()

    def change(*command: str) -> None:
        began = time.monotonic()
        system.command(*command)
        took[" ".join(command)] = time.monotonic() - began

    workload = ScenarioWorkload.create(system, "scaling")
    author = workload.authors[0]
    post = request_until_answered(author, "POST", POSTS, {"status": "seen"}, key="seen").json()
    workload.acknowledged[author.name] = [post["id"]]
    with workload.posting(), StrictTraffic(workload.followers, post["id"]).running() as traffic:
        await_progress(workload)
        change("scale", "posts=3,feed=2")
        wait_until(lambda: all_take_part(system, "posts", 3) and all_take_part(system, "feed", 2))
        workload.follow_late()
        change("scale", "posts=1,feed=1")
        for service in ("posts", "gateway"):
            change("restart", "--rolling", service)
        await_progress(workload)
    rows = [row for row in system.ps().values() if row.app_id in ("posts", "feed", "gateway")]
    assert sorted(row.name for row in rows) == ["feed", "gateway", "posts"]
    assert traffic.failures == []
    assert traffic.answered > 50
    seconds = "".join(f"\n{command}: {each:.1f} s" for command, each in took.items())
    record_property(REPORTS, f"{traffic.answered} requests answered, none 5xx or lost{seconds}")
    await_invariants(workload)


def all_take_part(system: System, service: str, count: int) -> bool:
    """Whether so many replicas of a service have each answered requests and handled events."""
    rows = [row for row in system.ps().values() if row.app_id == service]
    assert len(rows) == count
    return all(map(min, (work_of(system, row.app_port) for row in rows)))


def work_of(system: System, port: int) -> tuple[float, float]:
    """How many requests of others a replica has answered, and how many events it has handled."""
    token = RunDir(system.run_dir).metrics_token.read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    said = requests.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=60).text
    answered = [
        float(number)
        for labels, number in _REQUESTS.findall(said)
        if not any(route in labels for route in _OWN_ROUTES)
    ]
    return sum(answered), sum(map(float, _EVENTS.findall(said)))
