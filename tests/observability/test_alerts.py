"""Alerts fire in a real system, arrive at a webhook, and resolve."""

from __future__ import annotations

import json

import requests

from tests.observability.alert_receiver import AlertReceiver, ReceivedAlert
from tests.observability.prometheus import PrometheusApi
from tests.system import System, wait_until

THRESHOLD = 100
"""The event lag above which the alert fires."""


def firing(system: System) -> list[str]:
    """Return the names of the alerts that the runner lists as firing."""
    alerts = json.loads(system.command("alerts", "--json"))
    return [each["labels"]["alertname"] for each in alerts if each["state"] == "firing"]


def test_every_process_is_scraped_and_a_healthy_system_has_no_alert(
    system: System, prometheus: PrometheusApi
) -> None:
    services = {row.name for row in system.ps().values() if row.app_id}
    expected = {("services", name) for name in services}
    expected |= {("sidecars", f"{name}.daprd") for name in services}
    expected.add(("runner", "runner"))

    def scraped() -> bool:
        targets = prometheus.targets()
        assert expected <= targets.keys()
        down = {each for each, health in targets.items() if health != "up"}
        assert not down
        return True

    wait_until(scraped)
    wait_until(lambda: prometheus.value("count(microgram_process_ready)"))
    wait_until(lambda: not firing(system))
    assert prometheus.value("sum(prometheus_rule_evaluation_failures_total)") == 0


def test_replicas_that_come_and_go_are_scraped_while_they_run(
    system: System, prometheus: PrometheusApi
) -> None:
    second = {("services", "posts.2"), ("sidecars", "posts.2.daprd")}
    system.command("scale", "posts=2")
    wait_until(lambda: all(prometheus.targets().get(each) == "up" for each in second))
    system.command("scale", "posts=1")
    wait_until(lambda: not second & prometheus.targets().keys())
    wait_until(lambda: not firing(system))


def test_both_servers_refuse_who_does_not_know_the_password(prometheus: PrometheusApi) -> None:
    for base in (prometheus.base, prometheus.alertmanager):
        for path in ("/", "/metrics", "/-/ready", "/api/v1/status/config", "/api/v2/alerts"):
            assert requests.get(f"{base}{path}", timeout=60).status_code == 401
            wrong = requests.get(f"{base}{path}", auth=("microgram", "x"), timeout=60)
            assert wrong.status_code == 401


def test_a_stopped_consumer_raises_lag_and_its_alert_until_it_has_caught_up(
    system: System, prometheus: PrometheusApi, receiver: AlertReceiver
) -> None:
    ada, ben = system.register("ada"), system.register("ben")
    ben.client.account_follow(ada.id)
    first = ada.client.status_post("before")
    wait_until(lambda: first.id in [post.id for post in ben.client.timeline_home()])
    lag = 'sum(microgram_broker_pending{service="feed", topic="posts"})'

    system.stop("feed")
    posts: list[str] = []

    def falls_behind() -> bool:
        """Post some more: a message of the broker carries one or more events."""
        posts.extend(str(ada.client.status_post(f"post {len(posts)}").id) for _ in range(20))
        return (prometheus.value(lag) or 0) > THRESHOLD

    wait_until(falls_behind, what="the lag")
    wait_until(
        lambda: of_status(receiver.last("EventLag", service="feed", topic="posts"), "firing"),
        what="the alert at the webhook",
    )
    alert = receiver.last("EventLag", service="feed", topic="posts")
    assert alert
    assert alert.labels["severity"] == "critical"
    assert "timelines" in alert.annotations["summary"]
    assert alert.annotations["runbook_url"] == "docs/operating.md#alert-event-lag"
    wait_until(lambda: of_status(receiver.last("ServiceDown", service="feed"), "firing"))
    assert {"EventLag", "ServiceDown"} <= set(firing(system))

    system.start("feed")
    wait_until(
        lambda: of_status(receiver.last("EventLag", service="feed", topic="posts"), "resolved"),
        what="the end of the alert at the webhook",
    )
    wait_until(lambda: of_status(receiver.last("ServiceDown", service="feed"), "resolved"))
    wait_until(lambda: not firing(system))
    wait_until(lambda: prometheus.value(lag) == 0)

    def nothing_is_lost() -> bool:
        home = ben.call("GET", "/api/v1/timelines/home", params={"limit": 40})
        assert home.ok, "the gateway's sidecar has not found the new feed yet"
        assert [post["id"] for post in home.json()] == posts[-40:][::-1]
        return True

    wait_until(nothing_is_lost)


def of_status(alert: ReceivedAlert | None, status: str) -> bool:
    return alert is not None and alert.status == status
