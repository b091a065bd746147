"""Reports to the admins."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.moderation import Report
from services.gateway.application.reports import CATEGORIES, new_report
from services.gateway.container import Gateway
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import moderation

ReportWriter = Annotated[Caller, Depends(require_user("write:reports"))]


def create_router(gateway: Gateway) -> APIRouter:
    """The route that creates reports."""
    router = APIRouter(prefix="/api/v1", tags=["reports"])

    @router.post(
        "/reports",
        openapi_extra=request_body(
            account_id="string",
            status_ids=array_of("string"),
            comment="string",
            category={"type": "string", "enum": list(CATEGORIES)},
            rule_ids=array_of("string"),
            forward="boolean",
            example={"account_id": "114000000000000000", "comment": "Spam.", "category": "spam"},
        ),
        responses=responses(description="A Report."),
    )
    async def report(request: Request, caller: ReportWriter) -> OrjsonResponse:
        """Report an account, optionally with posts and violated rules."""
        body = await read_params(request)
        new = new_report(
            target=body.string("account_id"),
            statuses=body.strings("status_ids") or (),
            rules=body.strings("rule_ids") or (),
            category=body.string("category"),
            comment=body.string("comment"),
        )
        made, row = await gateway.reports.send(new, caller)
        target = orjson.loads(gateway.renderer.account(row))
        return OrjsonResponse(moderation.report(Report.model_validate(made), target))

    return router
