"""Queries of people."""

from __future__ import annotations

import strawberry

from services.chassis.errors import Invalid, NotFound
from services.clients.paths import numeric_id
from services.contracts.accounts import OwnAccount
from services.gateway.application.account_search import local_username
from services.gateway.graphql.connections import (
    MAX_ACCOUNTS,
    After,
    Connection,
    First,
    Ids,
    PageInfo,
    checked_ids,
    connection,
    offset,
    probe,
    window,
)
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.people import Person, people_of
from services.gateway.graphql.schema.scalars import Visibility
from services.gateway.presentation.renderer import Row


@strawberry.type(description="The caller, with private fields.")
class Viewer:
    person: Person
    follow_requests_count: int
    default_visibility: Visibility
    default_sensitive: bool
    default_language: str | None
    note: str = strawberry.field(description="The note of the profile as plain text.")


@strawberry.type
class AccountQueries:
    @field("The user of the token.", require_user("read:accounts"))
    async def viewer(self, info: Info) -> Viewer | None:
        context = info.context
        return viewer_of(await context.reads.users.own_account(context.me), context)

    @field("A person, by id or by username.", optional_user("read:accounts"))
    async def person(
        self, info: Info, id: strawberry.ID | None = None, username: str | None = None
    ) -> Person | None:
        context = info.context
        if (id is None) == (username is None):
            raise Invalid("Pass either id or username.")
        wanted = numeric_id(id) if id is not None else await _id_of(context, username or "")
        found = await context.loaders.people([wanted])
        if wanted not in found:
            raise NotFound("There is no such person.")
        return Person.of(found[wanted], context)

    @field("The existing ones of some people.", optional_user("read:accounts"))
    async def people(self, info: Info, ids: Ids) -> list[Person] | None:
        wanted = checked_ids(ids)
        found = await info.context.loaders.people(wanted)
        return [Person.of(found[id], info.context) for id in wanted if id in found]

    @field("People whose name begins with the query.", require_user("read:accounts"))
    async def search_people(
        self, info: Info, query: str, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        context = info.context
        size, skipped = offset(first, after, MAX_ACCOUNTS)
        rows = await context.gateway.account_search.search(
            query[:200], context.me, size + 1, skipped
        )
        people = [Person.of(row, context) for row in rows[:size]]
        cursors = [str(skipped + n + 1) for n in range(len(people))]
        return connection(
            list(zip(cursors, people, strict=True)),
            PageInfo(
                has_next_page=len(rows)
                >= min(size + 1, MAX_ACCOUNTS),  # the service returns no more at once
                has_previous_page=skipped > 0,
                start_cursor=cursors[0] if cursors else None,
                end_cursor=cursors[-1] if cursors else None,
            ),
        )

    @field("The people that the caller blocks.", require_user("read:blocks"))
    async def blocks(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        context, rows = info.context, window(first, after, None, None, MAX_ACCOUNTS)
        found = await context.reads.users.blocks(context.me, probe(rows))
        return people_of(found, rows, context)

    @field("The people that the caller mutes.", require_user("read:mutes"))
    async def mutes(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        context, rows = info.context, window(first, after, None, None, MAX_ACCOUNTS)
        found = await context.reads.users.mutes(context.me, probe(rows))
        return people_of(found, rows, context)

    @field("The people that request to follow the caller.", require_user("read:follows"))
    async def follow_requests(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Person] | None:
        rows = window(first, after, None, None, MAX_ACCOUNTS)
        found = await info.context.reads.users.follow_requests(info.context.me, probe(rows))
        return people_of(found, rows, info.context)


def viewer_of(row: Row, context: Context) -> Viewer:
    """The caller's own account."""
    own = OwnAccount.model_validate(row)
    profile = own.profile
    return Viewer(
        person=Person.of(row, context),
        follow_requests_count=own.follow_requests,
        default_visibility=Visibility(profile.default_visibility),
        default_sensitive=profile.default_sensitive,
        default_language=profile.default_language or None,
        note=profile.note,
    )


async def _id_of(context: Context, username: str) -> str:
    name = local_username(username[:200], context.gateway.urls.host)
    if not name:
        raise NotFound("There is no account with this username.")
    account = await context.reads.users.account_named(name)
    id = account["profile"]["id"]
    context.loaders.prime({id: account})
    return id
