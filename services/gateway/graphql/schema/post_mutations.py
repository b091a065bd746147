"""Mutations of posts."""

from __future__ import annotations

import strawberry

from services.clients.base import gather_all
from services.clients.paths import numeric_id
from services.clients.posts import Interaction
from services.contracts import posts as contracts
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.posts import Post
from services.gateway.graphql.schema.scalars import Visibility
from services.gateway.http.params import RequestParams
from services.gateway.rest.statuses import new_post
from services.shared.languages import language_code

_POSTING = "write:statuses"


@strawberry.input(description="A post to be. Pictures are uploaded by `POST /api/v2/media`.")
class NewPost:
    text: str = ""
    picture_ids: list[strawberry.ID] = strawberry.field(default_factory=list)
    in_reply_to_id: strawberry.ID | None = strawberry.field(
        default=None, description="What it answers: with this it is a comment."
    )
    visibility: Visibility | None = strawberry.field(
        default=None, description="As one's profile says, if not given; so the next and the last."
    )
    sensitive: bool | None = None
    spoiler_text: str = ""
    language: str | None = None
    product_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="What of one's shops it shows."
    )


@strawberry.input(description="What a post is to be. What is left out stays as it is.")
class EditedPost:
    text: str | None = None
    picture_ids: list[strawberry.ID] | None = None
    sensitive: bool | None = None
    spoiler_text: str | None = None
    language: str | None = None
    product_ids: list[strawberry.ID] | None = None


@strawberry.type
class PostMutations:
    @mutation(
        "Post, or comment. The same `idempotencyKey` gives the same post for an hour.",
        require_user(_POSTING),
    )
    async def create_post(
        self, info: Info, post: NewPost, idempotency_key: str | None = None
    ) -> Post | None:
        context, me = info.context, info.context.me
        people, app = await gather_all(
            context.gateway.people.by_ids([me.user_id]), context.gateway.client_apps.of(me)
        )
        wanted = new_post(_post_params(post), people.get(me.user_id))
        key = (idempotency_key or "")[:200]
        new = contracts.NewPost.model_construct(None, **wanted, **app, idempotency_key=key)
        return Post.of(await context.changes.posts.create(new, me), context)

    @mutation("Change one's own post.", require_user(_POSTING))
    async def edit_post(self, info: Info, id: strawberry.ID, changes: EditedPost) -> Post | None:
        pictures, products = changes.picture_ids, changes.product_ids
        wanted = contracts.EditedPost.model_construct(
            text=changes.text,
            media_ids=None if pictures is None else [numeric_id(one) for one in pictures],
            sensitive=changes.sensitive,
            spoiler_text=changes.spoiler_text,
            language=language_code(changes.language),
            product_ids=None if products is None else [numeric_id(one) for one in products],
        )
        context = info.context
        return Post.of(await context.changes.posts.edit(id, wanted, context.me), context)

    @mutation(
        "Delete one's own post with all comments, a comment below it with its answers, one's own "
        "comment without them, or as an admin anybody's. Gives what it was. One's own pictures can "
        "be posted again for a day, unless `deleteMedia` is given.",
        require_user(_POSTING, also="admin:write:reports"),
    )
    async def delete_post(
        self, info: Info, id: strawberry.ID, delete_media: bool = False
    ) -> Post | None:
        context = info.context
        view = await context.changes.posts.delete(id, context.me, delete_media=delete_media)
        return Post.of(view, context)

    @mutation("Like a post.", require_user("write:favourites"))
    async def favourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "favourite")

    @mutation("Take a like back.", require_user("write:favourites"))
    async def unfavourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unfavourite")

    @mutation("Keep a post for oneself.", require_user("write:bookmarks"))
    async def bookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "bookmark")

    @mutation("Keep it no longer.", require_user("write:bookmarks"))
    async def unbookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unbookmark")

    @mutation("Boost a post; gives the boost.", require_user(_POSTING))
    async def reblog(
        self, info: Info, id: strawberry.ID, visibility: Visibility | None = None
    ) -> Post | None:
        context, chosen = info.context, visibility.value if visibility else None
        return Post.of(await context.changes.posts.boost(id, chosen, context.me), context)

    @mutation("Take a boost back; gives what was boosted.", require_user(_POSTING))
    async def unreblog(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unreblog")

    @mutation("Pin one's own post to one's profile.", require_user("write:accounts"))
    async def pin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "pin")

    @mutation("Unpin it.", require_user("write:accounts"))
    async def unpin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unpin")


def _post_params(post: NewPost) -> RequestParams:
    """A new post as a client of the client API would send it."""
    return RequestParams(
        status=post.text,
        media_ids=list(post.picture_ids),
        in_reply_to_id=numeric_id(post.in_reply_to_id) if post.in_reply_to_id else None,
        visibility=post.visibility.value if post.visibility else None,
        sensitive=post.sensitive,
        spoiler_text=post.spoiler_text,
        language=post.language,
        product_ids=list(post.product_ids),
    )


async def _interact(context: Context, id: str, action: Interaction) -> Post:
    return Post.of(await context.changes.posts.interact(id, action, context.me), context)
