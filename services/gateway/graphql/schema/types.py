"""People and posts: what they are, and what leads from one to others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import strawberry

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window
from services.contracts import accounts
from services.contracts import posts as contracts
from services.gateway.application.identifiers import numeric_id
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
    page,
    probe,
    window,
)
from services.gateway.graphql.permissions import Context, field, optional_user, require_user
from services.gateway.graphql.schema.scalars import (
    Picture,
    ProfileField,
    Tag,
    Time,
    Version,
    Visibility,
)
from services.gateway.presentation.entities import people, posts
from services.gateway.presentation.renderer import Row
from services.shared.hashtags import normal_tag

if TYPE_CHECKING:
    from services.gateway.graphql.schema.catalog import Product, Shop

_READING_POSTS = "read:statuses"
_MAX_THREAD = 1_024
"""As many comments of a thread as there are to be had."""


@strawberry.type(description="How the caller stands to somebody.")
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

    @field("Whom this is about.", optional_user("read:accounts"))
    async def person(self) -> Person | None:
        return await person_of(self.context, self.id)

    @classmethod
    def of(cls, row: Row, context: Context) -> Relationship:
        """From what users says."""
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


@strawberry.type(description="Somebody. Of who is suspended only the name is shown.")
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
        """From what users or the feed says."""
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

    @field("What they say of themselves, as HTML.")
    def note_html(self) -> str:
        return self.context.gateway.html.paragraphs(
            self.shown.note, people.mention_names(self.shown)
        )

    @field("The table under their profile; values are HTML.")
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

    @field("How the caller stands to them.", require_user("read:follows"))
    async def relationship(self) -> Relationship | None:
        found = await self.context.loaders.relationships([self.id])
        return Relationship.of(found[self.id], self.context) if self.id in found else None

    @field("Their posts, as far as the caller may see them.", optional_user(_READING_POSTS))
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
    ) -> Connection[Post] | None:
        flags = {
            "only_media": only_media,
            "exclude_replies": exclude_replies,
            "exclude_reblogs": exclude_reblogs,
        }
        wanted = {name: "true" for name, on in flags.items() if on}
        if tagged:
            tagged = tagged[:100]
            wanted["tagged"] = normal_tag(tagged.removeprefix("#")) or tagged
        rows = window(first, after, last, before, MAX_POSTS)
        return await timeline(self.context, f"timelines/accounts/{self.id}", rows, **wanted)

    @field("What they pinned, the newest pin first.", optional_user(_READING_POSTS))
    async def pinned_posts(self) -> list[Post] | None:
        context = self.context
        views = await context.loaders.ask("posts", f"accounts/{self.id}/pins", context.caller)
        return [Post.of(view, context) for view in views]

    @field("Where they sell.", optional_user("read:shop"))
    async def shops(
        self, first: First = None, after: After = None
    ) -> (
        Connection[Annotated[Shop, strawberry.lazy("services.gateway.graphql.schema.catalog")]]
        | None
    ):
        from services.gateway.graphql.schema.catalog import shops

        return await shops(self.context, first, after, owner=self.id)

    @field("Who follows them.", optional_user("read:accounts"))
    async def followers(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Person] | None:
        rows = window(first, after, last, before, MAX_ACCOUNTS)
        return await people_page(self.context, f"accounts/{self.id}/followers", rows)

    @field("Whom they follow.", optional_user("read:accounts"))
    async def following(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Person] | None:
        rows = window(first, after, last, before, MAX_ACCOUNTS)
        return await people_page(self.context, f"accounts/{self.id}/following", rows)


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
    favourited: bool = strawberry.field(description="By the caller, as the next three.")
    bookmarked: bool
    reblogged: bool
    pinned: bool

    @classmethod
    def of(cls, row: Row, context: Context) -> Post:
        """From what posts or the feed says."""
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
        """The id of the post that is talked about: of a boost, what it shows."""
        return (self.view.reblog or self.view).post.id

    @field("Who made it; null while somebody who has left is being forgotten.")
    async def author(self) -> Person | None:
        return await person_of(self.context, self.view.post.author)

    @field("What it says, as HTML.")
    def html(self) -> str:
        post = self.view.post
        return posts.content_html(post, post.text, self.context.gateway.html)

    @field("What it says, as it was typed.", require_user(_READING_POSTS))
    def text(self) -> str | None:
        return self.view.post.text

    @field("Where it can be seen in a browser.")
    async def url(self) -> str | None:
        author = await person_of(self.context, self.view.post.author)
        return self.context.gateway.urls.post(author.username, self.id) if author else None

    @field("Its pictures.")
    def pictures(self) -> list[Picture]:
        return [Picture.of(one, self.context.gateway.urls) for one in self.view.post.attachments]

    @field("Its hashtags.")
    def tags(self) -> list[Tag]:
        at = self.context.gateway.urls
        return [Tag(name=name, url=at.tag(name)) for name in self.view.post.tags]

    @field("Who is named in it.")
    async def mentions(self) -> list[Person] | None:
        ids = [mention.id for mention in self.view.post.mentions]
        found = await self.context.loaders.people(ids)
        return [Person.of(found[id], self.context) for id in ids if id in found]

    @field("What of the shop it shows, as far as that is sold.", optional_user("read:shop"))
    async def products(
        self,
    ) -> (
        list[Annotated[Product, strawberry.lazy("services.gateway.graphql.schema.catalog")]] | None
    ):
        from services.gateway.graphql.schema.catalog import Product

        ids = (self.view.reblog or self.view).post.product_ids
        found = await self.context.loaders.products(ids)
        return [Product.of(found[id], self.context) for id in ids if id in found]

    @field("Of a boost, the post that it shows.")
    def reblog_of(self) -> Post | None:
        shown = self.view.reblog
        return Post.of(shown.model_dump(), self.context) if shown else None

    @field("Of a comment, what it answers; null where the caller may not see it.")
    async def in_reply_to(self) -> Post | None:
        above = self.view.post.in_reply_to_id
        if not above:
            return None
        found = await self.context.loaders.posts([above])
        return Post.of(found[above], self.context) if above in found else None

    @field("What is above it, topmost first.", optional_user(_READING_POSTS))
    async def ancestors(self) -> list[Post] | None:
        thread = await _thread(self.context, self.shown_id, 0)
        return await _thread_posts(self.context, self.shown_id, thread["ancestors"])

    @field(
        "All comments below it in reading order: each is followed by its own answers, the oldest "
        "first. Without people whom the caller blocks or mutes.",
        optional_user(_READING_POSTS),
    )
    async def comments(self, first: First = None, after: After = None) -> Connection[Post] | None:
        size = window(first, None, None, None, MAX_POSTS).limit
        start = numeric_id(after) if after else ""
        thread = await _thread(self.context, self.shown_id, _MAX_THREAD if start else size + 1)
        below: list[str] = thread["descendants"]
        if start and start not in below:
            raise Invalid("There is no comment of this cursor any more.")
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

    @field("Who likes it.", optional_user(_READING_POSTS))
    async def favourited_by(
        self, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        return await _interacting_people(self.context, f"posts/{self.id}/favourited_by", rows)

    @field("Who boosts it.", optional_user(_READING_POSTS))
    async def reblogged_by(
        self, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        return await _interacting_people(self.context, f"posts/{self.id}/reblogged_by", rows)

    @field("All it was, the oldest first.", optional_user(_READING_POSTS))
    async def history(self) -> list[Version] | None:
        context = self.context
        rows = await context.loaders.ask("posts", f"posts/{self.id}/history", context.caller)
        return [self._version(contracts.PostVersion.model_validate(row)) for row in rows]

    def _version(self, source: contracts.PostVersion) -> Version:
        gateway, post = self.context.gateway, (self.view.reblog or self.view).post
        return Version(
            html=posts.content_html(post, source.text, gateway.html),
            spoiler_text=source.spoiler_text,
            sensitive=source.sensitive,
            pictures=[Picture.of(one, gateway.urls) for one in source.attachments],
            created_at=Time(source.created_at),
        )


# ── how they are found ──────────────────────────────────────────────────────────────────────────


async def person_of(context: Context, id: str) -> Person | None:
    """Somebody by an id that another service gave."""
    found = await context.loaders.people([id])
    return Person.of(found[id], context) if id in found else None


async def timeline(context: Context, path: str, wanted: Window, **params: str) -> Connection[Post]:
    """A page of the feed, with the people on it."""
    asked = probe(wanted).params() | params
    found = await context.loaders.ask("feed", path, context.caller, params=asked)
    context.loaders.prime(found["accounts"])
    rows = [(view["post"]["id"], Post.of(view, context)) for view in found["views"]]
    return page(rows, wanted, found["more"], first=found["first"], last=found["last"])


async def people_page(context: Context, path: str, wanted: Window) -> Connection[Person]:
    """A page of people whom users lists."""
    asked = probe(wanted).params()
    found = await context.loaders.ask("users", path, context.caller, params=asked)
    nodes = [Person.of(row, context) for row in found["accounts"]]
    return page(list(zip(found["ids"], nodes, strict=True)), wanted, found["more"])


async def interaction_page(context: Context, path: str, wanted: Window) -> Connection[Post]:
    """A page of what the caller marked."""
    asked = probe(wanted).params()
    found = await context.loaders.ask("posts", path, context.caller, params=asked)
    nodes = [Post.of(view, context) for view in found["views"]]
    return page(list(zip(found["ids"], nodes, strict=True)), wanted, found["more"])


async def _interacting_people(context: Context, path: str, wanted: Window) -> Connection[Person]:
    asked = probe(wanted).params()
    found = await context.loaders.ask("posts", path, context.caller, params=asked)
    who = await context.loaders.people(found["accounts"])
    rows = [
        (id, Person.of(who[account], context))
        for id, account in zip(found["ids"], found["accounts"], strict=True)
        if account in who
    ]
    return page(rows, wanted, found["more"])


async def _thread(context: Context, id: str, descendants: int) -> Row:
    params = {"descendants": str(descendants)}
    thread: Row = await context.loaders.ask(
        "comments", f"threads/{id}", context.caller, params=params
    )
    return thread


async def _thread_posts(context: Context, id: str, ids: Sequence[str]) -> list[Post]:
    """Those of some posts of a thread that the caller is shown."""
    if not ids:
        return []
    asked = {"ids": ids, "around": id}
    views = await context.loaders.ask(
        "posts", "posts/views", context.caller, method="POST", json=asked
    )
    return [Post.of(view, context) for view in views]
