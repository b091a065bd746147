"""Mutations of posts."""

from __future__ import annotations

import strawberry

from services.clients.paths import numeric_id
from services.clients.posts import Interaction
from services.gateway.application.post_inputs import PostInput, edited_post
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.posts import Post
from services.gateway.graphql.schema.scalars import Visibility
from services.shared.languages import language_code

_POSTING = "write:statuses"


@strawberry.input(description="A new post. Upload pictures by `POST /api/v2/media`.")
class NewPost:
    text: str = ""
    picture_ids: list[strawberry.ID] = strawberry.field(default_factory=list)
    in_reply_to_id: strawberry.ID | None = strawberry.field(
        default=None, description="The post that it answers: then it is a comment."
    )
    visibility: Visibility | None = strawberry.field(
        default=None, description="By default as the profile says, like `sensitive` and `language`."
    )
    sensitive: bool | None = None
    spoiler_text: str = ""
    language: str | None = None
    product_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="The products that it shows."
    )


@strawberry.input(description="Changes of a post. Omitted fields stay as they are.")
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
        "Create a post or a comment. The same `idempotencyKey` returns the same post for an hour.",
        require_user(_POSTING),
    )
    async def create_post(
        self, info: Info, post: NewPost, idempotency_key: str | None = None
    ) -> Post | None:
        context, me = info.context, info.context.me
        new, _ = await context.gateway.post_inputs.complete(
            _post_input(post), me, idempotency_key or ""
        )
        return Post.of(await context.changes.posts.create(new, me), context)

    @mutation("Edit the caller's post.", require_user(_POSTING))
    async def edit_post(self, info: Info, id: strawberry.ID, changes: EditedPost) -> Post | None:
        wanted = edited_post(
            text=changes.text,
            media_ids=changes.picture_ids,
            product_ids=changes.product_ids,
            sensitive=changes.sensitive,
            spoiler_text=changes.spoiler_text,
            language=language_code(changes.language),
        )
        context = info.context
        return Post.of(await context.changes.posts.edit(id, wanted, context.me), context)

    @mutation(
        "Delete the caller's post with all comments, a comment below it with its answers, the "
        "caller's comment without them, or as an admin any post. Returns the deleted post. Its "
        "pictures can be posted again for a day, unless `deleteMedia` is given.",
        require_user(_POSTING, also="admin:write:reports"),
    )
    async def delete_post(
        self, info: Info, id: strawberry.ID, delete_media: bool = False
    ) -> Post | None:
        context = info.context
        view = await context.changes.posts.delete(id, context.me, delete_media=delete_media)
        return Post.of(view, context)

    @mutation("Favourite a post.", require_user("write:favourites"))
    async def favourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "favourite")

    @mutation("Remove a favourite.", require_user("write:favourites"))
    async def unfavourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unfavourite")

    @mutation("Bookmark a post.", require_user("write:bookmarks"))
    async def bookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "bookmark")

    @mutation("Remove a bookmark.", require_user("write:bookmarks"))
    async def unbookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unbookmark")

    @mutation("Boost a post. Returns the boost.", require_user(_POSTING))
    async def reblog(
        self, info: Info, id: strawberry.ID, visibility: Visibility | None = None
    ) -> Post | None:
        context, chosen = info.context, visibility.value if visibility else None
        return Post.of(await context.changes.posts.boost(id, chosen, context.me), context)

    @mutation("Remove a boost. Returns the boosted post.", require_user(_POSTING))
    async def unreblog(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unreblog")

    @mutation("Pin the caller's post to their profile.", require_user("write:accounts"))
    async def pin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "pin")

    @mutation("Unpin a post.", require_user("write:accounts"))
    async def unpin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _interact(info.context, id, "unpin")


def _post_input(post: NewPost) -> PostInput:
    return PostInput(
        text=post.text,
        media_ids=post.picture_ids,
        product_ids=post.product_ids,
        in_reply_to_id=numeric_id(post.in_reply_to_id) if post.in_reply_to_id else None,
        spoiler_text=post.spoiler_text,
        visibility=post.visibility.value if post.visibility else None,
        sensitive=post.sensitive,
        language=language_code(post.language) if post.language else None,
    )


async def _interact(context: Context, id: str, action: Interaction) -> Post:
    return Post.of(await context.changes.posts.interact(id, action, context.me), context)
