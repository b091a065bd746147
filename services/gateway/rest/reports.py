"""Reports to the admins."""

from __future__ import annotations

from typing import Annotated, cast

import orjson
from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Invalid, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.paths import numeric_id
from services.contracts.moderation import Category, NewReport, Report
from services.gateway.container import Gateway
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import moderation
from services.gateway.presentation.entities.instances import RULES

ReportWriter = Annotated[Caller, Depends(require_user("write:reports"))]
CATEGORIES = ("spam", "legal", "violation", "other")
MAX_STATUSES = 40
MAX_COMMENT_LENGTH = 1_000


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
        new = _new_report(await read_params(request))
        row = await gateway.services.users.account(new.target)
        await _check_posts(gateway, caller, new)
        made = await gateway.services.users.report(new, caller)
        target = orjson.loads(gateway.renderer.account(row))
        return OrjsonResponse(moderation.report(Report.model_validate(made), target))

    return router


def _new_report(body: RequestParams) -> NewReport:
    """A `NewReport`. Raises `Invalid`."""
    target = body.string("account_id")
    rules = list(dict.fromkeys(body.strings("rule_ids") or []))
    category = body.string("category") or ("violation" if rules else "other")
    statuses = list(dict.fromkeys(numeric_id(id) for id in body.strings("status_ids") or []))
    comment = body.string("comment")
    if not target:
        raise Invalid("Validation failed: account_id can't be blank.")
    if category not in CATEGORIES:
        raise Invalid(f"Validation failed: category must be one of {', '.join(CATEGORIES)}.")
    if not all(id in _rule_ids() for id in rules) or (rules and category != "violation"):
        raise Invalid(
            "Validation failed: rule_ids must be rules of this server, with category violation."
        )
    if len(comment) > MAX_COMMENT_LENGTH:
        raise Invalid(
            f"Validation failed: the comment is longer than {MAX_COMMENT_LENGTH} characters."
        )
    if len(statuses) > MAX_STATUSES:
        raise Invalid(f"Validation failed: at most {MAX_STATUSES} posts can be reported at once.")
    return NewReport.model_construct(
        target=numeric_id(target),
        statuses=statuses,
        comment=comment,
        category=cast(Category, category),
        rules=rules,
    )


def _rule_ids() -> set[str]:
    return {str(number) for number in range(1, len(RULES) + 1)}


async def _check_posts(gateway: Gateway, caller: Caller, new: NewReport) -> None:
    """Raise `NotFound` for posts that the caller may not see, `Invalid` for other authors."""
    if not new.statuses:
        return
    reader = caller if caller.may("read:statuses") else None
    views = await gateway.services.posts.posts(new.statuses, reader)
    if len(views) < len(new.statuses):
        raise NotFound("Record not found")
    if any(view["post"]["author"] != new.target for view in views):
        raise Invalid("Validation failed: the posts must be by the reported account.")
