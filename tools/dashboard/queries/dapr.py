"""Dapr: components, subscriptions, dead letters, events on their way, outbox, workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.dashboard.sources import Sources


@dataclass(frozen=True)
class ComponentRow:
    """A component of one sidecar."""

    process: str
    """The sidecar: `posts.daprd`."""
    name: str
    type: str
    version: str
    state: str
    """`loaded`, `failed`, or `unknown` if the sidecar does not answer."""
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
    at: str
    detail: str


async def list_components(sources: Sources) -> tuple[ComponentRow, ...]:
    """Return the components of all sidecars. One call of each sidecar."""
    raise NotImplementedError


async def list_subscriptions(sources: Sources) -> tuple[SubscriptionRow, ...]:
    """Return the subscriptions of all sidecars. One call of each sidecar."""
    raise NotImplementedError


async def list_dead_letters(sources: Sources) -> DeadLetterList:
    """Return the dead letters of all services, newest first. One call of each service."""
    raise NotImplementedError


async def replay_dead_letters(sources: Sources, service: str) -> dict[str, Any]:
    """Deliver the dead letters of a service again; return its answer. Raises RunnerError."""
    raise NotImplementedError


async def list_flows(sources: Sources) -> tuple[FlowRow, ...]:
    """Return the events on their way per topic and consumer, from the newest sample."""
    raise NotImplementedError


async def list_outbox(sources: Sources) -> tuple[OutboxRow, ...]:
    """Return what waits in the outboxes, from the newest sample."""
    raise NotImplementedError


async def list_workflows(sources: Sources) -> tuple[WorkflowRow, ...]:
    """Return the workflows that have not ended."""
    raise NotImplementedError
