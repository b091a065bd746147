"""What admins do. Every route needs a scope that only admins are given."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from services.chassis.app import JSON
from services.chassis.errors import Invalid, NotFound
from services.chassis.identity import Caller, signed_in
from services.contracts.accounts import Account
from services.contracts.logins import LoginDetails
from services.gateway.bodies import said
from services.gateway.desk import Desk, numeric
from services.gateway.documents import gives, takes
from services.gateway.entities import moderation

Overseer = Annotated[Caller, Depends(signed_in("admin:read:accounts"))]
Judge = Annotated[Caller, Depends(signed_in("admin:write:accounts"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
_ACCOUNT = gives(description="An Admin::Account.")


def create_router(desk: Desk) -> APIRouter:
    """Routes for admins."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin"])
    router.include_router(_accounts(desk))
    return router


def _accounts(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/accounts/{id}")

    @router.get("", responses=_ACCOUNT)
    async def account(id: Id, caller: Overseer) -> JSON:
        """Somebody, with what only admins see."""
        id = numeric(id)
        logins = await desk.ask("auth", "people", caller, params={"ids": id})
        if id not in logins:
            raise NotFound("Record not found")
        return await _shown(desk, logins[id])

    @router.post(
        "/action",
        openapi_extra=takes(type="string", report_id="string", example={"type": "suspend"}),
        responses=gives({}, "Done. Doing it again changes nothing."),
    )
    async def act(request: Request, id: Id, caller: Judge) -> JSON:
        """Suspend somebody (`type=suspend`), or just close a report on them (`none`)."""
        body = await said(request)
        if body.words("type") not in ("none", "suspend"):
            raise Invalid("The type of an action is «suspend» or «none».")
        if body.words("type") == "suspend":
            await desk.ask("auth", f"people/{numeric(id)}/suspend", caller, method="POST")
        return JSON({})

    @router.post("/unsuspend", responses=_ACCOUNT)
    async def unsuspend(id: Id, caller: Judge) -> JSON:
        """Let somebody in again, with all that was theirs."""
        login = await desk.ask("auth", f"people/{numeric(id)}/unsuspend", caller, method="POST")
        return await _shown(desk, login)

    return router


async def _shown(desk: Desk, login: Any) -> JSON:
    row = await desk.person(login["user_id"])
    details = LoginDetails.model_validate(login)
    shown = Account.model_validate(row)
    return JSON(moderation.account(shown, details, desk.at, desk.writer))
