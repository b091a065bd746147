"""A broker in memory: every app gets a copy of every message; faults can be injected."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.chassis.dapr.pubsub import EncodedEvent, encode_event, event_message
from services.chassis.errors import Unavailable
from services.chassis.publishing import journal, relay
from tests.fakes.faults import Call, Faults

relay.PUBLISH_INTERVAL = 0.0  # no test waits for events that may share a message
relay.MAX_RATE = 1e9
journal.HEADS_TTL = 0.0  # or for a poll that sees what another process has written

Deliver = Callable[[dict[str, Any]], Awaitable[str]]
"""Hands a message to a subscriber; returns SUCCESS, RETRY or DROP."""

AnyEvent = EncodedEvent | dict[str, Any]
"""An event as services publish it, or as tests write it."""

DELIVERY_TIMEOUT = 50
"""Maximum deliveries of a message that is always answered with RETRY."""


@dataclass(slots=True)
class _Group:
    """The replicas of one app that share a topic, and its dead-letter topic."""

    replicas: list[Deliver] = field(default_factory=list)
    dead_letter_topic: str = ""


def message_of(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the message with some events, as JSON."""
    message: dict[str, Any] = orjson.loads(event_message([*map(encode_event, events)]))
    return message


class FakeBroker:
    """Implements `Publisher`. Deliveries run in the background; `await idle()` waits for them.

    `down` refuses every publish. `loses(event)` says which events are lost without a word. `copies`
    is how often each is delivered. `hold()` keeps deliveries back until `release()`, which can
    shuffle them. `forget()` is a broker that was started empty: held deliveries are gone.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.down = False
        self.loses: Callable[[dict[str, Any]], bool] = lambda _: False
        self.copies = 1
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.stuck: list[tuple[str, dict[str, Any]]] = []
        self._groups: dict[str, dict[str, _Group]] = {}
        self._held: list[tuple[_Group, str, dict[str, Any]]] | None = None
        self._deliveries: set[asyncio.Task[None]] = set()

    def subscribe(
        self, topic: str, app: str, deliver: Deliver, *, dead_letter_topic: str = ""
    ) -> None:
        """Subscribe a replica of an app to a topic."""
        group = self._groups.setdefault(topic, {}).setdefault(app, _Group())
        group.replicas.append(deliver)
        group.dead_letter_topic = dead_letter_topic

    def unsubscribe(self, app: str, deliver: Deliver) -> None:
        """Unsubscribe a replica; the app's events wait for its other replicas."""
        for groups in self._groups.values():
            if app in groups and deliver in groups[app].replicas:
                groups[app].replicas.remove(deliver)

    def dismiss(self, app: str) -> None:
        """Remove the subscriptions of an app."""
        for groups in self._groups.values():
            groups.pop(app, None)

    async def publish(self, topic: str, events: Sequence[AnyEvent]) -> None:
        await _publish(self, self.faults, topic, events)

    def hold(self) -> None:
        """Hold back deliveries from now on."""
        self._held = self._held or []

    def release(self, seed: int | None = None) -> None:
        """Deliver the held events, in another order if a seed is given."""
        held, self._held = self._held or [], None
        if seed is not None:
            random.Random(seed).shuffle(held)  # noqa: S311
        for group, topic, message in held:
            self._start(group, topic, message)

    def forget(self) -> None:
        """Drop the held events, and deliver again from now on."""
        self._held = None

    async def idle(self) -> None:
        """Wait until all running deliveries are done."""
        while self._deliveries:
            await asyncio.gather(*self._deliveries)

    @property
    def is_idle(self) -> bool:
        """Whether no delivery is running."""
        return not self._deliveries

    async def abort(self) -> None:
        """Cancel all running deliveries."""
        for task in self._deliveries:
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    def replica(self) -> BrokerConnection:
        """Return a connection of another process to this broker."""
        return BrokerConnection(self)

    def events(self, topic: str) -> list[dict[str, Any]]:
        """Return the published events of a topic."""
        return [event for published, event in self.published if published == topic]

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _publish(self, topic: str, events: Sequence[dict[str, Any]]) -> None:
        if self.down:
            raise Unavailable("The broker is down.")
        self.published += [(topic, event) for event in events]
        if kept := [event for event in events if not self.loses(event)]:
            self._deliver(topic, message_of(kept) | {"topic": topic})  # as a sidecar does

    def deliver_to(self, deliver: Deliver, topic: str, event: dict[str, Any]) -> None:
        """Deliver an event to one subscriber alone, with the faults of all deliveries."""
        plain = orjson.loads(orjson.dumps(event))
        if not self.loses(plain):
            self._hand_over(_Group([deliver]), topic, message_of([plain]))

    def _deliver(self, topic: str, message: dict[str, Any]) -> None:
        for group in self._groups.get(topic, {}).values():
            self._hand_over(group, topic, message)

    def _hand_over(self, group: _Group, topic: str, message: dict[str, Any]) -> None:
        for _ in range(self.copies):
            if self._held is None:
                self._start(group, topic, message)
            else:
                self._held.append((group, topic, message))

    def _start(self, group: _Group, topic: str, message: dict[str, Any]) -> None:
        task = asyncio.create_task(self._until_taken(group, topic, message))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _until_taken(self, group: _Group, topic: str, message: dict[str, Any]) -> None:
        for turn in range(DELIVERY_TIMEOUT):
            await asyncio.sleep(0.002 if turn else 0)
            if not group.replicas:
                continue
            replica = group.replicas[turn % len(group.replicas)]
            group.replicas.append(group.replicas.pop(0))
            status = await replica(orjson.loads(orjson.dumps(message)))
            if status == "SUCCESS":
                return
            if status == "DROP":
                if group.dead_letter_topic:  # as it is: it keeps the name of its own topic
                    self._deliver(group.dead_letter_topic, message)
                return
        self.stuck.append((topic, message))


class BrokerConnection:
    """The connection of one process to a broker, with its own faults."""

    def __init__(self, broker: FakeBroker) -> None:
        self.faults = Faults()
        self._broker = broker

    async def publish(self, topic: str, events: Sequence[AnyEvent]) -> None:
        await _publish(self._broker, self.faults, topic, events)


async def _publish(
    broker: FakeBroker, faults: Faults, topic: str, events: Sequence[AnyEvent]
) -> None:
    plain: list[dict[str, Any]] = [
        orjson.loads(event.raw if isinstance(event, EncodedEvent) else orjson.dumps(event))
        for event in events
    ]
    call = Call("publish", (topic, *(str(event.get("id", "")) for event in plain)))
    await faults.around(call, lambda: broker._publish(topic, plain))
