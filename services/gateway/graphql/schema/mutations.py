"""The mutation type. The fields of one mutation are executed in sequence."""

from __future__ import annotations

import strawberry

from services.clients.paths import numeric_id
from services.contracts.notifications import NewMarker, NewMarkers
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.account_mutations import AccountMutations
from services.gateway.graphql.schema.catalog_mutations import CatalogMutations
from services.gateway.graphql.schema.conversations import Conversation, mark_conversation
from services.gateway.graphql.schema.order_mutations import OrderMutations
from services.gateway.graphql.schema.post_mutations import _POSTING, PostMutations


@strawberry.type
class Mutation(CatalogMutations, OrderMutations, AccountMutations, PostMutations):
    # ── posts ───────────────────────────────────────────────────────────────────────────────

    # ── people ──────────────────────────────────────────────────────────────────────────────

    # ── conversations ───────────────────────────────────────────────────────────────────────

    @mutation("Mark a conversation as read or unread.", require_user("write:conversations"))
    async def read_conversation(
        self, info: Info, id: strawberry.ID, read: bool = True
    ) -> Conversation | None:
        return await mark_conversation(info.context, id, read=read)

    @mutation(
        "Remove a conversation for the caller, until another post is written in it.",
        require_user("write:conversations"),
    )
    async def remove_conversation(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.changes.feed.remove_conversation(id, info.context.me)
        return id

    # ── notifications ───────────────────────────────────────────────────────────────────────

    @mutation("Dismiss a notification.", require_user("write:notifications"))
    async def dismiss_notification(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.changes.notifications.dismiss(id, info.context.me)
        return id

    @mutation("Dismiss all notifications.", require_user("write:notifications"))
    async def clear_notifications(self, info: Info) -> bool | None:
        await info.context.changes.notifications.clear(info.context.me)
        return True

    @mutation("Set the newest notification that the caller has read.", require_user(_POSTING))
    async def read_notifications(
        self, info: Info, last_read_id: strawberry.ID
    ) -> strawberry.ID | None:
        read = NewMarker.model_construct(last_read_id=numeric_id(last_read_id))
        new = NewMarkers.model_construct(notifications=read)
        await info.context.changes.notifications.move_markers(new, info.context.me)
        return last_read_id
