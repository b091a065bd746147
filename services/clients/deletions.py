"""Confirms deletions of accounts with auth, before a consumer erases anything.

An event is only the news of a deletion. Auth keeps the deleted login for good, so it can always
say whether that happened, also of old events. A forged event destroys nothing.
"""

from __future__ import annotations

from typing import TypeVar

from services.chassis.consuming.events import Event, EventHandler, PoisonMessage, require_id
from services.clients.auth import AuthClient
from services.clients.base import JsonInvoker
from services.contracts.accounts import Profile
from services.contracts.logins import Login

M = TypeVar("M", Profile, Login)


def confirm_deletions(invoker: JsonInvoker, handler: EventHandler[M]) -> EventHandler[M]:
    """A handler that is called for a deletion only if auth confirms it.

    Costs one call of auth for each deletion, and none for other events. Without an answer the event
    is retried. It is poison if auth does not know of the deletion.
    """
    auth = AuthClient(invoker)

    async def on(event: Event[M]) -> None:
        if event.data.deleted:
            users = {event.subject_id, _user_of(event.data)}
            if set((await auth.deleted_users(users)).user_ids) != users:
                raise PoisonMessage(f"{event.subject}: auth did not delete this user.")
        await handler(event)

    return on


def _user_of(data: Profile | Login) -> str:
    return require_id(data.id if isinstance(data, Profile) else data.user_id)
