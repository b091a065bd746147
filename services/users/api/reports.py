"""The routes of reports, which the gateway calls."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from services.chassis.http.openapi import error_responses, responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.moderation import NewReport, Report, ReportList
from services.users.api.parameters import PageWindow, PathId
from services.users.application.reports import ReportService

Reporter = Annotated[Caller, Depends(require_user("write:reports"))]
ReportReader = Annotated[Caller, Depends(require_user("admin:read:reports"))]
Moderator = Annotated[Caller, Depends(require_user("admin:write:reports"))]
FilterId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]

_REPORT = responses(Report, "The report.", 401, 403, 404)
_PAGE = responses(ReportList, "A page, newest first.", 401, 403)


def create_router(reports: ReportService) -> APIRouter:
    """Return the routes of reports."""
    router = APIRouter(prefix="/reports", tags=["reports"])

    @router.post("", responses={**_REPORT, **error_responses(422)})
    async def create_report(new: NewReport, caller: Reporter) -> OrjsonResponse:
        """Report an account to the admins."""
        return OrjsonResponse(await reports.create(new, caller.user_id))

    @router.get("", responses=_PAGE)
    async def list_reports(
        window: PageWindow,
        _: ReportReader,
        resolved: bool = False,
        account: FilterId = "",
        target: FilterId = "",
    ) -> OrjsonResponse:
        """List open or resolved reports, optionally by reporter or by target."""
        page = await reports.page(window, resolved=resolved, account=account, target=target)
        return OrjsonResponse(page)

    @router.get("/{id}", responses=_REPORT)
    async def get_report(id: PathId, _: ReportReader) -> OrjsonResponse:
        """Return a report."""
        return OrjsonResponse(await reports.get(id))

    @router.post("/{id}/{verb}", responses=_REPORT)
    async def change_report(
        id: PathId,
        verb: Literal["resolve", "reopen", "assign", "unassign"],
        caller: Moderator,
    ) -> OrjsonResponse:
        """Resolve or reopen a report, or assign it to the caller or to nobody."""
        if verb == "resolve":
            return OrjsonResponse(await reports.resolve(id, caller.user_id))
        if verb == "reopen":
            return OrjsonResponse(await reports.reopen(id))
        return OrjsonResponse(await reports.assign(id, caller.user_id if verb == "assign" else ""))

    return router
