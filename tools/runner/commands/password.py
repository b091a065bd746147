"""Issues a link to a new password, for a user who has forgotten theirs where there is no mail."""

import asyncio
import json
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import operator_headers
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service

_PATH = "/v1.0/invoke/auth/method/password_links"


def print_password_link(run: RunDir, name: str) -> int:
    """Print a link that works once, for an hour. All sessions of the user end when it is used."""
    state = run.read_state()
    row = next((r for r in state["services"] if r["app_id"] == "auth"), None) if state else None
    if not state or row is None:
        raise RunnerError("auth is not running: start it with ./tye-like-run.sh")
    sidecar_token = state["tokens"][row["service"]]["sidecar"]
    headers = operator_headers(run.operator_token, sidecar_token)
    print(asyncio.run(_issue(row, headers, name)))
    return 0


async def _issue(row: dict[str, Any], headers: dict[str, str], name: str) -> str:
    status, answer = await call_service(
        "auth",
        row["sidecar_port"],
        _PATH,
        "POST",
        headers | {"content-type": "application/json"},
        body=json.dumps({"username": name}).encode(),
        accepted=404,
    )
    if status == 404:
        raise RunnerError(f"no account is named {name}, or it is suspended")
    url: str = json.loads(answer)["url"]
    return url
