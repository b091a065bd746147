"""Faults against levels 3 and 4 of docs/protocol.md: what a service tells, and people's data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from services.chassis import service as services
from services.chassis.dapr import client
from services.chassis.dapr.pubsub import event_message
from services.chassis.data_export import create_export_router, list_reader
from services.chassis.errors import NotFound
from services.chassis.http.changes import create_changes_router
from services.chassis.publishing.journal import Journal
from services.chassis.publishing.outbox import Outbox
from services.chassis.security.access_rules import read_access
from services.notifications import consumers as notifications
from services.notifications.api import data_export
from tests.conformance.planted.fault import Fault, replace

Told = dict[str, Any]

# ── messages and events ─────────────────────────────────────────────────────────────────────


def _tell(change: Callable[[Told], Told | None]) -> None:
    event = Outbox._event

    def changed(self: Outbox, key: str, envelope: Told) -> Told | None:
        made = event(self, key, envelope)
        return made and change(made)

    replace(Outbox, "_event", changed)


def tells_another_source() -> None:
    _tell(lambda event: event | {"source": "somebody"})


def tells_of_another_trace() -> None:
    _tell(lambda event: event | {"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"})


def tells_each_version_as_the_first() -> None:
    _tell(lambda event: event | {"entityversion": 1})


def deletes_without_a_tombstone() -> None:
    _tell(lambda event: None if event["data"].get("deleted") else event)


def says_in_a_tombstone_what_it_was() -> None:
    def say(event: Told) -> Told:
        data = event["data"]
        old = {"username": f"user{event['subject']}"} if data.get("deleted") else {}
        return event | {"data": data | old}

    _tell(say)


def _send(**changed: Any) -> None:
    replace(
        client, "event_message", lambda e: orjson.dumps(orjson.loads(event_message(e)) | changed)
    )


def sends_messages_of_another_type() -> None:
    _send(type="com.example.news")


def sends_messages_of_nobody() -> None:
    _send(source="somebody")


# ── never lost ──────────────────────────────────────────────────────────────────────────────


def keeps_no_journal() -> None:
    async def write(self: Journal, _: Any, document: Any = None) -> None:
        if document is not None:
            await self._state.transact([document])

    replace(Journal, "write", write)


def keeps_the_name_of_its_stream() -> None:
    begin = Journal.__init__

    def named(self: Journal, *args: Any) -> None:
        begin(self, *args)
        self.stream = "always-the-same"

    replace(Journal, "__init__", named)


def answers_no_changes() -> None:
    async def changes(_: Outbox, __: str, after: int, *___: Any) -> tuple[list[Any], int]:
        return [], after

    replace(Outbox, "changes_since", changes)


def settles_what_it_did_not_give() -> None:
    changes = Outbox.changes_since

    async def settle(self: Outbox, stream: str, after: int, limit: int) -> tuple[list[Any], int]:
        found, _ = await changes(self, stream, after, limit)
        return found, max(after, self.journal.sequence)

    replace(Outbox, "changes_since", settle)


def hides_what_follows_what_expired() -> None:
    async def tail_instead(_: Journal, __: str, ___: int, tail: Any) -> Any:
        return tail

    replace(Journal, "_first_kept", tail_instead)


def gives_more_than_was_asked_for() -> None:
    changes = Outbox.changes_since

    async def give(self: Outbox, stream: str, after: int, _: int) -> tuple[list[Any], int]:
        return await changes(self, stream, after, 64)

    replace(Outbox, "changes_since", give)


def tells_changes_to_everybody() -> None:
    def open_to_all(outboxes: Any, heads: Any, subscribers: Mapping[str, Any]) -> Any:
        everybody = frozenset().union(*subscribers.values())
        return create_changes_router(outboxes, heads, dict.fromkeys(subscribers, everybody))

    replace(services, "create_changes_router", open_to_all)


# ── people's data ───────────────────────────────────────────────────────────────────────────


def exports_every_kind() -> None:
    def create_for_all(kinds: Mapping[str, Any]) -> Any:
        class Everything(defaultdict[str, Any]):
            def __contains__(self, _: object) -> bool:
                return True

        return create_export_router(Everything(lambda: next(iter(kinds.values()))))

    replace(data_export, "create_export_router", create_for_all)


def exports_to_every_caller() -> None:
    def everybody() -> Any:
        rules = read_access()
        own = rules["notifications"].calls
        replace_in = {**own, "GET /belongings/{user}/{kind}": frozenset(rules)}
        object.__setattr__(rules["notifications"], "calls", replace_in)
        return rules

    replace(services, "read_access", everybody)


def knows_nothing_of_an_unknown_user() -> None:
    def strict(*args: Any) -> Any:
        read = list_reader(*args)

        async def read_known(user: str, after: str) -> Told:
            page = await read(user, after)
            if not page["total"]:
                raise NotFound("There is no such user.")
            return page

        return read_known

    replace(data_export, "list_reader", strict)


def keeps_what_a_deleted_user_had() -> None:
    def never(_: Any, handler: Any) -> Any:
        async def on(event: Any) -> None:
            if not event.data.deleted:
                await handler(event)

        return on

    replace(notifications, "confirm_deletions", never)


def deletes_what_auth_does_not_confirm() -> None:
    replace(notifications, "confirm_deletions", lambda _, handler: handler)


_SCHEMA = "test_what_it_tells_is_an_event_of_its_schema"
_STORY = "test_a_story_has_its_effect and in_order"
_DATA = "notifications"

FAULTS = (
    Fault(tells_another_source, _SCHEMA),
    Fault(tells_of_another_trace, "test_what_it_tells_belongs_to_the_trace_of_its_cause"),
    Fault(tells_each_version_as_the_first, "test_what_it_tells_has_numbers_and_versions"),
    Fault(deletes_without_a_tombstone, "test_what_was_deleted_is_a_tombstone"),
    Fault(says_in_a_tombstone_what_it_was, "test_what_was_deleted_is_a_tombstone", app="users"),
    Fault(sends_messages_of_another_type, "test_its_messages_are_cloud_events"),
    Fault(sends_messages_of_nobody, "test_its_messages_are_cloud_events"),
    Fault(keeps_no_journal, "test_a_death_loses_nothing_that_it_has_to_tell"),
    Fault(keeps_the_name_of_its_stream, "test_a_new_process_has_a_new_stream"),
    Fault(answers_no_changes, "test_what_it_tells_can_be_asked_for"),
    Fault(settles_what_it_did_not_give, "test_what_it_tells_can_be_asked_for_step_by_step"),
    Fault(hides_what_follows_what_expired, "test_what_expired_hides_nothing_that_is_kept"),
    Fault(gives_more_than_was_asked_for, "test_what_it_tells_can_be_asked_for_step_by_step"),
    Fault(tells_changes_to_everybody, "test_changes_are_for_subscribers"),
    Fault(exports_every_kind, "test_an_unknown_kind_is_not_found", app=_DATA),
    Fault(exports_to_every_caller, "test_only_media_exports", app=_DATA),
    Fault(knows_nothing_of_an_unknown_user, "test_of_an_unknown_user", app=_DATA),
    Fault(keeps_what_a_deleted_user_had, _STORY, app=_DATA),
    Fault(deletes_what_auth_does_not_confirm, _STORY, app=_DATA),
)
