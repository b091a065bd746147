"""Posts: comments and boosts are posts too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import strawberry

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window
from services.clients.feed import Timeline
from services.clients.json_types.posts import PostListJson, ReactorsJson, ThreadJson
from services.clients.paths import numeric_id
from services.contracts import posts as contracts
from services.gateway.graphql.connections import (
    MAX_ACCOUNTS,
    MAX_POSTS,
    After,
    Connection,
    First,
    PageInfo,
    connection,
    page,
    probe,
    window,
)
from services.gateway.graphql.context import Context
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.people import Person, person_of
from services.gateway.graphql.schema.scalars import ShownPicture, Tag, Time, Version, Visibility
from services.gateway.presentation.entities import posts
from services.gateway.presentation.renderer import Row

if TYPE_CHECKING:
    from services.gateway.graphql.schema.catalog import Product


_READING_POSTS = "read:statuses"
_MAX_THREAD = 1_024
"""The largest number of comments of a thread."""


@strawberry.type(description="A post, a comment (a post that answers another), or a boost.")
class Post:
    view: strawberry.Private[contracts.PostView]
    context: strawberry.Private[Context]
    id: strawberry.ID
    spoiler_text: str
    visibility: Visibility
    sensitive: bool
    language: str | None
    created_at: Time
    edited_at: Time | None
    application: str | None
    in_reply_to_id: strawberry.ID | None
    favourites_count: int
    reblogs_count: int
    comments_count: int
    favourited: bool = strawberry.field(description="By the caller, like the next three.")
    bookmarked: bool
    reblogged: bool
    pinned: bool

    @classmethod
    def of(cls, row: Row, context: Context) -> Post:
        """From a row of the posts service or the feed."""
        view = contracts.PostView.model_validate(row)
        post, counts = view.post, view.counts
        return cls(
            view=view,
            context=context,
            id=strawberry.ID(post.id),
            spoiler_text=post.spoiler_text,
            visibility=Visibility(post.visibility),
            sensitive=post.sensitive,
            language=post.language,
            created_at=Time(post.created_at),
            edited_at=Time(post.edited_at) if post.edited_at else None,
            application=post.application or None,
            in_reply_to_id=strawberry.ID(post.in_reply_to_id) if post.in_reply_to_id else None,
            favourites_count=counts.favourites,
            reblogs_count=counts.reblogs,
            comments_count=counts.replies,
            favourited=view.favourited,
            bookmarked=view.bookmarked,
            reblogged=view.reblogged,
            pinned=view.pinned,
        )

    @property
    def shown_id(self) -> str:
        """The id of the post, or of the boosted post."""
        return (self.view.reblog or self.view).post.id

    @field("The author; null while a deleted account is being removed.")
    async def author(self) -> Person | None:
        return await person_of(self.context, self.view.post.author)

    @field("The text as HTML.")
    def html(self) -> str:
        post = self.view.post
        return posts.content_html(post, post.text, self.context.gateway.html)

    @field("The plain text.", require_user(_READING_POSTS))
    def text(self) -> str | None:
        return self.view.post.text

    @field("The URL of its page.")
    async def url(self) -> str | None:
        author = await person_of(self.context, self.view.post.author)
        return self.context.gateway.urls.post(author.username, self.id) if author else None

    @field("The pictures.")
    def pictures(self) -> list[ShownPicture]:
        return [
            ShownPicture.of(one, self.context.gateway.urls) for one in self.view.post.attachments
        ]

    @field("The hashtags.")
    def tags(self) -> list[Tag]:
        at = self.context.gateway.urls
        return [Tag(name=name, url=at.tag(name)) for name in self.view.post.tags]

    @field("The mentioned people.")
    async def mentions(self) -> list[Person] | None:
        ids = [mention.id for mention in self.view.post.mentions]
        found = await self.context.loaders.people(ids)
        return [Person.of(found[id], self.context) for id in ids if id in found]

    @field("The products that it shows, while they are sold.", optional_user("read:shop"))
    async def products(
        self,
    ) -> (
        list[Annotated[Product, strawberry.lazy("services.gateway.graphql.schema.catalog")]] | None
    ):
        ids = (self.view.reblog or self.view).post.product_ids
        return await self.context.resolvers.products(ids)

    @field("The boosted post, of a boost.")
    def reblog_of(self) -> Post | None:
        shown = self.view.reblog
        return Post.of(shown.model_dump(), self.context) if shown else None

    @field("The answered post, of a comment; null if the caller may not see it.")
    async def in_reply_to(self) -> Post | None:
        above = self.view.post.in_reply_to_id
        if not above:
            return None
        found = await self.context.loaders.posts([above])
        return Post.of(found[above], self.context) if above in found else None

    @field("The posts above it in the thread, topmost first.", optional_user(_READING_POSTS))
    async def ancestors(self) -> list[Post] | None:
        thread = await _thread(self.context, self.shown_id, 0)
        return await _thread_posts(self.context, self.shown_id, thread["ancestors"])

    @field(
        "All comments in reading order: each is followed by its own answers, the oldest "
        "first. Without comments of people that the caller blocks or mutes.",
        optional_user(_READING_POSTS),
    )
    async def comments(self, first: First = None, after: After = None) -> Connection[Post] | None:
        size = window(first, None, None, None, MAX_POSTS).limit
        start = numeric_id(after) if after else ""
        thread = await _thread(self.context, self.shown_id, _MAX_THREAD if start else size + 1)
        below = thread["descendants"]
        if start and start not in below:
            raise Invalid("The comment of this cursor no longer exists.")
        rest = below[below.index(start) + 1 :] if start else below
        wanted = rest[:size]
        shown = await _thread_posts(self.context, self.shown_id, wanted)
        return connection(
            [(post.id, post) for post in shown],
            PageInfo(
                has_next_page=len(rest) > size,
                has_previous_page=bool(start),
                start_cursor=wanted[0] if wanted else None,
                end_cursor=wanted[-1] if wanted else None,
            ),
        )

    @field("The people that favourited it.", optional_user(_READING_POSTS))
    async def favourited_by(
        self, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        context = self.context
        found = await context.reads.posts.favourited_by(self.id, context.caller, probe(rows))
        return await _interacting_people(context, found, rows)

    @field("The people that boosted it.", optional_user(_READING_POSTS))
    async def reblogged_by(
        self, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        context = self.context
        found = await context.reads.posts.reblogged_by(self.id, context.caller, probe(rows))
        return await _interacting_people(context, found, rows)

    @field("All versions, the oldest first.", optional_user(_READING_POSTS))
    async def history(self) -> list[Version] | None:
        context = self.context
        rows = await context.reads.posts.history(self.id, context.caller)
        return [self._version(contracts.PostVersion.model_validate(row)) for row in rows]

    def _version(self, source: contracts.PostVersion) -> Version:
        gateway, post = self.context.gateway, (self.view.reblog or self.view).post
        return Version(
            html=posts.content_html(post, source.text, gateway.html),
            spoiler_text=source.spoiler_text,
            sensitive=source.sensitive,
            pictures=[ShownPicture.of(one, gateway.urls) for one in source.attachments],
            created_at=Time(source.created_at),
        )


async def timeline(context: Context, which: Timeline, wanted: Window) -> Connection[Post]:
    """A page of a timeline, with its people."""
    found = await context.reads.feed.timeline(which, context.caller, probe(wanted))
    context.loaders.prime(found["accounts"])
    rows = [(view["post"]["id"], Post.of(view, context)) for view in found["views"]]
    return page(rows, wanted, found["more"], first=found["first"], last=found["last"])


async def pinned_posts(context: Context, account_id: str) -> list[Post]:
    """The posts that an account pinned, the newest pin first."""
    views = await context.reads.posts.pins(account_id, context.caller)
    return [Post.of(view, context) for view in views]


def posts_of(found: PostListJson, wanted: Window, context: Context) -> Connection[Post]:
    """A page of the caller's favourites or bookmarks."""
    nodes = [Post.of(view, context) for view in found["views"]]
    return page(list(zip(found["ids"], nodes, strict=True)), wanted, found["more"])


async def _interacting_people(
    context: Context, found: ReactorsJson, wanted: Window
) -> Connection[Person]:
    who = await context.loaders.people(found["accounts"])
    rows = [
        (id, Person.of(who[account], context))
        for id, account in zip(found["ids"], found["accounts"], strict=True)
        if account in who
    ]
    return page(rows, wanted, found["more"])


async def _thread(context: Context, id: str, descendants: int) -> ThreadJson:
    return await context.reads.comments.thread(id, context.caller, descendants=descendants)


async def _thread_posts(context: Context, id: str, ids: Sequence[str]) -> list[Post]:
    """The posts of a thread that the caller may see."""
    if not ids:
        return []
    views = await context.reads.posts.views(ids, context.caller, around=id)
    return [Post.of(view, context) for view in views]
