"""What can be changed. Several fields of one mutation are done one after the other."""

from __future__ import annotations

from typing import Any

import strawberry

from services.gateway.api.statuses import new_post
from services.gateway.bodies import Said
from services.gateway.desk import numeric, together
from services.gateway.entities.rendered import Row
from services.gateway.graphql.buying import Buying
from services.gateway.graphql.conversations import Conversation, mark
from services.gateway.graphql.needs import Context, Info, change, signed_in
from services.gateway.graphql.queries import Viewer, viewer_of
from services.gateway.graphql.selling import Selling
from services.gateway.graphql.types import Post, Relationship
from services.gateway.graphql.values import Visibility
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
class Mutation(Selling, Buying):
    # ── posts ───────────────────────────────────────────────────────────────────────────────

    @change(
        "Post, or comment. The same `idempotencyKey` gives the same post for an hour.",
        signed_in(_POSTING),
    )
    async def create_post(
        self, info: Info, post: NewPost, idempotency_key: str | None = None
    ) -> Post | None:
        context, me = info.context, info.context.me
        people, app = await together(context.desk.people([me.user_id]), context.desk.app(me))
        wanted = new_post(_said(post), people.get(me.user_id))
        key = (idempotency_key or "")[:200]
        new = {**wanted, **app, "idempotency_key": key}
        return Post.of(await context.change("posts", "posts", json=new), context)

    @change("Change one's own post.", signed_in(_POSTING))
    async def edit_post(self, info: Info, id: strawberry.ID, changes: EditedPost) -> Post | None:
        pictures, products = changes.picture_ids, changes.product_ids
        wanted = {
            "text": changes.text,
            "media_ids": None if pictures is None else [numeric(one) for one in pictures],
            "sensitive": changes.sensitive,
            "spoiler_text": changes.spoiler_text,
            "language": language_code(changes.language),
            "product_ids": None if products is None else [numeric(one) for one in products],
        }
        return await _post(info.context, f"posts/{numeric(id)}", method="PUT", json=wanted)

    @change(
        "Delete one's own post with all comments, a comment below it with its answers, one's own "
        "comment without them, or as an admin anybody's. Gives what it was. One's own pictures can "
        "be posted again for a day, unless `deleteMedia` is given.",
        signed_in(_POSTING, also="admin:write:reports"),
    )
    async def delete_post(
        self, info: Info, id: strawberry.ID, delete_media: bool = False
    ) -> Post | None:
        how = {"delete_media": "true"} if delete_media else {}
        path = f"posts/{numeric(id)}"
        view = await info.context.change("posts", path, method="DELETE", params=how)
        return Post.of(view, info.context)

    @change("Like a post.", signed_in("write:favourites"))
    async def favourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/favourite")

    @change("Take a like back.", signed_in("write:favourites"))
    async def unfavourite(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/unfavourite")

    @change("Keep a post for oneself.", signed_in("write:bookmarks"))
    async def bookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/bookmark")

    @change("Keep it no longer.", signed_in("write:bookmarks"))
    async def unbookmark(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/unbookmark")

    @change("Boost a post; gives the boost.", signed_in(_POSTING))
    async def reblog(
        self, info: Info, id: strawberry.ID, visibility: Visibility | None = None
    ) -> Post | None:
        how = {"visibility": visibility.value if visibility else None}
        return await _post(info.context, f"posts/{numeric(id)}/reblog", json=how)

    @change("Take a boost back; gives what was boosted.", signed_in(_POSTING))
    async def unreblog(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/unreblog")

    @change("Pin one's own post to one's profile.", signed_in("write:accounts"))
    async def pin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/pin")

    @change("Unpin it.", signed_in("write:accounts"))
    async def unpin(self, info: Info, id: strawberry.ID) -> Post | None:
        return await _post(info.context, f"posts/{numeric(id)}/unpin")

    # ── people ──────────────────────────────────────────────────────────────────────────────

    @change("Follow somebody, or ask to, where they are locked.", signed_in("write:follows"))
    async def follow(
        self,
        info: Info,
        id: strawberry.ID,
        reblogs: bool | None = None,
        notify: bool | None = None,
    ) -> Relationship | None:
        how = {"reblogs": reblogs, "notify": notify}
        return await _stance(info.context, id, "follow", how)

    @change("Follow somebody no more.", signed_in("write:follows"))
    async def unfollow(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _stance(info.context, id, "unfollow")

    @change("Have somebody follow one no more.", signed_in("write:follows"))
    async def remove_follower(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _stance(info.context, id, "remove_from_followers")

    @change("Let somebody follow who asked to.", signed_in("write:follows"))
    async def accept_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _relationship(info.context, f"follow_requests/{numeric(id)}/authorize")

    @change("Turn somebody down who asked to follow.", signed_in("write:follows"))
    async def reject_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _relationship(info.context, f"follow_requests/{numeric(id)}/reject")

    @change("Part from somebody: neither sees the other any more.", signed_in("write:blocks"))
    async def block(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _stance(info.context, id, "block")

    @change("End a block.", signed_in("write:blocks"))
    async def unblock(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _stance(info.context, id, "unblock")

    @change(
        "Not see somebody, without their noticing; for some seconds, or for good.",
        signed_in("write:mutes"),
    )
    async def mute(
        self, info: Info, id: strawberry.ID, notifications: bool = True, seconds: int = 0
    ) -> Relationship | None:
        how = {"notifications": notifications, "duration": max(0, seconds)}
        return await _stance(info.context, id, "mute", how)

    @change("See somebody again.", signed_in("write:mutes"))
    async def unmute(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _stance(info.context, id, "unmute")

    @change("Keep a private note on somebody.", signed_in("write:accounts"))
    async def annotate(self, info: Info, id: strawberry.ID, note: str) -> Relationship | None:
        return await _stance(info.context, id, "note", {"comment": note})

    @change("Change parts of one's own profile.", signed_in("write:accounts"))
    async def update_profile(self, info: Info, changes: ProfileChanges) -> Viewer | None:
        context = info.context
        row = await context.change("users", "accounts/me", method="PATCH", json=_changes(changes))
        return viewer_of(row, context)

    # ── conversations ───────────────────────────────────────────────────────────────────────

    @change("Say that a conversation has been read, or not.", signed_in("write:conversations"))
    async def read_conversation(
        self, info: Info, id: strawberry.ID, read: bool = True
    ) -> Conversation | None:
        return await mark(info.context, id, read=read)

    @change(
        "Put a conversation away for oneself alone, until something more is written in it.",
        signed_in("write:conversations"),
    )
    async def remove_conversation(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.change("feed", f"conversations/{numeric(id)}", method="DELETE")
        return id

    # ── notifications ───────────────────────────────────────────────────────────────────────

    @change("Put a notification away.", signed_in("write:notifications"))
    async def dismiss_notification(self, info: Info, id: strawberry.ID) -> strawberry.ID | None:
        await info.context.change("notifications", f"notifications/{numeric(id)}/dismiss")
        return id

    @change("Put all notifications away.", signed_in("write:notifications"))
    async def clear_notifications(self, info: Info) -> bool | None:
        await info.context.change("notifications", "notifications/clear")
        return True

    @change("Say which notification is the newest that one has read.", signed_in(_POSTING))
    async def read_notifications(
        self, info: Info, last_read_id: strawberry.ID
    ) -> strawberry.ID | None:
        moved = {"notifications": {"last_read_id": numeric(last_read_id)}}
        await info.context.change("notifications", "markers", json=moved)
        return last_read_id


def _said(post: NewPost) -> Said:
    """A new post as a client of the client API would send it."""
    return Said(
        status=post.text,
        media_ids=list(post.picture_ids),
        in_reply_to_id=numeric(post.in_reply_to_id) if post.in_reply_to_id else None,
        visibility=post.visibility.value if post.visibility else None,
        sensitive=post.sensitive,
        spoiler_text=post.spoiler_text,
        language=post.language,
        product_ids=list(post.product_ids),
    )


def _changes(asked: ProfileChanges) -> dict[str, Any]:
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
    view: Row = await context.change("posts", path, method=method, json=json)
    return Post.of(view, context)


async def _stance(
    context: Context, id: str, verb: str, body: dict[str, Any] | None = None
) -> Relationship:
    return await _relationship(context, f"accounts/{numeric(id)}/{verb}", body or {})


async def _relationship(
    context: Context, path: str, body: dict[str, Any] | None = None
) -> Relationship:
    return Relationship.of(await context.change("users", path, json=body or {}), context)
