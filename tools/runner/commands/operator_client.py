"""Calls a running service as the operator, through its own sidecar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import operator_headers
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service


@dataclass(frozen=True)
class OperatorClient:
    """The sidecar of one service, with the tokens that it and the service require."""

    app_id: str
    port: int
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def connect(cls, run: RunDir, app_id: str) -> OperatorClient:
        """Return a client of a service. Raises RunnerError if the service is not running."""
        state = run.read_state()
        rows = [row for row in state.get("services", ()) if row["app_id"] == app_id]
        if not rows:
            raise RunnerError(f"{app_id} is not running: start it with ./tye-like-run.sh")
        return cls.of(run, state, rows[0])

    @classmethod
    def of(cls, run: RunDir, state: Mapping[str, Any], row: Mapping[str, Any]) -> OperatorClient:
        """Return a client of the service in a row of the runner's state."""
        sidecar_token = state["tokens"][row["service"]]["sidecar"]
        headers = operator_headers(run.operator_token, sidecar_token)
        return cls(row["app_id"], row["sidecar_port"], headers)

    async def call(
        self,
        path: str,
        method: str = "GET",
        *,
        content: object = None,
        seconds: float = 30.0,
        accepted: int = 200,
    ) -> tuple[int, Any]:
        """Return status and JSON content of a successful or an accepted response.

        Raises RunnerError for any other response, and for none.
        """
        sent = b"" if content is None else json.dumps(content).encode()
        status, body = await call_service(
            self.app_id,
            self.port,
            f"/v1.0/invoke/{self.app_id}/method/{path}",
            method,
            {**self.headers, "content-type": "application/json"} if sent else self.headers,
            seconds,
            sent,
            accepted,
        )
        return status, json.loads(body or b"null")
