"""The routes about reports, which the gateway invokes."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.moderation import NewReport, Report, ReportList
from services.users import examples
from services.users.api.accounts import Account_, Wanted, gives
from services.users.application.reports import ReportService

Reporter = Annotated[Caller, Depends(require_user("write:reports"))]
Reader = Annotated[Caller, Depends(require_user("admin:read:reports"))]
Judge = Annotated[Caller, Depends(require_user("admin:write:reports"))]
Somebody = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]

REPORT = gives(Report, examples.REPORT, "The report.", 401, 403, 404)
PAGE = gives(
    ReportList,
    {"ids": [examples.REPORT["id"]], "reports": [examples.REPORT]},
    "A page, newest first.",
    401,
    403,
)


def create_router(reports: ReportService) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/reports", tags=["reports"])

    @router.post("", responses={**REPORT, 422: examples.FAILURES[422]})
    async def make(
        new: Annotated[NewReport, Body(openapi_examples=examples.NEW_REPORT)], caller: Reporter
    ) -> OrjsonResponse:
        """Report somebody to the admins."""
        return OrjsonResponse(await reports.create(new, caller.user_id))

    @router.get("", responses=PAGE)
    async def page(
        window: Wanted,
        _: Reader,
        resolved: bool = False,
        account: Somebody = "",
        target: Somebody = "",
    ) -> OrjsonResponse:
        """The open reports, or the resolved ones; perhaps by, or on, somebody."""
        return OrjsonResponse(
            await reports.page(window, resolved=resolved, account=account, target=target)
        )

    @router.get("/{id}", responses=REPORT)
    async def one(id: Account_, _: Reader) -> OrjsonResponse:
        """One report."""
        return OrjsonResponse(await reports.get(id))

    @router.post("/{id}/{verb}", responses=REPORT)
    async def act(
        id: Account_, verb: Literal["resolve", "reopen", "assign", "unassign"], caller: Judge
    ) -> OrjsonResponse:
        """Deal with it, or not after all; take it on, or leave it to others."""
        if verb == "resolve":
            return OrjsonResponse(await reports.resolve(id, caller.user_id))
        if verb == "reopen":
            return OrjsonResponse(await reports.reopen(id))
        return OrjsonResponse(await reports.assign(id, caller.user_id if verb == "assign" else ""))

    return router
