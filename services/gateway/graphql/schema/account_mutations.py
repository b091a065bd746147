"""Mutations of relationships and of the caller's profile."""

from __future__ import annotations

from typing import Any

import strawberry

from services.gateway.application.identifiers import numeric_id
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


async def _change_relationship(
    context: Context, id: str, verb: str, body: dict[str, Any] | None = None
) -> Relationship:
    return await _relationship(context, f"accounts/{numeric_id(id)}/{verb}", body or {})


async def _relationship(
    context: Context, path: str, body: dict[str, Any] | None = None
) -> Relationship:
    return Relationship.of(await context.mutate("users", path, json=body or {}), context)
