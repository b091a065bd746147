"""Mutations of relationships and of the caller's profile."""

from __future__ import annotations

from typing import Literal, cast

import strawberry

from services.clients.json_types.accounts import EditedProfileJson
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.account_queries import Viewer, viewer_of
from services.gateway.graphql.schema.people import Relationship
from services.gateway.graphql.schema.scalars import Visibility
from services.shared.languages import language_code


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
class AccountMutations:
    @mutation("Follow somebody, or ask to, where they are locked.", require_user("write:follows"))
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

    @mutation("Follow somebody no more.", require_user("write:follows"))
    async def unfollow(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unfollow(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Have somebody follow one no more.", require_user("write:follows"))
    async def remove_follower(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.remove_from_followers(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Let somebody follow who asked to.", require_user("write:follows"))
    async def accept_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _answer(info.context, id, "authorize")

    @mutation("Turn somebody down who asked to follow.", require_user("write:follows"))
    async def reject_follow_request(self, info: Info, id: strawberry.ID) -> Relationship | None:
        return await _answer(info.context, id, "reject")

    @mutation("Part from somebody: neither sees the other any more.", require_user("write:blocks"))
    async def block(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.block(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("End a block.", require_user("write:blocks"))
    async def unblock(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unblock(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation(
        "Not see somebody, without their noticing; for some seconds, or for good.",
        require_user("write:mutes"),
    )
    async def mute(
        self, info: Info, id: strawberry.ID, notifications: bool = True, seconds: int = 0
    ) -> Relationship | None:
        row = await info.context.changes.users.mute(
            id, info.context.me, notifications=notifications, seconds=max(0, seconds)
        )
        return Relationship.of(row, info.context)

    @mutation("See somebody again.", require_user("write:mutes"))
    async def unmute(self, info: Info, id: strawberry.ID) -> Relationship | None:
        row = await info.context.changes.users.unmute(id, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Keep a private note on somebody.", require_user("write:accounts"))
    async def annotate(self, info: Info, id: strawberry.ID, note: str) -> Relationship | None:
        row = await info.context.changes.users.set_note(id, note, info.context.me)
        return Relationship.of(row, info.context)

    @mutation("Change parts of one's own profile.", require_user("write:accounts"))
    async def update_profile(self, info: Info, changes: ProfileChanges) -> Viewer | None:
        context = info.context
        row = await context.changes.users.update_profile(_profile_changes(changes), context.me)
        return viewer_of(row, context)


def _profile_changes(asked: ProfileChanges) -> EditedProfileJson:
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
    given = {name: value for name, value in wanted.items() if value is not None}
    return cast(EditedProfileJson, given)


async def _answer(
    context: Context, id: str, answer: Literal["authorize", "reject"]
) -> Relationship:
    row = await context.changes.users.answer_follow_request(id, answer, context.me)
    return Relationship.of(row, context)
