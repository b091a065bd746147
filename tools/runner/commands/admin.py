"""Makes an account an admin, through the sidecar of auth, with the token of the operator."""

import asyncio
import json
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import operator_headers
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service

_PATH = "/v1.0/invoke/auth/method/roles"


def set_admin(run: RunDir, name: str, remove: bool) -> int:
    """Give an account the role, or remove it and revoke all its tokens."""
    state = run.read_state()
    row = next((r for r in state["services"] if r["app_id"] == "auth"), None) if state else None
    if not state or row is None:
        raise RunnerError("auth is not running: start it with ./tye-like-run.sh")
    role = "" if remove else "admin"
    sidecar_token = state["tokens"][row["service"]]["sidecar"]
    headers = operator_headers(run.operator_token, sidecar_token)
    asyncio.run(_give(row, headers, name, role))
    print(f"{name} is {'no longer an admin' if remove else 'an admin from the next login on'}")
    return 0


async def _give(row: dict[str, Any], headers: dict[str, str], name: str, role: str) -> None:
    body = json.dumps({"username": name, "role": role}).encode()
    headers = headers | {"content-type": "application/json"}
    status, _ = await call_service(
        "auth", row["sidecar_port"], _PATH, "POST", headers, body=body, accepted=404
    )
    if status == 404:
        raise RunnerError(f"no account is named {name}")
