"""What can be asked for."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import strawberry

from services.chassis.errors import Invalid, NotFound
from services.contracts.accounts import OwnAccount
from services.gateway.application.identifiers import numeric_id
from services.gateway.application.people import local_username
from services.gateway.graphql.connections import (
    MAX_ACCOUNTS,
    MAX_POSTS,
    After,
    Before,
    Connection,
    First,
    Last,
    PageInfo,
    connection,
    offset,
    page,
    window,
)
from services.gateway.graphql.permissions import Context, Info, field, optional_user, require_user
from services.gateway.graphql.schema.catalog import Product, Shop, products, shop_of, shops
from services.gateway.graphql.schema.conversations import Conversation, conversations
from services.gateway.graphql.schema.notifications import (
    Notification,
    NotificationType,
    notifications,
)
from services.gateway.graphql.schema.orders import OrderQueries
from services.gateway.graphql.schema.scalars import Visibility
from services.gateway.graphql.schema.types import (
    Person,
    Post,
    interaction_page,
    people_page,
    timeline,
)
from services.gateway.presentation.renderer import Row
from services.shared.hashtags import normal_tag

_MAX_IDS = 80
_MAX_COUNT = 100

Ids = Annotated[list[strawberry.ID], strawberry.argument(description="At most 80.")]


@strawberry.type(description="The caller, with what is for them alone.")
class Viewer:
    person: Person
    follow_requests_count: int
    default_visibility: Visibility
    default_sensitive: bool
    default_language: str | None
    note: str = strawberry.field(description="What they say of themselves, as it was typed.")


@strawberry.type(description="Every list is newest first.")
class Query(OrderQueries):
    @field("Whose token this is.", require_user("read:accounts"))
    async def viewer(self, info: Info) -> Viewer | None:
        context = info.context
        return viewer_of(await context.loaders.ask("users", "accounts/me", context.me), context)

    @field("Somebody, by id or by username.", optional_user("read:accounts"))
    async def person(
        self, info: Info, id: strawberry.ID | None = None, username: str | None = None
    ) -> Person | None:
        context = info.context
        if (id is None) == (username is None):
            raise Invalid("A person is asked for by id or by username.")
        wanted = numeric_id(id) if id is not None else await _id_of(context, username or "")
        found = await context.loaders.people([wanted])
        if wanted not in found:
            raise NotFound("There is no such person.")
        return Person.of(found[wanted], context)

    @field("Those of some people that exist.", optional_user("read:accounts"))
    async def people(self, info: Info, ids: Ids) -> list[Person] | None:
        wanted = _ids(ids)
        found = await info.context.loaders.people(wanted)
        return [Person.of(found[id], info.context) for id in wanted if id in found]

    @field("People by the beginning of a name.", require_user("read:accounts"))
    async def search_people(
        self, info: Info, query: str, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        context = info.context
        size, skipped = offset(first, after, MAX_ACCOUNTS)
        rows = await context.gateway.people.search(query[:200], context.me, size + 1, skipped)
        people = [Person.of(row, context) for row in rows[:size]]
        cursors = [str(skipped + n + 1) for n in range(len(people))]
        return connection(
            list(zip(cursors, people, strict=True)),
            PageInfo(
                has_next_page=len(rows) >= min(size + 1, MAX_ACCOUNTS),  # no more are given at once
                has_previous_page=skipped > 0,
                start_cursor=cursors[0] if cursors else None,
                end_cursor=cursors[-1] if cursors else None,
            ),
        )

    @field("A post.", optional_user("read:statuses"))
    async def post(self, info: Info, id: strawberry.ID) -> Post | None:
        wanted = numeric_id(id)
        found = await info.context.loaders.posts([wanted])
        if wanted not in found:
            raise NotFound("There is no such post.")
        return Post.of(found[wanted], info.context)

    @field("Those of some posts that the caller may see.", optional_user("read:statuses"))
    async def posts(self, info: Info, ids: Ids) -> list[Post] | None:
        wanted = _ids(ids)
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

    @field("Whom the caller blocks.", require_user("read:blocks"))
    async def blocks(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        return await people_page(
            info.context, "blocks", window(first, after, None, None, MAX_ACCOUNTS)
        )

    @field("Whom the caller mutes.", require_user("read:mutes"))
    async def mutes(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        return await people_page(
            info.context, "mutes", window(first, after, None, None, MAX_ACCOUNTS)
        )

    @field("Who asks to follow the caller.", require_user("read:follows"))
    async def follow_requests(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        return await people_page(info.context, "follow_requests", rows)

    @field("What the caller was told of.", require_user("read:notifications"))
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
        "What the caller and others wrote to one another, by the newest post of each.",
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
        "How many notifications the caller has not read, 100 at most.",
        require_user("read:notifications"),
    )
    async def unread_notifications(
        self,
        info: Info,
        types: list[NotificationType] | None = None,
        exclude_types: list[NotificationType] | None = None,
    ) -> int | None:
        context = info.context
        asked = {"limit": str(_MAX_COUNT)} | _type_filter(types, exclude_types)
        found = await context.loaders.ask(
            "notifications", "notifications/unread", context.me, params=asked
        )
        return int(found["count"])

    @field("A shop.", optional_user("read:shop"))
    async def shop(self, info: Info, id: strawberry.ID) -> Shop | None:
        found = await shop_of(info.context, numeric_id(id))
        if found is None:
            raise NotFound("There is no such shop.")
        return found

    @field("Everybody's shops.", optional_user("read:shop"))
    async def shops(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Shop] | None:
        return await shops(info.context, first, after)

    @field("A product.", optional_user("read:shop"))
    async def product(self, info: Info, id: strawberry.ID) -> Product | None:
        wanted = numeric_id(id)
        found = await info.context.loaders.products([wanted])
        if wanted not in found:
            raise NotFound("There is no such product.")
        return Product.of(found[wanted], info.context)

    @field("What is sold: everything, or what some words are about.", optional_user("read:shop"))
    async def products(
        self,
        info: Info,
        query: str | None = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Product] | None:
        return await products(info.context, first, after, q=(query or "")[:200])


def viewer_of(row: Row, context: Context) -> Viewer:
    """Somebody's own account, for them alone."""
    own = OwnAccount.model_validate(row)
    profile = own.profile
    return Viewer(
        person=Person.of(row, context),
        follow_requests_count=own.follow_requests,
        default_visibility=Visibility(profile.default_visibility),
        default_sensitive=profile.default_sensitive,
        default_language=profile.default_language or None,
        note=profile.note,
    )


async def _id_of(context: Context, username: str) -> str:
    name = local_username(username[:200], context.gateway.urls.host)
    if not name:
        raise NotFound("There is nobody of that name here.")
    found = await context.loaders.ask("users", "lookups", method="POST", json={"usernames": [name]})
    for row in found.values():
        if row["profile"]["username"].lower() == name.lower():
            id: str = row["profile"]["id"]
            context.loaders.prime({id: row})
            return id
    raise NotFound("There is nobody of that name here.")


def _ids(given: list[strawberry.ID]) -> list[str]:
    if len(given) > _MAX_IDS:
        raise Invalid(f"At most {_MAX_IDS} ids can be asked for at once.")
    return [numeric_id(id) for id in dict.fromkeys(given)]


def _media(only: bool) -> dict[str, str]:
    return {"only_media": "true"} if only else {}


def _type_filter(
    types: list[NotificationType] | None, excluded: list[NotificationType] | None
) -> dict[str, str]:
    named = {"types": types, "exclude_types": excluded}
    return {name: ",".join(kind.value for kind in kinds) for name, kinds in named.items() if kinds}
