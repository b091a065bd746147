"""The form that deletes an account."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.contracts.logins import DeletionRequest
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.reading import read_params
from services.gateway.http.session_cookie import delete_session_cookie
from services.gateway.web.login_form import login_credentials, retry_form
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import Viewer

_PATH = "/auth/delete"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The form and its submission."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    def form(
        viewer: Caller | None, *, login: str = "", error: str = "", status: int = 200
    ) -> Response:
        return pages.render("delete", viewer=viewer, status=status, login=login, error=error)

    @router.get(_PATH)
    async def ask(viewer: Viewer) -> Response:
        """The form. Users who are logged in prove who they are, too."""
        return form(viewer, login=viewer.username if viewer else "")

    @router.post(_PATH)
    async def delete(request: Request, viewer: Viewer) -> Response:
        """Delete the account."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        who = login_credentials(body)
        login = who["login"]
        if not body.strict_boolean("sure"):
            return form(
                viewer, login=login, error=pages.texts("delete_account.not_sure"), status=422
            )
        try:
            await gateway.services.auth.delete_account(DeletionRequest(**who), viewer)
        except ServiceError as failure:
            if (again := retry_form(failure, partial(form, viewer, login=login))) is not None:
                return again
            raise
        page = pages.render("deleted")
        delete_session_cookie(page)
        return page

    return router
