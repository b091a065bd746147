"""Queries of posts and timelines."""

from __future__ import annotations

from urllib.parse import quote

import strawberry

from services.chassis.errors import NotFound
from services.gateway.application.identifiers import numeric_id
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
    window,
)
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.posts import Post, interaction_page, timeline
from services.shared.hashtags import normal_tag


@strawberry.type
class TimelineQueries:
    @field("A post.", optional_user("read:statuses"))
    async def post(self, info: Info, id: strawberry.ID) -> Post | None:
        wanted = numeric_id(id)
        found = await info.context.loaders.posts([wanted])
        if wanted not in found:
            raise NotFound("There is no such post.")
        return Post.of(found[wanted], info.context)

    @field("Those of some posts that the caller may see.", optional_user("read:statuses"))
    async def posts(self, info: Info, ids: Ids) -> list[Post] | None:
        wanted = checked_ids(ids)
        found = await info.context.loaders.posts(wanted)
        return [Post.of(found[id], info.context) for id in wanted if id in found]

    @field(
        "The posts of all whom the caller follows, and their own.", require_user("read:statuses")
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
        return await timeline(info.context, "timelines/home", rows)

    @field("Everybody's public posts.", optional_user("read:statuses"))
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
        return await timeline(info.context, "timelines/public", rows, **_media(only_media))

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
        path = f"timelines/tags/{quote(name)}"
        return await timeline(info.context, path, rows, **_media(only_media))

    @field("What the caller likes, the newest like first.", require_user("read:favourites"))
    async def favourites(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Post] | None:
        return await interaction_page(
            info.context, "favourites", window(first, after, None, None, MAX_POSTS)
        )

    @field("What the caller keeps, the newest first.", require_user("read:bookmarks"))
    async def bookmarks(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Post] | None:
        return await interaction_page(
            info.context, "bookmarks", window(first, after, None, None, MAX_POSTS)
        )


def _media(only: bool) -> dict[str, str]:
    return {"only_media": "true"} if only else {}
