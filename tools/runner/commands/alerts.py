"""The verb that lists alerts."""

import asyncio
import json
import textwrap
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.http_client import request
from tools.runner.infra.monitoring import login_header

_NAMES = ("alertname", "severity")
_MANY = 50
"""Alerts that are printed; `--json` has all."""


def list_alerts(run: RunDir, as_json: bool) -> int:
    """Print what is firing and pending, critical first. Raises RunnerError without Prometheus."""
    alerts = sorted(asyncio.run(_fetch(run)), key=_order)
    if as_json:
        print(json.dumps(alerts, indent=2))
    elif not alerts:
        print("no alert is firing or pending")
    else:
        print("\n\n".join(map(_describe, alerts[:_MANY])))
        if len(alerts) > _MANY:
            print(f"\n… and {len(alerts) - _MANY} others (--json shows them)")
    return 0


async def _fetch(run: RunDir) -> list[dict[str, Any]]:
    observed = run.read_state().get("observability")
    if not observed:
        raise RunnerError("Prometheus does not run: start the system with `up --observe`")
    port = int(observed["prometheus"].rpartition(":")[2])
    try:
        status, body = await request(
            port, "/api/v1/alerts", headers=login_header(observed["password"]), seconds=10.0
        )
    except OSError as error:
        raise RunnerError(f"Prometheus does not answer: {error} (see `ps`)") from None
    if status != 200:
        raise RunnerError(f"Prometheus answers {status}: {body[:200].decode(errors='replace')}")
    alerts: list[dict[str, Any]] = json.loads(body)["data"]["alerts"]
    return alerts


def _order(alert: dict[str, Any]) -> tuple[bool, bool, str]:
    labels = alert["labels"]
    return alert["state"] != "firing", labels["severity"] != "critical", labels["alertname"]


def _describe(alert: dict[str, Any]) -> str:
    labels, notes = alert["labels"], alert["annotations"]
    where = " ".join(f"{key}={labels[key]}" for key in sorted(labels.keys() - set(_NAMES)))
    since = alert["activeAt"].partition(".")[0].replace("T", " ")
    lines = [f"{alert['state'].upper()} {labels['severity']} {labels['alertname']} {where}"]
    lines += [f"since {since} UTC", *textwrap.wrap(notes["summary"], 100)]
    lines.append(f"what to do: {notes['runbook_url']}")
    return "\n    ".join(lines)
