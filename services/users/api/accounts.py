"""The routes of accounts: read, edited, looked up, searched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.accounts import (
    Account,
    EditedProfile,
    Id,
    OwnAccount,
    ProfileValues,
    UsernameLookup,
)
from services.users.api.parameters import (
    MAX_IDS,
    OptionalReader,
    PathId,
    QueryIds,
    Reader,
    Writer,
)
from services.users.application.profiles import ProfileService
from services.users.domain.profile_edits import ProfileEdit
from services.users.domain.profiles import UserProfileField

_ACCOUNT = responses(Account, "The account.", 401, 403, 404)
_OWN = responses(OwnAccount, "The caller's account.", 401, 403, 404)
_EDITED = responses(OwnAccount, "The edited account.", 401, 403, 404, 412, 422)
_ACCOUNTS = responses(dict[Id, Account], "The accounts that exist, by what was given.", 422)
_FOUND = responses(list[Account], "The accounts, best first.", 401, 403)


def create_router(profiles: ProfileService) -> APIRouter:
    """Return the routes of accounts."""
    router = APIRouter(tags=["accounts"])

    @router.get("/accounts/me", responses=_OWN)
    async def get_own_account(
        caller: Annotated[Caller, Depends(require_user("read:accounts", "profile"))],
    ) -> OrjsonResponse:
        """Return the caller's account. Creates the profile if the registration event is late."""
        return OrjsonResponse(await profiles.own_account(caller.user_id, caller.username))

    @router.patch("/accounts/me", responses=_EDITED)
    async def edit_profile(caller: Writer, edited: EditedProfile) -> OrjsonResponse:
        """Edit the caller's profile."""
        edit = _profile_edit(edited)
        expected = _profile_edit(edited.expected or ProfileValues())
        return OrjsonResponse(await profiles.edit(caller.user_id, caller.username, edit, expected))

    @router.get("/accounts", responses=_ACCOUNTS)
    async def list_accounts(ids: QueryIds, _: OptionalReader) -> OrjsonResponse:
        """Return several accounts by id."""
        return OrjsonResponse(await profiles.accounts(ids))

    @router.get("/accounts/{id}", responses=_ACCOUNT)
    async def get_account(id: PathId, _: OptionalReader) -> OrjsonResponse:
        """Return an account."""
        return OrjsonResponse(await profiles.account(id))

    @router.post("/lookups", responses=_ACCOUNTS)
    async def look_up_accounts(wanted: UsernameLookup, _: OptionalReader) -> OrjsonResponse:
        """Return accounts by username, in upper or lower case."""
        return OrjsonResponse(await profiles.lookup(wanted.usernames))

    @router.get("/search", responses=_FOUND)
    async def search_accounts(
        caller: Reader,
        q: Annotated[str, Query(max_length=200, examples=["@ann"])],
        limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = 40,
        offset: Annotated[int, Query(ge=0, le=1_000)] = 0,
    ) -> OrjsonResponse:
        """Search accounts by the beginning of the username, or of a word of the display name."""
        return OrjsonResponse(await profiles.search(q, caller.user_id, limit, offset))

    return router


def _profile_edit(edited: ProfileValues) -> ProfileEdit:
    given = {name: getattr(edited, name) for name in ProfileEdit.__slots__ if name != "fields"}
    fields = edited.fields
    rows = None if fields is None else tuple(UserProfileField(f.name, f.value) for f in fields)
    return ProfileEdit(fields=rows, **given)
