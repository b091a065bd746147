"""The settings of the second factor: a QR code, the recovery codes, and the way back."""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from services.chassis.errors import ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.contracts.logins import CurrentPassword, NewSecondFactor, SecondFactorCode
from services.gateway.application.failures import log_failure
from services.gateway.application.registration import field_errors
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.paths import SECOND_FACTOR_SETTINGS
from services.gateway.http.reading import read_params
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.settings_forms import Saved, saved
from services.gateway.web.viewer import SignedIn


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page and its forms. Secrets are shown once, in the answer to a form."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    page = _SecondFactorPage(gateway, pages)
    router.add_api_route(SECOND_FACTOR_SETTINGS, page.get, methods=["GET"], response_model=None)
    for path, form in (
        (SECOND_FACTOR_SETTINGS, page.begin),
        (f"{SECOND_FACTOR_SETTINGS}/confirm", page.confirm),
        (f"{SECOND_FACTOR_SETTINGS}/disable", page.disable),
    ):
        router.add_api_route(path, form, methods=["POST"], response_model=None)
    return router


class _SecondFactorPage:
    """The page of the second factor."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._auth = gateway.services.auth
        self._pages = pages

    async def get(self, viewer: SignedIn, saved: Saved = "") -> Response:
        """Whether the viewer has a second factor."""
        return await self._show(viewer, saved=saved)

    async def begin(self, request: Request, viewer: SignedIn) -> Response:
        """Show a new secret."""
        try:
            new = await self._auth.new_second_factor(await _proof(request), viewer)
        except ServiceError as failure:
            return await self._show(viewer, failure=failure)
        return await self._show(viewer, new=new)

    async def confirm(self, request: Request, viewer: SignedIn) -> Response:
        """Enable it with a code, and show the recovery codes.

        After a wrong code the form shows the same secret.
        """
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        new = NewSecondFactor(secret=body.string("secret")[:64], uri=body.string("uri")[:500])
        code = SecondFactorCode(code=body.string("second_factor").strip()[:40])
        try:
            made = await self._auth.confirm_second_factor(code, viewer)
        except ServiceError as failure:
            again = new if failure.status in (422, 429) else None
            return await self._show(viewer, new=again, failure=failure)
        return await self._show(viewer, codes=made.codes)

    async def disable(self, request: Request, viewer: SignedIn) -> Response:
        """Disable it."""
        try:
            await self._auth.disable_second_factor(await _proof(request), viewer)
        except ServiceError as failure:
            return await self._show(viewer, failure=failure)
        return saved(SECOND_FACTOR_SETTINGS)

    async def _show(
        self,
        viewer: Caller,
        *,
        new: NewSecondFactor | None = None,
        codes: Sequence[str] = (),
        failure: ServiceError | None = None,
        saved: Saved = "",
    ) -> Response:
        if isinstance(failure, Unauthenticated):  # the session has ended
            raise failure
        if failure is not None:
            log_failure(failure)
        by_field = field_errors(failure) if failure else {}
        return self._pages.render(
            "settings_second_factor",
            viewer=viewer,
            status=public_status(failure.status) if failure else 200,
            factor=await self._auth.second_factor(viewer),
            new=new,
            qr_code=_qr_code(new.uri) if new else "",
            codes=codes,
            faults=by_field,
            error=public_message(failure) if failure and not by_field else "",
            saved=saved,
        )


async def _proof(request: Request) -> CurrentPassword:
    body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
    return CurrentPassword(current_password=body.string("current_password")[:256])


def _qr_code(uri: str) -> Markup:
    """A QR code as SVG in the page: no request, no script, nothing inline but shapes."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(
        out, kind="svg", scale=4, light="#fff", xmldecl=False, svgns=True, nl=False
    )
    return Markup(out.getvalue().decode())  # noqa: S704 (made of numbers by the library)
