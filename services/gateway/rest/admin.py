"""The admin API. Every route requires a scope that only admins can get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.base import batches, gather_all
from services.clients.json_types.accounts import ReportJson
from services.clients.json_types.posts import PostViewJson
from services.clients.paths import numeric_id
from services.clients.users import ReportAction
from services.contracts.accounts import Account, Profile
from services.contracts.logins import LoginDetails
from services.contracts.moderation import Report
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.query import query_flag
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.presentation.entities import moderation
from services.gateway.presentation.entities.instances import InstanceEntities
from services.gateway.rest.dependencies import Id

AccountAdminReader = Annotated[Caller, Depends(require_user("admin:read:accounts"))]
AccountAdmin = Annotated[Caller, Depends(require_user("admin:write:accounts"))]

ReportAdminReader = Annotated[Caller, Depends(require_user("admin:read:reports"))]
ReportAdmin = Annotated[Caller, Depends(require_user("admin:write:reports"))]
AccountIdFilter = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]
_REPORT_ACTIONS: Mapping[str, ReportAction] = {
    "resolve": "resolve",
    "reopen": "reopen",
    "assign_to_self": "assign",
    "unassign": "unassign",
}
_REPORT = responses(description="An Admin::Report.")
_ACCOUNT = responses(description="An Admin::Account.")


def create_router(gateway: Gateway) -> APIRouter:
    """The routes of the admin API."""
    router = APIRouter()
    router.routes.extend(_account_routes(gateway).routes)
    router.routes.extend(_report_routes(gateway).routes)
    return router


def _account_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1/admin/accounts/{id}", tags=["admin"])

    @router.get("", responses=_ACCOUNT)
    async def account(id: Id, caller: AccountAdminReader) -> OrjsonResponse:
        """An account with what only admins may see."""
        id = numeric_id(id)
        logins = await gateway.services.auth.login_details([id], caller)
        if id not in logins:
            raise NotFound("Record not found")
        return await _account_response(gateway, logins[id])

    @router.post(
        "/action",
        openapi_extra=request_body(type="string", report_id="string", example={"type": "suspend"}),
        responses=responses({}, "Done. A repeat changes nothing."),
    )
    async def act(request: Request, id: Id, caller: AccountAdmin) -> OrjsonResponse:
        """Suspend an account (`type=suspend`), or only resolve a report on it (`none`)."""
        body = await read_params(request)
        if body.string("type") not in ("none", "suspend"):
            raise Invalid("type must be suspend or none.")
        report = numeric_id(body.string("report_id")) if body.string("report_id") else ""
        if report and not caller.may("admin:write:reports"):
            raise Forbidden("The access token does not cover the scope admin:write:reports.")
        if body.string("type") == "suspend":
            await gateway.services.auth.set_suspension(id, "suspend", caller)
        if report:
            await gateway.services.users.change_report(report, "resolve", caller)
        return OrjsonResponse({})

    @router.post("/unsuspend", responses=_ACCOUNT)
    async def unsuspend(id: Id, caller: AccountAdmin) -> OrjsonResponse:
        """End a suspension. All data of the account is visible again."""
        login = await gateway.services.auth.set_suspension(id, "unsuspend", caller)
        return await _account_response(gateway, login)

    return router


def _report_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1/admin/reports", tags=["admin"])

    @router.get(
        "",
        responses=responses([], "A page of Admin::Report."),
        openapi_extra=paging.page_parameters(resolved="Only resolved reports."),
    )
    async def reports(
        request: Request,
        caller: ReportAdminReader,
        window: paging.AccountWindow,
        account_id: AccountIdFilter = "",
        target_account_id: AccountIdFilter = "",
    ) -> Response:
        """The open or the resolved reports, optionally by or on an account."""
        page = await gateway.services.users.reports(
            caller,
            window,
            resolved=query_flag(request, "resolved"),
            account=account_id,
            target=target_account_id,
        )
        body = orjson.dumps(await _report_entities(gateway, page["reports"], caller))
        return json_response(
            body, paging.link_header_of(gateway.urls.public_url, request, page["ids"])
        )

    @router.get("/{id}", responses=_REPORT)
    async def report(id: Id, caller: ReportAdminReader) -> OrjsonResponse:
        """One report."""
        row = await gateway.services.users.report_by_id(id, caller)
        return OrjsonResponse((await _report_entities(gateway, [row], caller))[0])

    for verb, act in _REPORT_ACTIONS.items():
        _add_report_action(router, gateway, verb, act)
    return router


def _add_report_action(router: APIRouter, gateway: Gateway, verb: str, act: ReportAction) -> None:
    async def route(id: Id, caller: ReportAdmin) -> OrjsonResponse:
        """Resolve or reopen a report, or assign it to the caller or to nobody."""
        row = await gateway.services.users.change_report(id, act, caller)
        return OrjsonResponse((await _report_entities(gateway, [row], caller))[0])

    router.add_api_route(
        f"/{{id}}/{verb}",
        route,
        methods=["POST"],
        responses=_REPORT,
        name=verb,
        response_model=None,
    )


async def _report_entities(
    gateway: Gateway, rows: Sequence[ReportJson], caller: Caller
) -> list[Any]:
    """The entities of reports. Costs one call of each of three services per 80 accounts or posts.

    What the token does not cover is left out.
    """
    reports = [Report.model_validate(row) for row in rows]
    ids = dict.fromkeys(
        id for r in reports for id in (r.account, r.target, r.assigned, r.resolved_by) if id
    )
    accounts, logins, views = await gather_all(
        gateway.services.users.accounts(list(ids)),
        _logins(gateway, list(ids), caller),
        _reported_posts(gateway, reports, caller),
    )
    people = {
        id: moderation.admin_account(
            Account.model_validate(accounts[id]) if id in accounts else _deleted_account(id),
            logins.get(id) or _missing_login(id),
            gateway.urls,
            gateway.html,
        )
        for id in ids
    }
    statuses = {
        status["id"]: status for status in orjson.loads(await gateway.posts.render_list(views))
    }
    rules = InstanceEntities(gateway.settings, gateway.urls, gateway.html).rules()
    return [moderation.admin_report(report, people, statuses, rules) for report in reports]


async def _logins(gateway: Gateway, ids: Sequence[str], caller: Caller) -> dict[str, LoginDetails]:
    if not caller.may("admin:read:accounts"):
        return {}
    found: dict[str, LoginDetails] = {}
    for part in batches(ids):
        found |= await gateway.services.auth.login_details(part, caller)
    return found


async def _reported_posts(
    gateway: Gateway, reports: Sequence[Report], caller: Caller
) -> list[PostViewJson]:
    if not caller.may("admin:read:reports"):
        return []
    ids = dict.fromkeys(id for report in reports for id in report.statuses)
    views: list[PostViewJson] = []
    for part in batches(list(ids)):
        views += await gateway.services.posts.reported(part, caller)
    return views


def _deleted_account(id: str) -> Account:
    """A placeholder for a deleted account."""
    return Account(profile=Profile(id=id, username=f"deleted_{id}", created_at=_created_at(id)))


def _missing_login(id: str) -> LoginDetails:
    """A placeholder for a login that is deleted, or that the caller may not see."""
    return LoginDetails(user_id=id, username="", created_at=_created_at(id), email="")


def _created_at(id: str) -> str:
    return timestamp(id_time(id))


async def _account_response(gateway: Gateway, login: LoginDetails) -> OrjsonResponse:
    row = await gateway.services.users.account(login.user_id)
    shown = Account.model_validate(row)
    return OrjsonResponse(moderation.admin_account(shown, login, gateway.urls, gateway.html))
