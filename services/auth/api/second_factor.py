"""The routes of second factors, for users of the web app."""

from __future__ import annotations

from fastapi import APIRouter

from services.auth.adapters.totp import provisioning_uri
from services.auth.api.parameters import NO_CONTENT, WebReader, WebWriter, new_router
from services.auth.application.passwords import PasswordService
from services.auth.application.second_factor import SecondFactorService
from services.chassis.http.openapi import error_responses
from services.contracts.logins import (
    CurrentPassword,
    NewSecondFactor,
    RecoveryCodes,
    SecondFactorCode,
    SecondFactorStatus,
)


def create_router(
    factors: SecondFactorService, passwords: PasswordService, public_host: str
) -> APIRouter:
    """Return the routes. `public_host` names the instance in authenticator apps."""
    router = new_router("second factor")

    @router.get("/second_factor", responses=error_responses(401))
    async def get_second_factor(caller: WebReader) -> SecondFactorStatus:
        """Return whether the user has a second factor."""
        factor = await factors.get(caller.user_id)
        return SecondFactorStatus(
            enabled=factor.enabled, recovery_codes_left=len(factor.recovery_sha256)
        )

    @router.post("/second_factor", responses=error_responses(401, 404, 409, 422, 429))
    async def begin(form: CurrentPassword, caller: WebWriter) -> NewSecondFactor:
        """Make a secret for an authenticator app. Its first code enables it."""
        await passwords.check(caller.user_id, form.current_password)
        secret = await factors.begin(caller.user_id)
        uri = provisioning_uri(secret, caller.username, public_host)
        return NewSecondFactor(secret=secret, uri=uri)

    @router.post("/second_factor/confirm", responses=error_responses(401, 409, 422, 429))
    async def confirm(form: SecondFactorCode, caller: WebWriter) -> RecoveryCodes:
        """Enable the factor. Only this response contains the recovery codes."""
        return RecoveryCodes(codes=await factors.confirm(caller.user_id, form.code))

    @router.post(
        "/second_factor/disable", responses=NO_CONTENT | error_responses(401, 404, 422, 429)
    )
    async def disable(form: CurrentPassword, caller: WebWriter) -> dict[str, str]:
        """Disable the factor."""
        await passwords.check(caller.user_id, form.current_password)
        await factors.disable(caller.user_id)
        return {}

    return router
