"""The pages of a forgotten password, and of links that mails carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError
from services.contracts.logins import AccountLink, ForgottenPassword, PasswordReset
from services.gateway.application.failures import log_failure
from services.gateway.application.registration import field_errors
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.params import RequestParams
from services.gateway.http.paths import EMAIL_CONFIRMATION, RECOVERY, RECOVERY_LINK
from services.gateway.http.reading import read_params
from services.gateway.web.addresses import LOGIN
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import Viewer


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The pages. Mail programs follow links on their own, so every link opens a form."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    router.routes.extend(_forgotten_routes(gateway, pages).routes)
    router.routes.extend(_new_password_routes(gateway, pages).routes)
    router.routes.extend(_confirmation_routes(gateway, pages).routes)
    return router


def _forgotten_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get(RECOVERY)
    async def ask(viewer: Viewer) -> Response:
        """The form; where no mail can be sent, whom to ask."""
        return pages.render("password_forgotten", viewer=viewer, is_sent=False)

    @router.post(RECOVERY)
    async def request(request: Request, viewer: Viewer) -> Response:
        """Request a link. The answer is the same for every address."""
        email = (
            (await read_params(request, most=MAX_CREDENTIAL_BYTES)).string("email").strip()[:320]
        )
        await gateway.services.auth.request_password_reset(ForgottenPassword(email=email))
        return pages.render("password_forgotten", viewer=viewer, is_sent=True)

    return router


def _new_password_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    def form(
        link: AccountLink,
        *,
        status: int = 200,
        faults: Mapping[str, Sequence[str]] | None = None,
        error: str = "",
    ) -> Response:
        return pages.render(
            "password_new", status=status, link=link, faults=faults or {}, error=error
        )

    @router.get(RECOVERY_LINK)
    async def ask(of: str = "", token: str = "") -> Response:
        """The form of a new password."""
        return form(_link(of, token))

    @router.post(RECOVERY_LINK)
    async def reset(request: Request) -> Response:
        """Set the password, and lead to the login."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        link = _link_of(body)
        new = PasswordReset.model_construct(
            user_id=link.user_id, token=link.token, password=body.string("password")[:1000]
        )
        try:
            await gateway.services.auth.reset_password(new)
        except ServiceError as failure:
            log_failure(failure)
            by_field, status = field_errors(failure), public_status(failure.status)
            error = "" if by_field else public_message(failure)
            return form(link, status=status, faults=by_field, error=error)
        return RedirectResponse(f"{LOGIN}?new_password=1", 303)

    return router


def _confirmation_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get(EMAIL_CONFIRMATION)
    async def ask(viewer: Viewer, of: str = "", token: str = "") -> Response:
        """The form with one button."""
        return pages.render(
            "email_confirmation", viewer=viewer, link=_link(of, token), is_done=False, error=""
        )

    @router.post(EMAIL_CONFIRMATION)
    async def confirm(request: Request, viewer: Viewer) -> Response:
        """Confirm the address."""
        link = _link_of(await read_params(request, most=MAX_CREDENTIAL_BYTES))
        try:
            await gateway.services.auth.confirm_email(link)
        except ServiceError as failure:
            log_failure(failure)
            return pages.render(
                "email_confirmation",
                viewer=viewer,
                status=public_status(failure.status),
                link=link,
                is_done=False,
                error=public_message(failure),
            )
        return pages.render("email_confirmation", viewer=viewer, is_done=True, error="")

    return router


def _link(of: str, token: str) -> AccountLink:
    """What a link carries, truncated to auth's bounds. Auth validates it."""
    return AccountLink.model_construct(user_id=of[:20], token=token[:100])


def _link_of(body: RequestParams) -> AccountLink:
    return _link(body.string("of"), body.string("token"))
