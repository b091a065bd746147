"""An alert of a service that was stopped, and the answers about it."""

from __future__ import annotations

from typing import Any

import requests
import yaml

from tools.learn.questions import require_answers
from tools.learn.report import Work
from tools.learn.system import RUN_DIR, TIMEOUT, LearnerSystem, until
from tools.runner.config.monitoring_settings import SOURCES
from tools.runner.config.paths import RunDir

FIRING = 'ALERTS{alertstate="firing", service="comments"}'
FIRED = f"last_over_time({FIRING}[1h])"
LOOK = f"./tye-like-run.sh alerts --run-dir {RUN_DIR}"


async def check(work: Work) -> None:
    """Check answers.yaml, and that the alert fired and has ended."""
    system = LearnerSystem.of(work)
    observed = RunDir(system.folder).read_state()["observability"]
    work.require(
        "Prometheus watches your system",
        observed,
        expected="a system that was started with --observe",
        seen="no Prometheus",
        look="the page starts it so; `down` comes first",
    )
    fired = {each["alertname"]: each["severity"] for each in _ask(observed, FIRED)}
    work.require(
        "an alert of comments has fired",
        fired,
        expected="one that fired within the last hour",
        seen="none",
        look=f"./tye-like-run.sh stop comments --run-dir {RUN_DIR}, and then {LOOK}",
    )
    named = _named(work.answers().get("the alert", ""), fired)
    facts = {
        "the alert": named,
        "its severity": fired[named],
        "how long it must be so": _for(named),
    }
    require_answers(work, facts, lambda *_: f"{LOOK}, and deploy/observability/rules")
    work.require(
        "it has ended",
        until(lambda: not _ask(observed, FIRING)),
        expected="no alert of comments",
        seen="it still fires",
        look=f"./tye-like-run.sh ps --run-dir {RUN_DIR}: is comments ready?",
    )


def _ask(observed: dict[str, str], query: str) -> list[dict[str, str]]:
    """The labels of what Prometheus finds."""
    answer = requests.get(
        f"{observed['prometheus']}/api/v1/query",
        params={"query": query},
        auth=(observed["user"], observed["password"]),
        timeout=TIMEOUT,
    )
    answer.raise_for_status()
    return [each["metric"] for each in answer.json()["data"]["result"]]


def _named(answer: str, fired: dict[str, str]) -> str:
    """The alert that the learner means: any that fired, else the first of them."""
    known = {name.lower(): name for name in fired}
    return known.get(answer.lower(), min(fired))


def _for(alert: str) -> str:
    documents = (yaml.safe_load(file.read_text()) for file in SOURCES.glob("rules/*.yaml"))
    rules: list[dict[str, Any]] = [
        rule for each in documents for group in each["groups"] for rule in group["rules"]
    ]
    return next((str(rule.get("for", "0m")) for rule in rules if rule.get("alert") == alert), "")
