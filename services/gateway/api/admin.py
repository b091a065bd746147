"""What admins do. Every route needs a scope that only admins are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.chassis.ids import id_time, timestamp
from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.contracts.accounts import Account, Profile
from services.contracts.logins import LoginDetails
from services.contracts.moderation import Report
from services.gateway import paging
from services.gateway.bodies import flags, said
from services.gateway.desk import Desk, answer, numeric, together
from services.gateway.documents import gives, takes
from services.gateway.entities import moderation
from services.gateway.entities.instances import Instances
from services.gateway.entities.rendered import Row

Overseer = Annotated[Caller, Depends(require_user("admin:read:accounts"))]
Judge = Annotated[Caller, Depends(require_user("admin:write:accounts"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
Reader = Annotated[Caller, Depends(require_user("admin:read:reports"))]
Arbiter = Annotated[Caller, Depends(require_user("admin:write:reports"))]
Somebody = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]
_AT_ONCE = 80
_VERBS = {
    "resolve": "resolve",
    "reopen": "reopen",
    "assign_to_self": "assign",
    "unassign": "unassign",
}
_REPORT = gives(description="An Admin::Report.")
_ACCOUNT = gives(description="An Admin::Account.")


def create_router(desk: Desk) -> APIRouter:
    """Routes for admins."""
    router = APIRouter()
    router.routes.extend(_accounts(desk).routes)
    router.routes.extend(_reports(desk).routes)
    return router


def _accounts(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/admin/accounts/{id}", tags=["admin"])

    @router.get("", responses=_ACCOUNT)
    async def account(id: Id, caller: Overseer) -> OrjsonResponse:
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
    async def act(request: Request, id: Id, caller: Judge) -> OrjsonResponse:
        """Suspend somebody (`type=suspend`), or just close a report on them (`none`)."""
        body = await said(request)
        if body.words("type") not in ("none", "suspend"):
            raise Invalid("The type of an action is «suspend» or «none».")
        report = numeric(body.words("report_id")) if body.words("report_id") else ""
        if report and not caller.may("admin:write:reports"):
            raise Forbidden("The access token does not cover the scope admin:write:reports.")
        if body.words("type") == "suspend":
            await desk.ask("auth", f"people/{numeric(id)}/suspend", caller, method="POST")
        if report:
            await desk.ask("users", f"reports/{report}/resolve", caller, method="POST")
        return OrjsonResponse({})

    @router.post("/unsuspend", responses=_ACCOUNT)
    async def unsuspend(id: Id, caller: Judge) -> OrjsonResponse:
        """Let somebody in again, with all that was theirs."""
        login = await desk.ask("auth", f"people/{numeric(id)}/unsuspend", caller, method="POST")
        return await _shown(desk, login)

    return router


def _reports(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/admin/reports", tags=["admin"])

    @router.get(
        "",
        responses=gives([], "A page of Admin::Report."),
        openapi_extra=paging.pages(resolved="Those that were dealt with."),
    )
    async def reports(
        request: Request,
        caller: Reader,
        window: paging.People,
        account_id: Somebody = "",
        target_account_id: Somebody = "",
    ) -> Response:
        """The open reports, or the resolved ones; perhaps by, or on, somebody."""
        asked = {"account": account_id, "target": target_account_id}
        params = window.params() | {name: id for name, id in asked.items() if id}
        params |= flags(request, "resolved")
        page = await desk.ask("users", "reports", caller, params=params)
        body = orjson.dumps(await _whole(desk, page["reports"], caller))
        return answer(body, paging.links_of(desk.at.public_url, request, page["ids"]))

    @router.get("/{id}", responses=_REPORT)
    async def report(id: Id, caller: Reader) -> OrjsonResponse:
        """One report."""
        row = await desk.ask("users", f"reports/{numeric(id)}", caller)
        return OrjsonResponse((await _whole(desk, [row], caller))[0])

    for verb, act in _VERBS.items():
        _on_report(router, desk, verb, act)
    return router


def _on_report(router: APIRouter, desk: Desk, verb: str, act: str) -> None:
    async def route(id: Id, caller: Arbiter) -> OrjsonResponse:
        """Deal with a report, or not after all; take it on, or leave it to others."""
        row = await desk.ask("users", f"reports/{numeric(id)}/{act}", caller, method="POST")
        return OrjsonResponse((await _whole(desk, [row], caller))[0])

    router.add_api_route(
        f"/{{id}}/{verb}",
        route,
        methods=["POST"],
        responses=_REPORT,
        name=verb,
        response_model=None,
    )


async def _whole(desk: Desk, rows: Sequence[Row], caller: Caller) -> list[Any]:
    """Reports with all that is shown in them: three services asked, however many there are.

    What the token does not cover is as if it were not there: accounts are shown without what only
    admins see.
    """
    reports = [Report.model_validate(row) for row in rows]
    ids = dict.fromkeys(
        id for r in reports for id in (r.account, r.target, r.assigned, r.resolved_by) if id
    )
    accounts, logins, views = await together(
        desk.people(list(ids)), _logins(desk, list(ids), caller), _posts(desk, reports, caller)
    )
    people = {
        id: moderation.account(
            Account.model_validate(accounts[id]) if id in accounts else _nobody(id),
            LoginDetails.model_validate(logins[id]) if id in logins else _no_login(id),
            desk.at,
            desk.writer,
        )
        for id in ids
    }
    statuses = {status["id"]: status for status in orjson.loads(await desk.statuses(views))}
    rules = Instances(desk.settings, desk.at, desk.writer).rules()
    return [moderation.admin_report(report, people, statuses, rules) for report in reports]


async def _logins(desk: Desk, ids: Sequence[str], caller: Caller) -> dict[str, Row]:
    if not caller.may("admin:read:accounts"):
        return {}
    found: dict[str, Row] = {}
    for some in _batches(ids):
        found |= await desk.ask("auth", "people", caller, params={"ids": some})
    return found


async def _posts(desk: Desk, reports: Sequence[Report], caller: Caller) -> list[Row]:
    if not caller.may("admin:read:reports"):
        return []
    ids = dict.fromkeys(id for report in reports for id in report.statuses)
    views: list[Row] = []
    for some in _batches(list(ids)):
        views += await desk.ask("posts", "reported", caller, params={"ids": some})
    return views


def _batches(ids: Sequence[str]) -> Iterator[str]:
    """Ids as they fit into an address."""
    for start in range(0, len(ids), _AT_ONCE):
        yield ",".join(ids[start : start + _AT_ONCE])


def _nobody(id: str) -> Account:
    """Somebody who is not there any more."""
    return Account(profile=Profile(id=id, username=f"deleted_{id}", created_at=_made(id)))


def _no_login(id: str) -> LoginDetails:
    """A login that is not there any more, or not for the caller to see."""
    return LoginDetails(user_id=id, username="", created_at=_made(id), email="")


def _made(id: str) -> str:
    return timestamp(id_time(id))


async def _shown(desk: Desk, login: Any) -> OrjsonResponse:
    row = await desk.person(login["user_id"])
    details = LoginDetails.model_validate(login)
    shown = Account.model_validate(row)
    return OrjsonResponse(moderation.account(shown, details, desk.at, desk.writer))
