"""How Prometheus and Alertmanager are set up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from tests.unit.observability.promtool import check
from tools.runner import cli
from tools.runner.commands import alerts
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.monitoring_settings import MonitoringSettings, write_rules
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.infra import debian, monitoring
from tools.runner.infra.monitoring import Monitoring
from tools.runner.supervisor.replicas import ServiceReplica

PROGRAM = "/usr/bin/true"


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "find_program", lambda _: PROGRAM)


def create(run: RunDir, settings: MonitoringSettings | None = None) -> Monitoring:
    return Monitoring(run, iter(range(21_000, 21_010)), settings or MonitoringSettings())


def replica(name: str, number: int, metrics_port: int | None) -> ServiceReplica:
    app = ManifestApp(name, Path(), ("x",))
    return ServiceReplica(app, number, 8101 + number, 1, 2, 3, metrics_port, None, "s", "a")


def rules(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.glob("*.yaml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def test_the_environment_sets_how_often_and_whereto() -> None:
    settings = MonitoringSettings.from_environment(
        {
            "MICROGRAM_OBSERVE_INTERVAL": "2",
            "MICROGRAM_ALERT_FOR": "3",
            "MICROGRAM_ALERT_WEBHOOK": "https://example.org/hook",
        }
    )
    assert settings == MonitoringSettings(2, 3, "https://example.org/hook")
    assert MonitoringSettings.from_environment({}) == MonitoringSettings(15, None, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MICROGRAM_OBSERVE_INTERVAL", "fast"),
        ("MICROGRAM_OBSERVE_INTERVAL", "0"),
        ("MICROGRAM_ALERT_FOR", "-1"),
        ("MICROGRAM_ALERT_WEBHOOK", "example.org"),
    ],
)
def test_an_invalid_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(RunnerError, match=name):
        MonitoringSettings.from_environment({name: value})


def test_the_configuration_is_what_both_servers_accept(run: RunDir) -> None:
    run.metrics_token.write_text("token")
    settings = MonitoringSettings(webhook="https://example.org/a?b='\"$c")
    create(run, settings).servers()
    check("promtool", "check", "config", str(run.path / "prometheus" / "prometheus.yaml"))
    check("promtool", "check", "web-config", str(run.path / "prometheus" / "web.yaml"))
    check("amtool", "check-config", str(run.path / "alertmanager" / "alertmanager.yaml"))
    written = yaml.safe_load((run.path / "alertmanager" / "alertmanager.yaml").read_text())
    assert written["receivers"][0]["webhook_configs"][0]["url"] == settings.webhook


def test_both_require_the_password_and_listen_on_loopback_only(run: RunDir) -> None:
    system = create(run)
    for server in system.servers():
        assert server.spec
        address = system.address(server.name)
        assert address.startswith("127.0.0.1:")
        assert f"--web.listen-address={address}" in server.spec.argv
        assert system.password not in " ".join(server.spec.argv)
        users = json.loads((run.path / server.name / "web.yaml").read_text())["basic_auth_users"]
        assert bcrypt.checkpw(system.password.encode(), users["microgram"].encode())
    assert create(run).password == system.password, "it is kept over a restart"


def test_the_data_of_prometheus_is_bounded_and_in_the_run_directory(run: RunDir) -> None:
    prometheus, alertmanager = create(run).servers()
    assert prometheus.spec
    assert alertmanager.spec
    assert "--storage.tsdb.retention.size=512MB" in prometheus.spec.argv
    assert "--storage.tsdb.retention.time=15d" in prometheus.spec.argv
    assert f"--storage.tsdb.path={run.path / 'prometheus' / 'data'}" in prometheus.spec.argv
    assert f"--storage.path={run.path / 'alertmanager' / 'data'}" in alertmanager.spec.argv


def test_targets_are_the_replicas_that_there_are(run: RunDir) -> None:
    system = create(run)
    system.write_targets([replica("posts", 0, 9000), replica("posts", 1, None)])
    folder = run.path / "prometheus" / "targets"
    assert json.loads((folder / "services.json").read_text()) == [
        {"targets": ["127.0.0.1:8101"], "labels": {"service": "posts", "instance": "posts"}},
        {"targets": ["127.0.0.1:8102"], "labels": {"service": "posts", "instance": "posts.2"}},
    ]
    assert json.loads((folder / "sidecars.json").read_text()) == [
        {"targets": ["127.0.0.1:9000"], "labels": {"service": "posts", "instance": "posts.daprd"}}
    ]
    system.write_targets([])
    assert json.loads((folder / "services.json").read_text()) == []


def test_tests_shorten_what_a_condition_must_hold_and_nothing_else(tmp_path: Path) -> None:
    write_rules(tmp_path / "as-they-are", None)
    write_rules(tmp_path / "short", 1)
    originals, shortened = list(rules(tmp_path / "as-they-are")), list(rules(tmp_path / "short"))
    assert {rule["for"] for rule in shortened if "for" in rule} == {"1s"}
    for original, short in zip(originals, shortened, strict=True):
        assert {**original, "for": None} == {**short, "for": None}


def test_rules_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("groups: []")
    write_rules(tmp_path, None)
    assert not (tmp_path / "old.yaml").exists()


def test_a_missing_program_is_an_error_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitoring, "find_program", lambda _: None)
    monkeypatch.setattr(debian, "can_install", lambda: False)
    with pytest.raises(RunnerError, match="apt install --no-install-recommends prometheus"):
        monitoring.require_programs()


def test_debian_packages_are_installed_where_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    packages = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
    monkeypatch.setattr(
        monitoring, "find_program", lambda name: PROGRAM if packages[name] in installed else None
    )
    monkeypatch.setattr(debian, "can_install", lambda: True)
    monkeypatch.setattr(debian, "install", installed.append)
    monitoring.require_programs()
    assert installed == ["prometheus", "prometheus-alertmanager"]


def test_without_prometheus_the_verb_says_how_to_start_it(run: RunDir) -> None:
    with pytest.raises(RunnerError, match="up --observe"):
        alerts.list_alerts(run, as_json=False)


def test_a_firing_alert_is_printed_before_a_pending_one(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def alert(name: str, severity: str, state: str) -> dict[str, Any]:
        return {
            "labels": {"alertname": name, "severity": severity, "service": "feed"},
            "annotations": {"summary": f"{name} is.", "runbook_url": f"docs/x.md#{name}"},
            "state": state,
            "activeAt": "2026-11-29T22:40:27.123Z",
        }

    async def fetch(_: RunDir) -> list[dict[str, Any]]:
        return [
            alert("B", "critical", "pending"),
            alert("C", "warning", "firing"),
            alert("A", "critical", "firing"),
        ]

    monkeypatch.setattr(alerts, "_fetch", fetch)
    alerts.list_alerts(run, as_json=False)
    shown = capsys.readouterr().out
    heads = [line for line in shown.splitlines() if "service=feed" in line]
    assert heads == [
        "FIRING critical A service=feed",
        "FIRING warning C service=feed",
        "PENDING critical B service=feed",
    ]
    assert "since 2026-11-29 22:40:27 UTC" in shown
    assert "what to do: docs/x.md#A" in shown


def test_up_takes_the_option() -> None:
    assert cli.parse(["up", "--observe"]).observe
    assert not cli.parse([]).observe
