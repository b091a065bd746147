"""What can be changed. Several fields of one mutation are done one after the other."""

from __future__ import annotations

from typing import Any

import strawberry

from services.gateway.application.concurrency import gather_all
from services.gateway.application.identifiers import numeric_id
from services.gateway.graphql.permissions import Context, Info, mutation, require_user
from services.gateway.graphql.schema.catalog_mutations import CatalogMutations
from services.gateway.graphql.schema.conversations import Conversation, mark_conversation
from services.gateway.graphql.schema.orders import OrderMutations
from services.gateway.graphql.schema.queries import Viewer, viewer_of
from services.gateway.graphql.schema.scalars import Visibility
from services.gateway.graphql.schema.types import Post, Relationship
from services.gateway.http.params import RequestParams
from services.gateway.presentation.renderer import Row
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


@strawberry.input(description="A line of the table under a profile.")
class NewProfileField:
    name: str
    value: str


@strawberry.input(description="What a profile is to be. What is left out stays as it is.")
class ProfileChanges:
    display_name: str | None = None
    note: str | None = None
    fields: list[NewProfileField] | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    default_visibility: Visibility | None = None
    default_sensitive: bool | None = None
    default_language: str | None = None


@strawberry.type
class Mutation(CatalogMutations, OrderMutations):
    # ── posts ───────────────────────────────────────────────────────────────────────────────

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
        new = {**wanted, **app, "idempotency_key": key}
        return Post.of(await context.mutate("posts", "posts", json=new), context)

    @mutation("Change one's own post.", require_user(_POSTING))
    async def edit_post(self, info: Info, id: strawberry.ID, changes: EditedPost) -> Post | None:
        pictures, products = changes.picture_ids, changes.product_ids
        wanted = {
            "text": changes.text,
            "media_ids": None if pictures is None else [numeric_id(one) for one in pictures],
            "sensitive": changes.sensitive,
            "spoiler_text": changes.spoiler_text,
            "language": language_code(changes.language),
            "product_ids": None if products is None else [numeric_id(one) for one in products],
        }
        return await _post(info.context, f"posts/{numeric_id(id)}", method="PUT", json=wanted)

    @mutation(
        "Delete one's own post with all comments, a comment below it with its answers, one's own "
        "comment without them, or as an admin anybody's. Gives what it was. One's own pictures can "
        "be posted again for a day, unless `deleteMedia` is given.",
        require_user(_POSTING, also="admin:write:reports"),
    )
    async def delete_post(
        self, info: Info, id: strawberry.ID, delete_media: bool = False
    ) -> Post | None:
        how = {"delete_media": "true"} if delete_media else {}
        path = f"posts/{numeric_id(id)}"
        view = await info.context.mutate("posts", path, method="DELETE", params=how)
        return Post.of(view, info.context)

    @mutation("Like a post.", require_user("write:favourites"))
    async def favourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/favourite")

    @mutation("Take a like back.", require_user("write:favourites"))
    async def unfavourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/unfavourite")

    @mutation("Keep a post for oneself.", require_user("write:bookmarks"))
    async def bookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/bookmark")

    @mutation("Keep it no longer.", require_user("write:bookmarks"))
    async def unbookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/unbookmark")

    @mutation("Boost a post; gives the boost.", require_user(_POSTING))
    async def reblog(
        self, info: Info, id: strawberry.ID, visibility: Visibility | None = None
    ) -> Post | None:
        how = {"visibility": visibility.value if visibility else None}
        return await _post(info.context, f"posts/{numeric_id(id)}/reblog", json=how)

    @mutation("Take a boost back; gives what was boosted.", require_user(_POSTING))
    async def unreblog(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/unreblog")

    @mutation("Pin one's own post to one's profile.", require_user("write:accounts"))
    async def pin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/pin")

    @mutation("Unpin it.", require_user("write:accounts"))
    async def unpin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric_id(id)}/unpin")

    # ── people ──────────────────────────────────────────────────────────────────────────────

    @mutation("Follow somebody, or ask to, where they are locked.", require_user("write:follows"))
    async def follow(
        self,
        info: Info,
        id: strawberry.ID,
        reblogs: bool | None = None,
        notify: bool | None = None,
    ) -> Relationship | None:
        how = {"reblogs": reblogs, "notify": notify}
        return await _change_relationship(info.context, id, "follow", how)

    @mutation("Follow somebody no more.", require_user("write:follows"))
    async def unfollow(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _change_relationship(info.context, id, "unfollow")

    @mutation("Have somebody follow one no more.", require_user("write:follows"))
    async def remove_follower(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _change_relationship(info.context, id, "remove_from_followers")

    @mutation("Let somebody follow who asked to.", require_user("write:follows"))
    async def accept_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _relationship(info.context, f"follow_requests/{numeric_id(id)}/authorize")

    @mutation("Turn somebody down who asked to follow.", require_user("write:follows"))
    async def reject_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _relationship(info.context, f"follow_requests/{numeric_id(id)}/reject")

    @mutation("Part from somebody: neither sees the other any more.", require_user("write:blocks"))
    async def block(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _change_relationship(info.context, id, "block")

    @mutation("End a block.", require_user("write:blocks"))
    async def unblock(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _change_relationship(info.context, id, "unblock")

    @mutation(
        "Not see somebody, without their noticing; for some seconds, or for good.",
        require_user("write:mutes"),
    )
    async def mute(
        self, info: Info, id: strawberry.ID, notifications: bool = True, seconds: int = 0
    ) -> Relationship | None:
        how = {"notifications": notifications, "duration": max(0, seconds)}
        return await _change_relationship(info.context, id, "mute", how)

    @mutation("See somebody again.", require_user("write:mutes"))
    async def unmute(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _change_relationship(info.context, id, "unmute")

    @mutation("Keep a private note on somebody.", require_user("write:accounts"))
    async def annotate(self, info: Info, id: strawberry.ID, note: str) -> Relationship | None:
        return await _change_relationship(info.context, id, "note", {"comment": note})

    @mutation("Change parts of one's own profile.", require_user("write:accounts"))
    async def update_profile(self, info: Info, changes: ProfileChanges) -> Viewer | None:
        context = info.context
        row = await context.mutate(
            "users", "accounts/me", method="PATCH", json=_profile_changes(changes)
        )
        return viewer_of(row, context)

    # ── conversations ───────────────────────────────────────────────────────────────────────

    @mutation("Say that a conversation has been read, or not.", require_user("write:conversations"))
    async def read_conversation(
        self, info: Info, id: strawberry.ID, read: bool = True
    ) -> Conversation | None:
        return await mark_conversation(info.context, id, read=read)

    @mutation(
        "Put a conversation away for oneself alone, until something more is written in it.",
        require_user("write:conversations"),
    )
    async def remove_conversation(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.mutate("feed", f"conversations/{numeric_id(id)}", method="DELETE")
        return id

    # ── notifications ───────────────────────────────────────────────────────────────────────

    @mutation("Put a notification away.", require_user("write:notifications"))
    async def dismiss_notification(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.mutate("notifications", f"notifications/{numeric_id(id)}/dismiss")
        return id

    @mutation("Put all notifications away.", require_user("write:notifications"))
    async def clear_notifications(self, info: Info) -> bool | None:
        await info.context.mutate("notifications", "notifications/clear")
        return True

    @mutation("Say which notification is the newest that one has read.", require_user(_POSTING))
    async def read_notifications(
        self, info: Info, last_read_id: strawberry.ID
    ) -> strawberry.ID | None:
        moved = {"notifications": {"last_read_id": numeric_id(last_read_id)}}
        await info.context.mutate("notifications", "markers", json=moved)
        return last_read_id


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


def _profile_changes(asked: ProfileChanges) -> dict[str, Any]:
    lines = asked.fields
    wanted = {
        "display_name": asked.display_name,
        "note": asked.note,
        "locked": asked.locked,
        "bot": asked.bot,
        "discoverable": asked.discoverable,
        "default_visibility": asked.default_visibility.value if asked.default_visibility else None,
        "default_sensitive": asked.default_sensitive,
        "default_language": ""
        if asked.default_language == ""
        else language_code(asked.default_language),
        "fields": None if lines is None else [{"name": x.name, "value": x.value} for x in lines],
    }
    return {name: value for name, value in wanted.items() if value is not None}


async def _post(context: Context, path: str, *, method: str = "POST", json: Any = None) -> Post:
    view: Row = await context.mutate("posts", path, method=method, json=json)
    return Post.of(view, context)


async def _change_relationship(
    context: Context, id: str, verb: str, body: dict[str, Any] | None = None
) -> Relationship:
    return await _relationship(context, f"accounts/{numeric_id(id)}/{verb}", body or {})


async def _relationship(
    context: Context, path: str, body: dict[str, Any] | None = None
) -> Relationship:
    return Relationship.of(await context.mutate("users", path, json=body or {}), context)
