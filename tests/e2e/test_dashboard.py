"""The dashboard beside a real system: it shows what happens, and its death harms nothing."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.system import System, start_system, wait_until

CHOSEN = ("gateway", "auth", "users", "posts", "orders")
"""Orders has workflows, and so starts the control plane."""


class DashboardClient:
    """The API of a dashboard, for the owner of its token."""

    def __init__(self, system: System) -> None:
        self._system = system
        state = json.loads((system.run_dir / "state.json").read_text())
        parts = urlsplit(state["dashboard"])
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.session = requests.Session()
        self.session.headers["authorization"] = f"Bearer {parts.query.removeprefix('token=')}"

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(f"{self.base}{path}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer

    def rows(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path).json()[key]
        return found

    def post(self, path: str) -> requests.Response:
        return self.session.post(f"{self.base}{path}", timeout=180)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("dashboard-embedded")
    options = ("--only", ",".join(CHOSEN))
    with start_system("embedded", folder, options=options, dashboard=True) as system:
        yield system


def test_the_dashboard_shows_a_running_system(shown: System, tmp_path: Path) -> None:
    wait_until(lambda: shown.ps()["dashboard"].state == "ready")
    dashboard = DashboardClient(shown)
    _resources_and_components(dashboard)
    trace = _a_request_is_a_trace(shown, dashboard)
    _samples(dashboard)
    _orders_through_the_dashboard(shown, dashboard)
    _survives_its_own_death(shown, dashboard, trace)
    _export_without_tokens(shown, dashboard, tmp_path)


def _resources_and_components(dashboard: DashboardClient) -> None:
    resources = dashboard.rows("/api/resources", "resources")
    assert {each["name"] for each in resources} >= {*CHOSEN, "posts.daprd", "nats", "dashboard"}
    components = dashboard.rows("/api/dapr/components", "rows")
    assert {each["state"] for each in components} == {"loaded"}
    assert {each["process"] for each in components} == {f"{name}.daprd" for name in CHOSEN}
    subscriptions = dashboard.rows("/api/dapr/subscriptions", "rows")
    assert ("posts.daprd", "accounts") in {
        (each["process"], each["topic"]) for each in subscriptions
    }
    assert dashboard.get("/api/dapr/dead-letters").json() == {"letters": [], "unreachable": {}}
    assert dashboard.rows("/api/dapr/workflows", "rows") == []


def _a_request_is_a_trace(system: System, dashboard: DashboardClient) -> str:
    system.get("/@nobody_at_all")

    def trace() -> dict[str, Any] | None:
        found = dashboard.rows("/api/traces?text=nobody_at_all&service=gateway", "traces")
        found += dashboard.rows("/api/traces?service=gateway", "traces")
        whole = [each for each in found if {"gateway", "users"} <= {*each["services"]}]
        return whole[0] if whole else None

    found = wait_until(trace)
    assert found is not None

    def is_on_the_map() -> bool:
        """Sidecars send their spans some seconds later, and calls go through them."""
        edges = dashboard.rows("/api/map", "edges")
        shown = {(each["source"], each["target"], each["kind"]) for each in edges}
        return ("gateway", "users", "call") in shown

    wait_until(is_on_the_map)
    spans = dashboard.rows(f"/api/traces/{found['trace_id']}", "spans")
    assert {each["kind"] for each in spans} == {"service", "sidecar"}
    listed = system.command("traces", "--json").splitlines()
    assert found["trace_id"] in {json.loads(line)["trace_id"] for line in listed}
    return str(found["trace_id"])


def _samples(dashboard: DashboardClient) -> None:
    def metrics() -> bool:
        found = dashboard.rows("/api/metrics", "series")
        return {"cpu", "memory", "active_requests"} <= {each["metric"] for each in found}

    wait_until(metrics)


def _orders_through_the_dashboard(system: System, dashboard: DashboardClient) -> None:
    before = system.ps()["posts"].pid
    assert dashboard.post("/api/resources/posts/restart").status_code == 200
    assert system.ps()["posts"].pid != before
    assert dashboard.post("/api/resources/nothing/restart").status_code == 409


def _survives_its_own_death(system: System, dashboard: DashboardClient, trace: str) -> None:
    others = {name: row.pid for name, row in system.ps().items() if name != "dashboard"}
    pid = system.ps()["dashboard"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        row = system.ps()["dashboard"]
        return row.pid not in (None, pid) and row.state == "ready"

    wait_until(is_back)
    assert dashboard.get(f"/api/traces/{trace}").json()["spans"]
    assert {name: row.pid for name, row in system.ps().items() if name != "dashboard"} == others


def _export_without_tokens(system: System, dashboard: DashboardClient, folder: Path) -> None:
    path = folder / "run.zip"
    path.write_bytes(dashboard.get("/export.zip").content)
    state = json.loads((system.run_dir / "state.json").read_text())
    secrets = [token for own in state["tokens"].values() for token in own.values()]
    files = ("operator-token", "metrics-token", "dashboard-token")
    secrets += [(system.run_dir / name).read_text().strip() for name in files]
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name).decode(errors="replace")
            assert not [secret for secret in secrets if secret in content], name
        assert "logs/posts.daprd.log" in archive.namelist()
