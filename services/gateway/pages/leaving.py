"""The form by which somebody deletes their account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import ServiceError
from services.gateway.bodies import said
from services.gateway.desk import Desk
from services.gateway.pages.paper import Paper
from services.gateway.pages.proving import proof

_DELETE = "/auth/delete"


def create_router(desk: Desk, paper: Paper) -> APIRouter:
    """The form, and what it does."""
    router = APIRouter(tags=["pages"], route_class=paper.route_class(), include_in_schema=False)

    def form(*, login: str = "", error: str = "", status: int = 200) -> Response:
        return paper.page("delete", status=status, login=login, error=error)

    @router.get(_DELETE)
    async def ask() -> Response:
        """Show the form."""
        return form()

    @router.post(_DELETE)
    async def delete(request: Request) -> Response:
        """Somebody filled it in."""
        body = await said(request)
        who = proof(body)
        login = who["login"]
        if not body.decision("sure"):
            return form(login=login, error="Tick that you are sure.", status=422)
        try:
            await desk.ask("auth", "deletions", method="POST", json=who)
        except ServiceError as failure:
            if failure.code == "wrong_login" or failure.status == 429:
                status = 429 if failure.status == 429 else 422
                return form(login=login, error=failure.message, status=status)
            raise
        return paper.page("deleted")

    return router
