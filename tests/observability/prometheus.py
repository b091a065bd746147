"""The HTTP API of a system's Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests


class PrometheusApi:
    """Asks Prometheus with the login that `up` printed."""

    def __init__(self, run_dir: Path) -> None:
        found = json.loads((run_dir / "state.json").read_text())["observability"]
        self.base, self.alertmanager = found["prometheus"], found["alertmanager"]
        self.login = found["user"], found["password"]

    def get(self, path: str, **params: str) -> Any:
        """Return `data` of a response."""
        url = f"{self.base}/api/v1/{path}"
        response = requests.get(url, params=params, auth=self.login, timeout=60)
        assert response.ok, response.text
        return response.json()["data"]

    def value(self, query: str) -> float | None:
        """Return the value of a query with one result, or None if it has none."""
        result = self.get("query", query=query)["result"]
        assert len(result) < 2, result
        return float(result[0]["value"][1]) if result else None

    def targets(self) -> dict[tuple[str, str], str]:
        """Return the health of each target, by job and instance."""
        return {
            (each["labels"]["job"], each["labels"]["instance"]): each["health"]
            for each in self.get("targets", state="active")["activeTargets"]
        }
