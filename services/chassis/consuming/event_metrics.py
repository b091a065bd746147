"""Counts what became of events, and how old they were."""

from __future__ import annotations

import time

from services.chassis.consuming.batch import DocumentEvents
from services.chassis.consuming.events import CloudEvent
from services.chassis.consuming.subscription import Subscription
from services.chassis.metrics import Metrics

OK, REPEATED, RETRIED, DEAD_LETTERED = "ok", "repeated", "retried", "dead_lettered"
DROPPED = "dropped"
"""Of a broadcast, which nobody delivers again."""

UNKNOWN_TOPIC = "unknown"
"""Of dead letters that name a topic which this service does not consume."""


class EventMetrics:
    """The metrics of consumed events."""

    def __init__(self, metrics: Metrics) -> None:
        self._handled = metrics.events_handled
        self._age = metrics.event_age
        self.fetched = metrics.events_fetched

    def count(self, topic: str, result: str, events: int = 1) -> None:
        """Count events with a result."""
        if events:
            self._handled[topic, result].inc(events)

    def handled(self, subscription: Subscription, group: DocumentEvents) -> None:
        """Count events that were handled and are not marked as received yet."""
        topic = subscription.topic
        repeated = sum(subscription.has_received(*position) for position in group.positions)
        self.count(topic, REPEATED, repeated)
        self.count(topic, OK, len(group.received) - repeated)
        if repeated < len(group.received):
            self.observe_age(topic, group.newest.event)

    def observe_age(self, topic: str, event: CloudEvent) -> None:
        """Observe how old an event is. What has no valid time is left out."""
        committed = event.committed_at()
        if committed is not None:
            self._age[topic].observe(max(0.0, time.time() - committed))
