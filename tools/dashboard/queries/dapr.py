"""Dapr: components, subscriptions, dead letters, events on their way, outbox, workflows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.dashboard.collect.sidecar_log import SidecarStart, read_starts
from tools.dashboard.queries.metrics import service_of
from tools.dashboard.sources import Sources
from tools.runner.commands.operator_client import OperatorClient
from tools.runner.errors import RunnerError
from tools.runner.http_client import request

logger = logging.getLogger(__name__)

CALL_TIMEOUT = 5.0
REPLAY_TIMEOUT = 120.0
WORKFLOW_SERVICE = "orders"
"""The one service with workflows."""


@dataclass(frozen=True)
class ComponentRow:
    """A component of one sidecar."""

    process: str
    """The sidecar: `posts.daprd`."""
    name: str
    type: str
    version: str
    state: str
    """`loaded`, `failed`, or `unknown` if its log no longer has the start."""
    reason: str = ""
    """Why it is not loaded, from the sidecar's log."""
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubscriptionRow:
    """A topic that a sidecar delivers."""

    process: str
    component: str
    topic: str
    path: str
    dead_letter_topic: str


@dataclass(frozen=True)
class DeadLetterRow:
    """An event that a service could not handle."""

    service: str
    id: str
    topic: str
    why: str
    at: str
    event: Any


@dataclass(frozen=True)
class DeadLetterList:
    """Dead letters of all services, and the services that did not answer, with the reason."""

    letters: tuple[DeadLetterRow, ...]
    unreachable: dict[str, str]


@dataclass(frozen=True)
class FlowRow:
    """Events of one topic on their way to one consumer, of the newest sample."""

    topic: str
    consumer: str
    lag: float
    """Events that are known to exist and are not handled yet."""
    handled_per_second: float
    not_ok_per_second: float
    """Of these: repeated, retried or dead-lettered."""
    age_p95_seconds: float | None
    """From the publication of an event until it is handled."""


@dataclass(frozen=True)
class OutboxRow:
    """Events of one topic that a service has not yet given to the broker."""

    service: str
    topic: str
    pending: float
    oldest_age_seconds: float


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow that has not ended."""

    service: str
    id: str
    name: str
    state: str
    """Of what it works on: `placed`, `paying`, …"""
    at: str
    """Of its last step."""
    detail: str
    """Its history as text, a line for each step."""
    status: str = ""
    """Of the workflow: `running`, `failed`, `absent` (it is started again), `unknown`, …"""
    history: tuple[Mapping[str, str], ...] = ()
    """Steps with `what`, `at` and `why`, oldest first."""


async def list_components(sources: Sources) -> tuple[ComponentRow, ...]:
    """Return the components of all sidecars: what they were given, and what they logged of it."""
    if sources.snapshot is not None:
        return tuple(ComponentRow(**row) for row in sources.snapshot["components"])
    return await asyncio.to_thread(_components, sources)


def _components(sources: Sources) -> tuple[ComponentRow, ...]:
    starts = read_starts(sources.run.logs, (f"{name}.daprd" for name, _ in _replicas(sources)))
    given: dict[str, list[tuple[str, str, str]]] = {}
    rows = []
    for name, app_id in _replicas(sources):
        if app_id not in given:
            given[app_id] = [*_given_components(sources.run.components / app_id)]
        start = starts[f"{name}.daprd"]
        for component, type, version in given[app_id]:
            state, reason = _component_state(start, component)
            rows.append(ComponentRow(f"{name}.daprd", component, type, version, state, reason))
    return tuple(rows)


def _component_state(start: SidecarStart, component: str) -> tuple[str, str]:
    if component in start.loaded:
        return "loaded", ""
    reason = start.failure_of(component)
    return ("failed" if reason or start.is_known else "unknown"), reason


def _given_components(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and version of the components that a sidecar was given."""
    for path in sorted(folder.glob("component-*.yaml")):
        try:
            document = yaml.load(path.read_text(), _LOADER)  # noqa: S506 (a safe one)
            spec = document["spec"]
            yield document["metadata"]["name"], spec["type"], spec["version"]
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            logger.warning("cannot read %s: %s", path, error)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _replicas(sources: Sources) -> list[tuple[str, str]]:
    """Return the name of each replica, and its service."""
    return [(row["service"], row["app_id"]) for row in sources.state().get("services", ())]


async def list_subscriptions(sources: Sources) -> tuple[SubscriptionRow, ...]:
    """Return what each service subscribes to. One call of each; who does not answer is left out."""
    if sources.snapshot is not None:
        return tuple(SubscriptionRow(**row) for row in sources.snapshot["subscriptions"])
    state = sources.state()
    rows = state.get("services", ())
    answers = await asyncio.gather(*(_subscriptions_of(state, row) for row in rows))
    return tuple(row for found in answers for row in found)


async def _subscriptions_of(
    state: Mapping[str, Any], row: Mapping[str, Any]
) -> list[SubscriptionRow]:
    """Ask a service as its sidecar does."""
    try:
        headers = {"dapr-api-token": state["tokens"][row["service"]]["app"]}
        status, body = await request(
            row["app_port"], "/dapr/subscribe", "GET", headers, CALL_TIMEOUT
        )
        found = json.loads(body) if status == 200 else []
    except (OSError, TimeoutError, ValueError, KeyError):
        return []
    return [
        SubscriptionRow(
            f"{row['service']}.daprd",
            each["pubsubname"],
            each["topic"],
            each.get("route", ""),
            each.get("deadLetterTopic", ""),
        )
        for each in found
    ]


async def list_dead_letters(sources: Sources) -> DeadLetterList:
    """Return the dead letters of all services, newest first. One call of each service."""
    if sources.snapshot is not None:
        rows = sources.snapshot["dead_letters"]
        letters = tuple(DeadLetterRow(**row) for row in rows["letters"])
        return DeadLetterList(letters, rows["unreachable"])
    state = sources.state()
    chosen = [row for row in state.get("services", ()) if row["service"] == row["app_id"]]
    answers = await asyncio.gather(*(_letters_of(sources, state, row) for row in chosen))
    found, unreachable = [], {}
    for row, answer in zip(chosen, answers, strict=True):
        if isinstance(answer, str):
            unreachable[str(row["app_id"])] = answer
        else:
            found += answer
    return DeadLetterList(tuple(sorted(found, key=lambda each: each.at, reverse=True)), unreachable)


async def _letters_of(
    sources: Sources, state: Mapping[str, Any], row: Mapping[str, Any]
) -> list[DeadLetterRow] | str:
    try:
        client = OperatorClient.of(sources.run, state, row)
        _, answer = await client.call("deadletters", seconds=CALL_TIMEOUT)
    except (RunnerError, TimeoutError, ValueError, KeyError) as error:
        return str(error) or "no answer"
    return [
        DeadLetterRow(row["app_id"], each["id"], each["topic"], each["why"], each["at"], event)
        for each in answer
        for event in (each.get("event"),)
    ]


async def replay_dead_letters(sources: Sources, service: str) -> dict[str, Any]:
    """Deliver the dead letters of a service again; return how many succeeded, and the failures.

    Raises RunnerError if the service is not running, or for an export.
    """
    sources.require_running()
    client = OperatorClient.connect(sources.run, service)
    _, answer = await client.call("deadletters/replay", "POST", seconds=REPLAY_TIMEOUT)
    return dict(answer)


async def list_flows(sources: Sources) -> tuple[FlowRow, ...]:
    """Return the events on their way per topic and consumer, from the newest sample.

    The replicas of a consumer share its events: their lags and rates are added up.
    """
    values = await _newest(sources, "event_lag", "handled", "not_ok", "event_age_p95")
    keys = {(topic, service) for _, service, topic in values}
    return tuple(
        FlowRow(
            topic,
            service,
            sum(values.get(("event_lag", service, topic), [0.0])),
            sum(values.get(("handled", service, topic), [0.0])),
            sum(values.get(("not_ok", service, topic), [0.0])),
            max(values.get(("event_age_p95", service, topic), []), default=None),
        )
        for topic, service in sorted(keys)
    )


async def list_outbox(sources: Sources) -> tuple[OutboxRow, ...]:
    """Return what waits in the outboxes, from the newest sample."""
    values = await _newest(sources, "outbox_pending", "outbox_age")
    keys = {(service, topic) for _, service, topic in values}
    return tuple(
        OutboxRow(
            service,
            topic,
            sum(values.get(("outbox_pending", service, topic), [0.0])),
            max(values.get(("outbox_age", service, topic), [0.0])),
        )
        for service, topic in sorted(keys)
    )


async def _newest(sources: Sources, *metrics: str) -> dict[tuple[str, str, str], list[float]]:
    """Return values of the newest round by metric, service and topic, one for each replica."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for newest in await asyncio.to_thread(sources.samples.rounds, 1):
        for each in newest.samples:
            if each.metric in metrics:
                key = each.metric, service_of(each.process), each.topic
                found.setdefault(key, []).append(each.value)
    return found


async def list_workflows(sources: Sources) -> tuple[WorkflowRow, ...]:
    """Return the workflows that have not ended, newest first.

    Raises RunnerError if the service with workflows does not answer.
    """
    if sources.snapshot is not None:
        return tuple(WorkflowRow(**row) for row in sources.snapshot["workflows"])
    if WORKFLOW_SERVICE not in {app_id for _, app_id in _replicas(sources)}:
        return ()
    client = OperatorClient.connect(sources.run, WORKFLOW_SERVICE)
    _, answer = await client.call("workflows", seconds=CALL_TIMEOUT)
    return tuple(_workflow(row) for row in answer["workflows"])


def _workflow(row: Mapping[str, Any]) -> WorkflowRow:
    steps = [f"{each['at']} {each['what']} {each['why']}".strip() for each in row["history"]]
    lines = [f"workflow: {row['status']} {row['why']}".strip(), *steps]
    at = row["history"][-1]["at"] if row["history"] else ""
    return WorkflowRow(
        WORKFLOW_SERVICE,
        row["id"],
        row["name"],
        row["state"],
        at,
        "\n".join(lines),
        row["status"],
        tuple(row["history"]),
    )
