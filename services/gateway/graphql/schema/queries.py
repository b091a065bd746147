"""The query type."""

from __future__ import annotations

import strawberry

from services.clients.notifications import NotificationFilter
from services.gateway.graphql.connections import (
    MAX_ACCOUNTS,
    MAX_POSTS,
    After,
    Before,
    Connection,
    First,
    Last,
    window,
)
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import field, require_user
from services.gateway.graphql.schema.account_queries import AccountQueries
from services.gateway.graphql.schema.catalog_queries import CatalogQueries
from services.gateway.graphql.schema.conversations import Conversation, conversations
from services.gateway.graphql.schema.notifications import (
    Notification,
    NotificationType,
    notifications,
)
from services.gateway.graphql.schema.orders import OrderQueries
from services.gateway.graphql.schema.post_queries import PostRootQueries

_MAX_COUNT = 100


@strawberry.type(description="All lists are newest first.")
class Query(OrderQueries, AccountQueries, PostRootQueries, CatalogQueries):
    @field("The caller's notifications.", require_user("read:notifications"))
    async def notifications(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        types: list[NotificationType] | None = None,
        exclude_types: list[NotificationType] | None = None,
    ) -> Connection[Notification] | None:
        rows = window(first, after, last, before, MAX_ACCOUNTS)
        return await notifications(info.context, rows, _type_filter(types, exclude_types))

    @field(
        "The caller's conversations, by their newest posts.",
        require_user("read:statuses"),
    )
    async def conversations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Conversation] | None:
        return await conversations(info.context, window(first, after, last, before, MAX_POSTS))

    @field(
        "The number of unread notifications, at most 100.",
        require_user("read:notifications"),
    )
    async def unread_notifications(
        self,
        info: Info,
        types: list[NotificationType] | None = None,
        exclude_types: list[NotificationType] | None = None,
    ) -> int | None:
        context = info.context
        filters = _type_filter(types, exclude_types)
        found = await context.reads.notifications.unread_count(context.me, _MAX_COUNT, filters)
        return found["count"]


def _type_filter(
    types: list[NotificationType] | None, excluded: list[NotificationType] | None
) -> NotificationFilter:
    chosen: NotificationFilter = {}
    if types:
        chosen["types"] = ",".join(kind.value for kind in types)
    if excluded:
        chosen["exclude_types"] = ",".join(kind.value for kind in excluded)
    return chosen
