"""Conversations."""

from __future__ import annotations

import strawberry

from services.chassis.storage.window import Window
from services.gateway.graphql.connections import Connection, page, probe
from services.gateway.graphql.context import Context
from services.gateway.graphql.schema.people import Person
from services.gateway.graphql.schema.posts import Post
from services.gateway.presentation.renderer import Row


@strawberry.type(description="The direct posts of the same people in one thread.")
class Conversation:
    id: strawberry.ID
    unread: bool
    people: list[Person] = strawberry.field(
        description="The other people, or the caller if there is nobody else."
    )
    last_post: Post = strawberry.field(description="The newest post that the caller may see.")


def conversation(view: Row, accounts: Row, context: Context) -> Conversation:
    """A conversation from a `ConversationView`."""
    context.loaders.prime(dict(accounts))
    return Conversation(
        id=strawberry.ID(view["id"]),
        unread=view["unread"],
        people=[Person.of(accounts[id], context) for id in view["people"] if id in accounts],
        last_post=Post.of(view["last"], context),
    )


async def conversations(context: Context, wanted: Window) -> Connection[Conversation]:
    """A page of the caller's conversations."""
    found = await context.reads.feed.conversations(context.me, probe(wanted))
    rows = [
        (view["place"], conversation(view, found["accounts"], context))
        for view in found["conversations"]
    ]
    return page(rows, wanted, found["more"], first=found["first"], last=found["last"])


async def mark_conversation(context: Context, id: str, *, read: bool) -> Conversation:
    """Mark a conversation as read or unread."""
    found = await context.changes.feed.mark_conversation(id, context.me, read=read)
    return conversation(found["conversations"][0], found["accounts"], context)
