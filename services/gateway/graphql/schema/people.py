"""People and relationships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from services.chassis.storage.window import Window
from services.clients.feed import account_timeline
from services.clients.json_types.accounts import AccountListJson
from services.contracts import accounts
from services.gateway.graphql.connections import (
    MAX_ACCOUNTS,
    MAX_POSTS,
    After,
    Before,
    Connection,
    First,
    Last,
    page,
    probe,
    window,
)
from services.gateway.graphql.context import Context
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.scalars import ProfileField, Time
from services.gateway.presentation.entities import people
from services.gateway.presentation.renderer import Row
from services.shared.hashtags import normal_tag

if TYPE_CHECKING:
    from services.gateway.graphql.schema.catalog import Shop
    from services.gateway.graphql.schema.posts import Post

_READING_POSTS = "read:statuses"


@strawberry.type(description="The caller's relationship to a person.")
class Relationship:
    context: strawberry.Private[Context]
    id: strawberry.ID
    following: bool
    requested: bool
    requested_by: bool
    followed_by: bool
    showing_reblogs: bool
    notifying: bool
    blocking: bool
    blocked_by: bool
    muting: bool
    muting_notifications: bool
    muting_expires_at: Time | None
    note: str

    @field("The other person.", optional_user("read:accounts"))
    async def person(self) -> Person | None:
        return await person_of(self.context, self.id)

    @classmethod
    def of(cls, row: Row, context: Context) -> Relationship:
        """From a row of the users service."""
        source = accounts.Relationship.model_validate(row)
        return cls(
            context=context,
            id=strawberry.ID(source.id),
            following=source.following,
            requested=source.requested,
            requested_by=source.requested_by,
            followed_by=source.followed_by,
            showing_reblogs=source.showing_reblogs,
            notifying=source.notifying,
            blocking=source.blocking,
            blocked_by=source.blocked_by,
            muting=source.muting,
            muting_notifications=source.muting_notifications,
            muting_expires_at=Time(until) if (until := source.muting_expires_at) else None,
            note=source.note,
        )


@strawberry.type(description="A person. A suspended one shows only the username.")
class Person:
    shown: strawberry.Private[accounts.Profile]
    context: strawberry.Private[Context]
    id: strawberry.ID
    username: str
    display_name: str
    locked: bool
    bot: bool
    discoverable: bool
    suspended: bool
    created_at: Time
    avatar_url: str
    header_url: str
    url: str
    followers_count: int
    following_count: int
    posts_count: int
    last_post_on: str | None = strawberry.field(description="A date.")

    @classmethod
    def of(cls, row: Row, context: Context) -> Person:
        """From a row of the users service or the feed."""
        source, at = accounts.Account.model_validate(row), context.gateway.urls
        profile, counts = people.public_profile(source.profile), source.counts
        return cls(
            shown=profile,
            context=context,
            id=strawberry.ID(profile.id),
            username=profile.username,
            display_name=profile.display_name,
            locked=profile.locked,
            bot=profile.bot,
            discoverable=profile.discoverable,
            suspended=profile.suspended,
            created_at=Time(profile.created_at),
            avatar_url=at.avatar(profile.avatar),
            header_url=at.header(profile.header),
            url=at.account(profile.username),
            followers_count=counts.followers,
            following_count=counts.following,
            posts_count=counts.statuses,
            last_post_on=counts.last_status_at,
        )

    @field("The note of the profile as HTML.")
    def note_html(self) -> str:
        return self.context.gateway.html.paragraphs(
            self.shown.note, people.mention_names(self.shown)
        )

    @field("The fields of the profile; values are HTML.")
    def fields(self) -> list[ProfileField]:
        names = people.mention_names(self.shown)
        return [
            ProfileField(
                name=line.name,
                value=self.context.gateway.html.line(line.value, names),
                verified_at=line.verified_at,
            )
            for line in self.shown.fields
        ]

    @field("The caller's relationship to them.", require_user("read:follows"))
    async def relationship(self) -> Relationship | None:
        found = await self.context.loaders.relationships([self.id])
        return Relationship.of(found[self.id], self.context) if self.id in found else None

    @field("The posts that the caller may see.", optional_user(_READING_POSTS))
    async def posts(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        only_media: bool = False,
        exclude_replies: bool = False,
        exclude_reblogs: bool = False,
        tagged: str | None = None,
    ) -> (
        Connection[Annotated[Post, strawberry.lazy("services.gateway.graphql.schema.posts")]] | None
    ):
        if tagged:
            tagged = normal_tag(tagged[:100].removeprefix("#")) or tagged[:100]
        timeline = account_timeline(
            self.id,
            only_media=only_media,
            exclude_replies=exclude_replies,
            exclude_reblogs=exclude_reblogs,
            tagged=tagged or "",
        )
        rows = window(first, after, last, before, MAX_POSTS)
        return await self.context.resolvers.timeline(timeline, rows)

    @field("The pinned posts, the newest pin first.", optional_user(_READING_POSTS))
    async def pinned_posts(
        self,
    ) -> list[Annotated[Post, strawberry.lazy("services.gateway.graphql.schema.posts")]] | None:
        return await self.context.resolvers.pinned_posts(self.id)

    @field("The shops.", optional_user("read:shop"))
    async def shops(
        self, first: First = None, after: After = None
    ) -> (
        Connection[Annotated[Shop, strawberry.lazy("services.gateway.graphql.schema.catalog")]]
        | None
    ):
        return await self.context.resolvers.shops_of(self.id, first, after)

    @field("The followers.", optional_user("read:accounts"))
    async def followers(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Person] | None:
        rows = window(first, after, last, before, MAX_ACCOUNTS)
        context = self.context
        found = await context.reads.users.followers(self.id, context.caller, probe(rows))
        return people_of(found, rows, context)

    @field("The people that they follow.", optional_user("read:accounts"))
    async def following(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Person] | None:
        rows = window(first, after, last, before, MAX_ACCOUNTS)
        context = self.context
        found = await context.reads.users.following(self.id, context.caller, probe(rows))
        return people_of(found, rows, context)


async def person_of(context: Context, id: str) -> Person | None:
    """A person by the id of another row."""
    found = await context.loaders.people([id])
    return Person.of(found[id], context) if id in found else None


def people_of(found: AccountListJson, wanted: Window, context: Context) -> Connection[Person]:
    """A page of people that the users service lists."""
    nodes = [Person.of(row, context) for row in found["accounts"]]
    return page(list(zip(found["ids"], nodes, strict=True)), wanted, found["more"])
