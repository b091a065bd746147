"""The routes that read logins, and change roles and suspensions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.auth.api.parameters import MAX_IDS, Ids, UserId, new_router, split_ids
from services.auth.application.accounts import AccountService
from services.auth.domain.users import User
from services.chassis.errors import NotFound
from services.chassis.http.openapi import error_responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.logins import DeletedUsers, EmailAddress, KnownLogin, LoginDetails, NewRole

AdminReader = Annotated[Caller, Depends(require_user("admin:read:accounts"))]
AdminWriter = Annotated[Caller, Depends(require_user("admin:write:accounts"))]
Names = Annotated[str, Query(max_length=4_000, pattern=r"^[A-Za-z0-9_,]*$", examples=["ada,bob"])]


def create_routers(accounts: AccountService) -> list[APIRouter]:
    """Return the routes of logins, each group with callers of its own."""
    return [
        _for_admins(accounts),
        _for_users(accounts),
        _for_erasure(accounts),
        _for_notifications(accounts),
        _for_operators(accounts),
    ]


def _for_admins(accounts: AccountService) -> APIRouter:
    router = new_router("accounts")

    @router.get("/people", responses=error_responses(401))
    async def list_logins(ids: Ids, _: AdminReader) -> dict[str, LoginDetails]:
        """Return the logins that exist, by id, for admins. One state call."""
        return {user.user_id: _details(user) for user in await accounts.find(split_ids(ids))}

    @router.post("/people/{user_id}/suspend", responses=error_responses(401, 404))
    async def suspend(user_id: UserId, admin: AdminWriter) -> LoginDetails:
        """Suspend a user: no login, no tokens, hidden content. Nothing is deleted."""
        return _details(await accounts.suspend(user_id, admin.user_id))

    @router.post("/people/{user_id}/unsuspend", responses=error_responses(401, 404))
    async def unsuspend(user_id: UserId, admin: AdminWriter) -> LoginDetails:
        """End a suspension. The user's content is visible again."""
        return _details(await accounts.unsuspend(user_id, admin.user_id))

    return router


def _for_users(accounts: AccountService) -> APIRouter:
    router = new_router("logins")

    @router.get("/logins")
    async def list_known_logins(ids: Ids = "", names: Names = "") -> dict[str, KnownLogin]:
        """Return what `login.registered` says of some users, before the event has arrived.

        By id this includes deleted users, by name it does not.
        """
        found = await accounts.find_versioned(split_ids(ids))
        found += await accounts.find_versioned_by_name(names.split(",")[:MAX_IDS])
        return {user.user_id: _known_login(user, version) for user, version in found}

    return router


def _for_erasure(accounts: AccountService) -> APIRouter:
    router = new_router("deletions")

    @router.get("/deletions")
    async def list_deleted_users(ids: Ids) -> DeletedUsers:
        """Return which users deleted their account. One state call.

        Services confirm each deletion before they erase anything.
        """
        found = await accounts.find_versioned(split_ids(ids))
        return DeletedUsers(user_ids=[user.user_id for user, _ in found if user.deleted])

    return router


def _for_notifications(accounts: AccountService) -> APIRouter:
    router = new_router("addresses")

    @router.get("/addresses/{user_id}", responses=error_responses(404))
    async def get_address(user_id: UserId) -> EmailAddress:
        """Return the e-mail address of a user. Deleted and suspended users have none."""
        for user in await accounts.find([user_id]):
            if not user.suspended:
                return EmailAddress(username=user.username, email=user.email)
        raise NotFound("This user does not exist, or is suspended.")

    return router


def _for_operators(accounts: AccountService) -> APIRouter:
    router = new_router("roles")

    @router.post("/roles", responses=error_responses(404, 422))
    async def set_role(new: NewRole) -> LoginDetails:
        """Set or remove the role of a user. For the operator."""
        return _details(await accounts.set_role(new.username, new.role))

    return router


def _known_login(user: User, version: int) -> KnownLogin:
    return KnownLogin(
        user_id=user.user_id,
        username=user.username,
        created_at=user.created_at,
        deleted=user.deleted,
        role=user.role,
        suspended=user.suspended,
        locale=user.locale,
        version=version,
    )


def _details(user: User) -> LoginDetails:
    return LoginDetails(
        user_id=user.user_id,
        username=user.username,
        created_at=user.created_at,
        role=user.role,
        suspended=user.suspended,
        email=user.email,
        locale=user.locale,
    )
