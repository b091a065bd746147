"""Mutations of relationships and of the caller's profile."""

from __future__ import annotations

from typing import Literal

import strawberry

from services.clients.json_types.accounts import EditedProfileJson
from services.gateway.application.profile_changes import profile_changes
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.account_queries import Viewer, viewer_of
from services.gateway.graphql.schema.people import Relationship
from services.gateway.graphql.schema.scalars import Visibility


@strawberry.input(description="A field of a profile.")
class NewProfileField:
    name: str
    value: str


@strawberry.input(description="Changes of a profile. Omitted fields stay as they are.")
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
class AccountMutations:
    @mutation(
        "Follow an account, or request to follow a locked one.", require_user("write:follows")
    )
    async def follow(
        self,
        info: Info,
        id: strawberry.ID,
        reblogs: bool | None = None,
        notify: bool | None = None,
    ) -> Relationship | None:
        row = await info.context.changes.users.follow(
            id, info.context.me, reblogs=reblogs, notify=notify
        )
        return Relationship.of(row, info.context)

    @mutation("Unfollow an account.", require_user("write:follows"))
    async def unfollow(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unfollow(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Remove a follower.", require_user("write:follows"))
    async def remove_follower(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.remove_from_followers(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Accept a follow request.", require_user("write:follows"))
    async def accept_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _answer(info.context, id, "authorize")

    @mutation("Reject a follow request.", require_user("write:follows"))
    async def reject_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _answer(info.context, id, "reject")

    @mutation("Block an account: neither sees the other.", require_user("write:blocks"))
    async def block(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.block(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Unblock an account.", require_user("write:blocks"))
    async def unblock(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unblock(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation(
        "Mute an account for N seconds, or indefinitely. They are not notified.",
        require_user("write:mutes"),
    )
    async def mute(
        self, info: Info, id: strawberry.ID, notifications: bool = True, seconds: int = 0
    ) -> Relationship | None:
        row = await info.context.changes.users.mute(
            id, info.context.me, notifications=notifications, seconds=max(0, seconds)
        )
        return Relationship.of(row, info.context)

    @mutation("Unmute an account.", require_user("write:mutes"))
    async def unmute(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unmute(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Set a private note on an account.", require_user("write:accounts"))
    async def annotate(self, info: Info, id: strawberry.ID, note: str) -> Relationship | None:
        row = await info.context.changes.users.set_note(id, note, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Change parts of the caller's profile.", require_user("write:accounts"))
    async def update_profile(self, info: Info, changes: ProfileChanges) -> Viewer | None:
        context = info.context
        row = await context.changes.users.update_profile(_profile_changes(changes), context.me)
        return viewer_of(row, context)


def _profile_changes(changes: ProfileChanges) -> EditedProfileJson:
    visibility, fields = changes.default_visibility, changes.fields
    return profile_changes(
        display_name=changes.display_name,
        note=changes.note,
        locked=changes.locked,
        bot=changes.bot,
        discoverable=changes.discoverable,
        default_visibility=visibility.value if visibility else None,
        default_sensitive=changes.default_sensitive,
        default_language=changes.default_language,
        fields=None if fields is None else [(line.name, line.value) for line in fields],
    )


async def _answer(
    context: Context, id: str, answer: Literal["authorize", "reject"]
) -> Relationship:
    row = await context.changes.users.answer_follow_request(id, answer, context.me)
    return Relationship.of(row, context)
