"""The form that deletes an account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import ServiceError
from services.contracts.logins import DeletionRequest
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.web.login_form import login_credentials
from services.gateway.web.renderer import PageRenderer

_PATH = "/auth/delete"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The form and its submission."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    def form(*, login: str = "", error: str = "", status: int = 200) -> Response:
        return pages.render("delete", status=status, login=login, error=error)

    @router.get(_PATH)
    async def ask() -> Response:
        """The form."""
        return form()

    @router.post(_PATH)
    async def delete(request: Request) -> Response:
        """Delete the account."""
        body = await read_params(request)
        who = login_credentials(body)
        login = who["login"]
        if not body.strict_boolean("sure"):
            return form(login=login, error="Confirm that you are sure.", status=422)
        try:
            await gateway.services.auth.delete_account(DeletionRequest(**who))
        except ServiceError as failure:
            if failure.code == "wrong_login" or failure.status == 429:
                status = 429 if failure.status == 429 else 422
                return form(login=login, error=failure.message, status=status)
            raise
        return pages.render("deleted")

    return router
