"""Metrics that are read where they are in memory anyway, when somebody scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.consuming.event_metrics import (
    DEAD_LETTERED,
    OK,
    REPEATED,
    RETRIED,
    UNKNOWN_TOPIC,
)
from services.chassis.consuming.inbox import Inbox
from services.chassis.metrics import Metrics, Samples
from services.chassis.periodic import BackgroundWork
from services.chassis.publishing.invalidations import InvalidationPublisher
from services.chassis.publishing.outbox import Outbox


def measure_inbox(metrics: Metrics, inbox: Inbox) -> None:
    """How far a service is behind the producers of its topics."""
    for topic in inbox.subscriptions:  # a rate does not see the step from nothing to 1
        metrics.events_fetched[topic].inc(0)
        for result in (OK, REPEATED, RETRIED, DEAD_LETTERED):
            metrics.events_handled[topic, result].inc(0)

    def lags() -> Samples:
        for subscription in inbox.subscriptions.values():
            lag = subscription.lag()
            if lag is not None:
                yield (subscription.topic, subscription.producer), lag

    metrics.gauge(
        "microgram_event_lag",
        "Events that exist and are not handled yet, as of the last poll of their producer.",
        ("topic", "producer"),
        lags,
    )


def measure_dead_letters(metrics: Metrics, letters: DeadLetters, inbox: Inbox) -> None:
    """How many dead letters a service has. Each topic that it consumes is there, also with 0."""

    def numbers() -> Samples:
        found = dict.fromkeys(inbox.subscriptions, 0)
        for topic, number in letters.by_topic.items():
            known = topic if topic in inbox.subscriptions else UNKNOWN_TOPIC
            found[known] = found.get(known, 0) + number
        return [((topic,), number) for topic, number in found.items()]

    metrics.gauge(
        "microgram_dead_letters",
        "Dead letters that the service keeps, of all its replicas.",
        ("topic",),
        numbers,
    )


def measure_outboxes(
    metrics: Metrics,
    outboxes: Mapping[str, Outbox],
    invalidations: InvalidationPublisher | None,
) -> None:
    """What was published, and what waits for the broker."""
    public = {topic: outbox for topic, outbox in outboxes.items() if not outbox.is_private}

    def published() -> Samples:
        yield from (((topic,), outbox.published) for topic, outbox in public.items())
        if invalidations is not None:
            yield (invalidations.topic,), invalidations.published

    metrics.read_counter(
        "microgram_events_published_total",
        "Events that the broker accepted.",
        ("topic",),
        published,
    )
    metrics.gauge(
        "microgram_outbox_pending",
        "Events of committed changes that wait for the broker, in this process.",
        ("topic",),
        lambda: [((topic,), outbox.backlog) for topic, outbox in public.items()],
    )
    metrics.gauge(
        "microgram_outbox_oldest_age_seconds",
        "Time since the commit of the change whose event waits longest for the broker.",
        ("topic",),
        lambda: [((topic,), age_of(outbox.oldest)) for topic, outbox in public.items()],
    )


def measure_work(metrics: Metrics, works: Sequence[BackgroundWork]) -> None:
    """What runs in the background. Works with one name count as one."""

    def by_name() -> Iterator[tuple[str, list[BackgroundWork]]]:
        for name in dict.fromkeys(work.name for work in works):
            yield name, [work for work in works if work.name == name]

    metrics.gauge(
        "microgram_background_work_failing",
        "1 for work whose last three attempts failed, else 0.",
        ("work",),
        lambda: [((name,), any(w.is_failing for w in same)) for name, same in by_name()],
    )
    metrics.read_counter(
        "microgram_background_work_failures_total",
        "Failed attempts.",
        ("work",),
        lambda: [((name,), sum(w.failures for w in same)) for name, same in by_name()],
    )


def age_of(moment: str) -> float:
    """Seconds since a moment (RFC 3339), 0 for none."""
    return max(0.0, time.time() - datetime.fromisoformat(moment).timestamp()) if moment else 0.0
