"""Faults against level 2 of docs/protocol.md: events that a service handles."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

from services.chassis.consuming import dapr_subscriptions, events, inbox, routes
from services.chassis.consuming.batch import group_by_document
from services.chassis.consuming.dead_letters import DeadLetter, DeadLetters
from services.chassis.consuming.inbox import Inbox
from services.chassis.errors import ServiceError
from services.chassis.security import route_guards
from services.chassis.storage import list_head
from services.chassis.storage.window import newest_first
from services.notifications.domain import notifications
from tests.conformance.planted.fault import Fault, nothing, replace

# ── effects ─────────────────────────────────────────────────────────────────────────────────


def lets_an_old_version_win() -> None:
    apply_cause = notifications.apply_cause

    def apply(known: Any, cause: notifications.Cause, id: str, **given: Any) -> Any:
        before = known.reasons.get(cause.source) if known else None
        if before is not None:
            cause = dataclasses.replace(cause, version=before.version + 1)
        return apply_cause(known, cause, id, **given)

    replace(notifications, "apply_cause", apply)


def counts_a_repetition() -> None:
    def insert(self: list_head.ListHead, rows: Any, *_: Any, **__: Any) -> list_head.ListHead:
        recent = newest_first([*rows, *self.recent])
        return list_head.ListHead(recent, self.segments, self.total + len(rows), self.summed)

    replace(list_head.ListHead, "insert", insert)


def acknowledges_before_the_effect() -> None:
    receive, later = Inbox.receive, set()

    async def receive_later(self: Inbox, topic: str, message: Any) -> None:
        async def run() -> None:
            await asyncio.sleep(0.5)
            await receive(self, topic, message)

        later.add(asyncio.create_task(run()))

    replace(Inbox, "receive", receive_later)


def _receive_otherwise(failed: Exception | None) -> None:
    receive = Inbox.receive

    async def receive_otherwise(self: Inbox, topic: str, message: Any) -> None:
        try:
            await receive(self, topic, message)
        except events.PoisonMessage:
            raise
        except ServiceError:
            if failed is not None:
                raise failed from None

    replace(Inbox, "receive", receive_otherwise)


def acknowledges_what_failed() -> None:
    _receive_otherwise(None)


def drops_what_failed_for_now() -> None:
    _receive_otherwise(events.PoisonMessage("It failed once."))


# ── poison ──────────────────────────────────────────────────────────────────────────────────


def retries_poison() -> None:
    async def reject(*_: Any) -> None:
        raise RuntimeError("poison")

    replace(Inbox, "_reject", reject)


def leaves_out_what_comes_beside_poison() -> None:
    def group(bodies: Sequence[Any]) -> Any:
        groups, invalid = group_by_document(bodies)
        return ([] if invalid else groups), invalid

    replace(inbox, "group_by_document", group)


def retries_what_is_no_message() -> None:
    status = routes._status
    replace(routes, "_status", lambda said: status("RETRY" if said == "DROP" else said))


def fails_at_an_unknown_type() -> None:
    handle = events.Handlers.handle

    async def fail(self: events.Handlers, event: events.CloudEvent) -> None:
        if event.type not in self._by_type:
            raise RuntimeError(event.type)
        await handle(self, event)

    replace(events.Handlers, "handle", fail)


def refuses_new_fields_of_an_event() -> None:
    known = {"specversion", "datacontenttype", "topic", "schemaversion", "data"}
    model = events.CloudEvent

    class Strict(model):  # type: ignore[misc, valid-type]
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)

        @classmethod
        def model_validate(cls, body: Any, **given: Any) -> Any:
            if isinstance(body, dict) and body.keys() - known - model.model_fields.keys():
                raise events.PoisonMessage("The event has a new field.")
            return super().model_validate(body, **given)

    replace(events, "CloudEvent", Strict)


def believes_every_source() -> None:
    handle = events.Handlers.handle

    async def believe(self: events.Handlers, event: events.CloudEvent) -> None:
        known = self._by_type.get(event.type)
        if known is not None:
            event = event.model_copy(update={"source": known[0].producer})
        await handle(self, event)

    replace(events.Handlers, "handle", believe)


# ── what the broker lost ────────────────────────────────────────────────────────────────────


def never_asks_for_what_was_lost() -> None:
    replace(Inbox, "_poll", nothing)


def asks_for_one_page() -> None:
    async def fetch(self: Inbox, subscription: Any, stream: str, after: int, upto: int) -> None:
        found, _ = await self._producers.changes(
            subscription.producer, subscription.topic, stream, after=after, limit=64
        )
        await self._handle_fetched(subscription, found)
        subscription.mark_received((stream, n) for n in range(after + 1, upto + 1))

    replace(Inbox, "_fetch", fetch)


# ── routes of the sidecar and the operator ──────────────────────────────────────────────────


def names_no_topic_for_dead_letters() -> None:
    add = dapr_subscriptions.DaprSubscriptions.add

    def add_without(*args: Any, **given: Any) -> None:
        add(*args, **{name: each for name, each in given.items() if name != "dead_letters"})

    replace(dapr_subscriptions.DaprSubscriptions, "add", add_without)


def lets_others_deliver() -> None:
    rules_of = route_guards.rules_of

    def rules(access: Any) -> dict[str, route_guards.RouteRule]:
        callers = frozenset({route_guards.OWN_SIDECAR, "gateway", "posts"})
        opened = dict.fromkeys(access.event_routes, route_guards.RouteRule(callers))
        return {**rules_of(access), **opened}

    replace(route_guards, "rules_of", rules)


def forgets_dead_letters() -> None:
    replace(DeadLetters, "add", nothing)


def does_not_try_what_the_sidecar_gave_up() -> None:
    async def receive_event(*_: Any) -> None:
        raise events.PoisonMessage("The sidecar gave it up.")

    replace(Inbox, "receive_event", receive_event)


def lists_the_newest_letter_first() -> None:
    all_of = DeadLetters.all

    async def reverse(self: DeadLetters) -> list[DeadLetter]:
        return (await all_of(self))[::-1]

    replace(DeadLetters, "all", reverse)


def forgets_at_a_replay_what_fails_again() -> None:
    replay = DeadLetters.replay

    async def forget(self: DeadLetters, handle: Any) -> tuple[int, dict[str, str]]:
        done, failed = await replay(self, handle)
        for id in failed:
            await self._remove(id)
        return done, failed

    replace(DeadLetters, "replay", forget)


_STORY = "test_a_story_has_its_effect"

FAULTS = (
    Fault(lets_an_old_version_win, f"{_STORY} and in_reverse_order", app="notifications"),
    Fault(counts_a_repetition, f"{_STORY} and twice"),
    Fault(acknowledges_before_the_effect, "test_what_is_acknowledged_has_its_effect"),
    Fault(acknowledges_what_failed, "test_an_event_that_fails_for_now_is_not_acknowledged"),
    Fault(drops_what_failed_for_now, "test_an_event_that_fails_for_now_is_not_acknowledged"),
    Fault(retries_poison, "test_what_comes_beside_poison_has_its_effect"),
    Fault(leaves_out_what_comes_beside_poison, "test_what_comes_beside_poison_has_its_effect"),
    Fault(retries_what_is_no_message, "test_what_is_no_message_is_dropped"),
    Fault(fails_at_an_unknown_type, "test_what_is_newer_than_the_service_is_ignored"),
    Fault(refuses_new_fields_of_an_event, "test_what_is_newer_than_the_service_is_ignored"),
    Fault(believes_every_source, "test_poison_stops_nothing"),
    Fault(never_asks_for_what_was_lost, "test_it_asks_for_what_the_broker_lost"),
    Fault(asks_for_one_page, "test_it_asks_until_it_has_all"),
    Fault(names_no_topic_for_dead_letters, "test_it_subscribes_to_what_the_access_file_names"),
    Fault(lets_others_deliver, "test_only_the_own_sidecar_delivers"),
    Fault(forgets_dead_letters, "test_what_the_sidecar_gives_up_is_kept"),
    Fault(
        does_not_try_what_the_sidecar_gave_up, "test_what_the_sidecar_gave_up_is_tried_once_more"
    ),
    Fault(lists_the_newest_letter_first, "test_what_the_sidecar_gives_up_is_kept"),
    Fault(forgets_at_a_replay_what_fails_again, "test_a_replay_keeps_what_fails_again"),
)
