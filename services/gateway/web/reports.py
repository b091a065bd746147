"""The page that reports an account, or a post of it, to the admins."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.gateway.application.failures import log_failure
from services.gateway.application.reports import (
    CATEGORIES,
    MAX_COMMENT_LENGTH,
    RULE_IDS,
    new_report,
)
from services.gateway.container import Gateway
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.params import RequestParams
from services.gateway.http.paths import REPORT
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities.instances import RULES
from services.gateway.web.people import relationships
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity
from services.gateway.web.viewer import SignedIn

_Id = Annotated[str, Query(max_length=20, pattern=r"^\d+$")]
_OptionalId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]
_EMPTY: dict[str, Any] = {"category": "", "rules": [], "comment": ""}


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The form, and the page after it."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    rules = [(id, text) for id, (text, _) in zip(RULE_IDS, RULES, strict=True)]

    async def form(
        viewer: Caller,
        target: str,
        post: str,
        given: dict[str, Any],
        *,
        status: int = 200,
        faults: dict[str, str] | None = None,
    ) -> Response:
        view = await gateway.posts.get(post, viewer) if post else None
        if view is not None and view["post"]["author"] != target:
            raise NotFound(pages.texts("error.404.text"))
        return pages.render(
            "report",
            viewer=viewer,
            status=status,
            account=await _account(gateway, target),
            post=orjson.loads(await gateway.posts.render(view)) if view else None,
            given=given,
            faults=faults or {},
            rules=rules,
            categories=CATEGORIES,
            max_comment=MAX_COMMENT_LENGTH,
        )

    @router.get(REPORT)
    async def ask(viewer: SignedIn, account: _Id, post: _OptionalId = "") -> Response:
        """The form."""
        return await form(viewer, account, post, _EMPTY)

    @router.post(REPORT)
    async def send(request: Request, viewer: SignedIn) -> Response:
        """Send the report; or show the form again."""
        body = await read_params(request)
        target, post = body.string("account"), body.string("post")
        given = _given(body)
        if faults := _faults(given, pages):
            return await form(viewer, target, post, given, status=422, faults=faults)
        try:
            new = new_report(target=target, statuses=[post] if post else [], **given)
            await gateway.reports.send(new, viewer)
        except (NotFound, Unauthenticated):
            raise
        except ServiceError as failure:
            log_failure(failure)
            status, faults = public_status(failure.status), {"": public_message(failure)}
            return await form(viewer, target, post, given, status=status, faults=faults)
        return RedirectResponse(f"{REPORT}/sent?account={new.target}", 303)

    @router.get(f"{REPORT}/sent")
    async def sent(viewer: SignedIn, account: _Id) -> Response:
        """Thanks, and what the viewer can do besides."""
        known = await relationships(gateway, [account], viewer)
        return pages.render(
            "report_sent",
            viewer=viewer,
            account=await _account(gateway, account),
            relationship=known.get(account),
        )

    return router


async def _account(gateway: Gateway, id: str) -> Entity:
    entity: Entity = orjson.loads(
        gateway.renderer.account(await gateway.services.users.account(id))
    )
    return entity


def _given(body: RequestParams) -> dict[str, Any]:
    """What was typed. Rules count for a violation only."""
    category = body.string("category")
    rules = body.strings("rules") or []
    return {
        "category": category,
        "rules": rules if category == "violation" else [],
        "comment": body.string("comment").replace("\r\n", "\n"),
    }


def _faults(given: dict[str, Any], pages: PageRenderer) -> dict[str, str]:
    faults = {}
    if given["category"] not in CATEGORIES:
        faults["category"] = pages.texts("report.no_category")
    if len(given["comment"]) > MAX_COMMENT_LENGTH:
        faults["comment"] = pages.texts(
            "settings.too_long", length=len(given["comment"]), most=MAX_COMMENT_LENGTH
        )
    return faults
