"""Runs a service with one fault: `python -m tests.conformance.planted FAULT MODULE`.

Each fault breaks one rule of docs/protocol.md, in this process only.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from services.chassis.consuming import events
from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.consuming.inbox import Inbox
from services.chassis.http.middleware import SidecarMiddleware
from services.chassis.publishing.journal import Journal
from services.chassis.publishing.outbox import Outbox
from services.chassis.security import route_guards
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier
from services.comments.application import thread_projection


def _replace(owner: Any, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement)


async def _nothing(*_: Any, **__: Any) -> None:
    return


def accepts_requests_without_a_token() -> None:
    _replace(SidecarMiddleware, "_is_sidecar", lambda *_: True)


def lets_in_every_caller() -> None:
    _replace(route_guards, "_guarded", lambda app, *_: app)


def believes_every_token() -> None:
    async def verify(_: TokenVerifier, token: str) -> Caller:
        claims = jwt.decode(token, options={"verify_signature": False})
        scopes = frozenset(claims["scope"].split())
        return Caller(claims.get("sub", ""), "", claims["jti"], scopes, token, "")

    _replace(TokenVerifier, "verify", verify)


def forgets_what_was_revoked() -> None:
    _replace(TokenVerifier, "_add_revocations", lambda *_: None)


def believes_that_a_scope_is_covered() -> None:
    _replace(Caller, "may", lambda *_: True)


def lets_an_old_version_win() -> None:
    _replace(thread_projection, "apply_post", lambda _, now: now)


def never_asks_for_what_was_lost() -> None:
    _replace(Inbox, "_poll", _nothing)


def retries_poison() -> None:
    async def reject(*_: Any) -> None:
        raise RuntimeError("poison")

    _replace(Inbox, "_reject", reject)


def fails_at_an_unknown_type() -> None:
    handle = events.Handlers.handle

    async def fail(self: events.Handlers, event: events.CloudEvent) -> None:
        if event.type not in self._by_type:
            raise RuntimeError(event.type)
        await handle(self, event)

    _replace(events.Handlers, "handle", fail)


def believes_every_source() -> None:
    handle = events.Handlers.handle

    async def believe(self: events.Handlers, event: events.CloudEvent) -> None:
        known = self._by_type.get(event.type)
        if known is not None:
            event = event.model_copy(update={"source": known[0].producer})
        await handle(self, event)

    _replace(events.Handlers, "handle", believe)


def forgets_dead_letters() -> None:
    _replace(DeadLetters, "add", _nothing)


def keeps_no_journal() -> None:
    async def write(self: Journal, _: Any, document: Any = None) -> None:
        if document is not None:
            await self._state.transact([document])

    _replace(Journal, "write", write)


def answers_no_changes() -> None:
    async def changes(_: Outbox, __: str, after: int, *___: Any) -> tuple[list[Any], int]:
        return [], after

    _replace(Outbox, "changes_since", changes)


def tells_another_source() -> None:
    event = Outbox._event

    def lie(self: Outbox, key: str, envelope: dict[str, Any]) -> dict[str, Any] | None:
        made = event(self, key, envelope)
        return made and made | {"source": "somebody"}

    _replace(Outbox, "_event", lie)


FAULTS: Mapping[str, tuple[Callable[[], None], str]] = {
    each.__name__: (each, test)
    for each, test in (
        (accepts_requests_without_a_token, "test_only_the_sidecar_is_let_in"),
        (lets_in_every_caller, "test_a_caller_that_is_not_named_is_refused"),
        (believes_every_token, "test_a_token_that_is_not_valid_is_refused"),
        (forgets_what_was_revoked, "test_a_revoked_token_is_refused_within_seconds"),
        (believes_that_a_scope_is_covered, "test_a_token_without_the_scope_is_refused"),
        (lets_an_old_version_win, "test_a_story_has_its_effect and in_reverse_order"),
        (never_asks_for_what_was_lost, "test_it_asks_for_what_the_broker_lost"),
        (retries_poison, "test_poison_stops_nothing"),
        (fails_at_an_unknown_type, "test_what_is_newer_than_the_service_is_ignored"),
        (believes_every_source, "test_poison_stops_nothing"),
        (forgets_dead_letters, "test_what_the_sidecar_gives_up_is_kept"),
        (keeps_no_journal, "test_a_death_loses_nothing_that_it_has_to_tell"),
        (answers_no_changes, "test_what_it_tells_can_be_asked_for"),
        (tells_another_source, "test_what_it_tells_is_an_event_of_its_schema"),
    )
}
"""Each fault, and the test that finds it."""


def main() -> None:
    """Plant a fault, and run the service."""
    fault, module = sys.argv[1:]
    plant, _ = FAULTS[fault]
    plant()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
