"""Notifications."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from services.chassis.storage.window import Window
from services.clients.notifications import NotificationFilter
from services.contracts import notifications as contracts
from services.gateway.application.notifications import first_visible_page, people_and_posts
from services.gateway.graphql.connections import Connection, page, probe
from services.gateway.graphql.context import Context
from services.gateway.graphql.schema.people import Person
from services.gateway.graphql.schema.posts import Post
from services.gateway.graphql.schema.scalars import Time
from services.gateway.presentation.renderer import Row


@strawberry.enum(description="The type of a notification.")
class NotificationType(Enum):
    FOLLOW = "follow"
    FOLLOW_REQUEST = "follow_request"
    FAVOURITE = "favourite"
    REBLOG = "reblog"
    MENTION = "mention"
    STATUS = "status"
    ORDER = "order"
    PAYMENT = "payment"


@strawberry.type(description="A notification.")
class Notification:
    id: strawberry.ID
    type: str = strawberry.field(description="A NotificationType in lower case, or a newer type.")
    created_at: Time
    person: Person = strawberry.field(description="The person who caused it.")
    post: Post | None = strawberry.field(description="The post that it is about.")
    order_id: strawberry.ID | None = strawberry.field(
        description="The order that it is about. Lists have such notifications on request only."
    )
    what: str | None = strawberry.field(description="The event of the order or its payment.")


async def visible_notifications(context: Context, rows: Sequence[Row]) -> list[Notification]:
    """Notifications, without those whose post or person the caller cannot see."""
    people, views = await people_and_posts(
        context.reads.posts,
        context.loaders.people,
        context.me,
        [row["account"] for row in rows],
        [row["post"] for row in rows],
    )
    context.loaders.prime(people)
    found = []
    for row in rows:
        source = contracts.Notification.model_validate(row)
        view = views.get(source.post) if source.post else None
        if source.account not in people or (source.post and view is None):
            continue
        found.append(
            Notification(
                id=strawberry.ID(source.id),
                type=source.type,
                created_at=Time(source.created_at),
                person=Person.of(people[source.account], context),
                post=Post.of(view, context) if view else None,
                order_id=strawberry.ID(source.order) if source.order else None,
                what=source.what or None,
            )
        )
    return found


async def notifications(
    context: Context, wanted: Window, filters: NotificationFilter
) -> Connection[Notification]:
    """A page of notifications. Pages with nothing to show are skipped, as REST does."""

    async def fetch(part: Window) -> Row:
        return await context.reads.notifications.notifications(context.me, part, filters)

    async def show(found: Row) -> tuple[list[Notification], bool]:
        nodes = await visible_notifications(context, found["notifications"])
        return nodes, bool(nodes)

    def more(part: Window, found: Row) -> str:
        return part.next_cursor([[row["id"]] for row in found["notifications"]])

    asked = probe(wanted)
    visible = await first_visible_page(asked, fetch, show, lambda *page: not more(*page))
    rows = [(str(node.id), node) for node in visible.shown]
    found = visible.found
    return page(rows, wanted, more(asked, found), first=visible.first, last=found["last"])
