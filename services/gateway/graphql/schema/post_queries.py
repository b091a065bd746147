"""Queries of posts and timelines."""

from __future__ import annotations

import strawberry

from services.chassis.errors import NotFound
from services.clients.feed import HOME, public_timeline, tag_timeline
from services.clients.paths import numeric_id
from services.gateway.graphql.connections import (
    MAX_POSTS,
    After,
    Before,
    Connection,
    First,
    Ids,
    Last,
    checked_ids,
    page,
    probe,
    window,
)
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.posts import Post, posts_of, timeline
from services.shared.hashtags import normal_tag


@strawberry.type
class PostRootQueries:
    @field("A post.", optional_user("read:statuses"))
    async def post(self, info: Info, id: strawberry.ID) -> Post | None:
        wanted = numeric_id(id)
        found = await info.context.loaders.posts([wanted])
        if wanted not in found:
            raise NotFound("There is no such post.")
        return Post.of(found[wanted], info.context)

    @field("The posts that the caller may see, of some ids.", optional_user("read:statuses"))
    async def posts(self, info: Info, ids: Ids) -> list[Post] | None:
        wanted = checked_ids(ids)
        found = await info.context.loaders.posts(wanted)
        return [Post.of(found[id], info.context) for id in wanted if id in found]

    @field(
        "The posts of the caller and of the people that they follow.", require_user("read:statuses")
    )
    async def home(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Post] | None:
        rows = window(first, after, last, before, MAX_POSTS)
        return await timeline(info.context, HOME, rows)

    @field("All public posts.", optional_user("read:statuses"))
    async def public_posts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        only_media: bool = False,
    ) -> Connection[Post] | None:
        rows = window(first, after, last, before, MAX_POSTS)
        return await timeline(info.context, public_timeline(only_media=only_media), rows)

    @field("Public posts with a hashtag.", optional_user("read:statuses"))
    async def tagged_posts(
        self,
        info: Info,
        tag: str,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        only_media: bool = False,
    ) -> Connection[Post] | None:
        rows = window(first, after, last, before, MAX_POSTS)
        name = normal_tag(tag[:200].removeprefix("#"))
        if not name:
            return page([], rows, "")
        return await timeline(info.context, tag_timeline(name, only_media=only_media), rows)

    @field("The caller's favourites, the newest first.", require_user("read:favourites"))
    async def favourites(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Post] | None:
        context, rows = info.context, window(first, after, None, None, MAX_POSTS)
        found = await context.reads.posts.favourites(context.me, probe(rows))
        return posts_of(found, rows, context)

    @field("The caller's bookmarks, the newest first.", require_user("read:bookmarks"))
    async def bookmarks(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Post] | None:
        context, rows = info.context, window(first, after, None, None, MAX_POSTS)
        found = await context.reads.posts.bookmarks(context.me, probe(rows))
        return posts_of(found, rows, context)
