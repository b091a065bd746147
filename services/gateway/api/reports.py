"""Somebody reports somebody to the admins."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.contracts.moderation import Report
from services.gateway.bodies import Said, said
from services.gateway.desk import Desk, numeric
from services.gateway.documents import gives, lists, takes
from services.gateway.entities import moderation
from services.gateway.entities.instances import RULES

Reporter = Annotated[Caller, Depends(require_user("write:reports"))]
CATEGORIES = ("spam", "legal", "violation", "other")
MOST_STATUSES = 40
MOST_COMMENT = 1_000


def create_router(desk: Desk) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/api/v1", tags=["reports"])

    @router.post(
        "/reports",
        openapi_extra=takes(
            account_id="string",
            status_ids=lists("string"),
            comment="string",
            category={"type": "string", "enum": list(CATEGORIES)},
            rule_ids=lists("string"),
            forward="boolean",
            example={"account_id": "114000000000000000", "comment": "Spam.", "category": "spam"},
        ),
        responses=gives(description="A Report."),
    )
    async def report(request: Request, caller: Reporter) -> OrjsonResponse:
        """Report somebody, with posts of theirs and the rules that they broke, where there are."""
        new = _new(await said(request))
        row = await desk.person(new["target"])
        await _check_posts(desk, caller, new)
        made = await desk.ask("users", "reports", caller, method="POST", json=new)
        target = orjson.loads(desk.rendered.account(row))
        return OrjsonResponse(moderation.report(Report.model_validate(made), target))

    return router


def _new(body: Said) -> dict[str, Any]:
    """A `NewReport`. Raises `Invalid`."""
    target = body.words("account_id")
    rules = list(dict.fromkeys(body.texts("rule_ids") or []))
    category = body.words("category") or ("violation" if rules else "other")
    statuses = list(dict.fromkeys(numeric(id) for id in body.texts("status_ids") or []))
    comment = body.words("comment")
    if not target:
        raise Invalid("Validation failed: account_id can't be blank.")
    if category not in CATEGORIES:
        raise Invalid(f"Validation failed: category must be one of {', '.join(CATEGORIES)}.")
    if not all(id in _rule_ids() for id in rules) or (rules and category != "violation"):
        raise Invalid("Validation failed: rule_ids must be rules of this place, of a violation.")
    if len(comment) > MOST_COMMENT:
        raise Invalid(f"Validation failed: the comment is longer than {MOST_COMMENT} characters.")
    if len(statuses) > MOST_STATUSES:
        raise Invalid(f"Validation failed: at most {MOST_STATUSES} posts can be reported at once.")
    return {
        "target": numeric(target),
        "statuses": statuses,
        "comment": comment,
        "category": category,
        "rules": rules,
    }


def _rule_ids() -> set[str]:
    return {str(number) for number in range(1, len(RULES) + 1)}


async def _check_posts(desk: Desk, caller: Caller, new: dict[str, Any]) -> None:
    """Raise `NotFound` for posts that the caller does not see, `Invalid` for somebody else's."""
    if not new["statuses"]:
        return
    reader = caller if caller.may("read:statuses") else None
    params = {"ids": ",".join(new["statuses"])}
    views = await desk.ask("posts", "posts", reader, params=params)
    if len(views) < len(new["statuses"]):
        raise NotFound("Record not found")
    if any(view["post"]["author"] != new["target"] for view in views):
        raise Invalid("Validation failed: the posts must be of who is reported.")
