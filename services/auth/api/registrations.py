"""The routes by which users register and delete their accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.auth.api.parameters import new_router
from services.auth.api.tokens import token_body
from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.oauth import OAuthService
from services.auth.application.registration import RegistrationService
from services.auth.domain.users import validate_registration
from services.chassis.errors import Forbidden
from services.chassis.http.openapi import error_responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.contracts.logins import (
    DeletionRequest,
    DeletionResponse,
    RegistrationRequest,
    RegistrationResponse,
)

AppToken = Annotated[Caller | None, Depends(optional_user("write:accounts"))]


def create_router(
    registration: RegistrationService, oauth: OAuthService, deletion: AccountDeletion
) -> APIRouter:
    """Return the routes of registration and account deletion."""
    router = new_router("registrations")

    @router.post("/registrations", responses=error_responses(401, 403, 422, 429))
    async def register(form: RegistrationRequest, app: AppToken) -> RegistrationResponse:
        """Register a user. With an app's own token, also issue that app a token for the user.

        The `details` of a 422 say for each field what is wrong with it.
        """
        if app is not None and app.user_id:
            raise Forbidden("A logged-in user cannot register another user. Log out first.")
        new_user = validate_registration(
            form.username, form.email, form.password, agreement=form.agreement, locale=form.locale
        )
        if app is not None:
            await oauth.ensure_can_sign()
        user = await registration.register(new_user)
        signed = (
            await oauth.token_for_new_user(app.client_id, user, form.user_agent) if app else None
        )
        return RegistrationResponse(
            user_id=user.user_id,
            username=user.username,
            token=token_body(signed) if signed else None,
        )

    @router.post("/deletions", responses=error_responses(401, 403, 422, 429))
    async def delete_account(form: DeletionRequest, caller: AppToken) -> DeletionResponse:
        """Delete an account for good. With a token, only the account of the token's user.

        All tokens of the user stop working everywhere within 5 s. The other services delete the
        user's content in the background.
        """
        user_id = caller.user_id if caller else ""
        return DeletionResponse(user_id=await deletion.delete(form.login, form.password, user_id))

    return router
