"""Rebuilds the read models of orders from its event logs, through its sidecar."""

import asyncio
import json
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import operator_headers
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service

_PATH = "/v1.0/invoke/orders/method/rebuilds"
_TIMEOUT = 600.0


def rebuild_read_models(run: RunDir) -> int:
    """Rebuild the read models, and print how many entries were wrong."""
    state = run.read_state()
    row = next((r for r in state["services"] if r["app_id"] == "orders"), None) if state else None
    if not state or row is None:
        raise RunnerError("orders is not running: start it with ./tye-like-run.sh")
    sidecar_token = state["tokens"][row["service"]]["sidecar"]
    headers = operator_headers(run.operator_token, sidecar_token)
    done = asyncio.run(_ask(row["sidecar_port"], headers))
    print(f"{done['orders']} orders checked, {done['mended']} entries corrected")
    return 0


async def _ask(port: int, headers: dict[str, str]) -> dict[str, Any]:
    _, answer = await call_service("orders", port, _PATH, "POST", headers, seconds=_TIMEOUT)
    found: dict[str, Any] = json.loads(answer)
    return found
