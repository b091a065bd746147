"""The routes of forgotten passwords and of e-mail addresses."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter

from services.auth.api.parameters import NO_CONTENT, WebReader, WebWriter, new_router
from services.auth.application.account_mails import AccountMailer
from services.auth.application.emails import EmailService
from services.auth.application.passwords import PasswordService
from services.auth.domain.users import User, normalize_email
from services.chassis.http.openapi import error_responses
from services.contracts.logins import (
    AccountLink,
    ForgottenPassword,
    NewEmail,
    OwnEmail,
    PasswordLink,
    PasswordLinkRequest,
    PasswordReset,
)


def create_routers(
    passwords: PasswordService, emails: EmailService, mailer: AccountMailer, public_url: str
) -> list[APIRouter]:
    """Return the routes, each group for one caller. `public_url` is that of the gateway."""
    return [
        _password_routes(passwords, mailer),
        _email_routes(emails, mailer),
        _for_operators(passwords, public_url),
    ]


def _password_routes(passwords: PasswordService, mailer: AccountMailer) -> APIRouter:
    router = new_router("passwords")

    @router.post("/password_resets", responses=NO_CONTENT | error_responses(422))
    async def request_reset(form: ForgottenPassword) -> dict[str, str]:
        """Request a mail with a link to a new password.

        The answer and the work are the same whether or not the address is somebody's.
        """
        await mailer.request_reset(normalize_email(form.email))
        return {}

    @router.post("/password_resets/redeem", responses=NO_CONTENT | error_responses(422, 429))
    async def reset_password(form: PasswordReset) -> dict[str, str]:
        """Set a new password for the token of a link. All sessions of the user end.

        The `details` of a 422 say what is wrong with the password; `invalid_link` has none.
        """
        await passwords.reset(form.user_id, form.token, form.password)
        return {}

    return router


def _email_routes(emails: EmailService, mailer: AccountMailer) -> APIRouter:
    router = new_router("emails")

    def view(user: User) -> OwnEmail:
        return OwnEmail(
            email=user.email,
            is_confirmed=user.email_confirmed,
            unconfirmed_email=user.unconfirmed_email,
            can_change=mailer.enabled,
        )

    @router.get("/emails", responses=error_responses(401, 404))
    async def get_email(caller: WebReader) -> OwnEmail:
        """Return the e-mail address of the user."""
        return view(await emails.get(caller.user_id))

    @router.post("/emails", responses=error_responses(401, 404, 422, 429))
    async def change_email(form: NewEmail, caller: WebWriter) -> OwnEmail:
        """Request another address, or another mail to the same one. It gets a link.

        The answer is the same if another user has the address. The `details` of a 422 say for each
        field what is wrong with it.
        """
        return view(await emails.change(caller.user_id, form.email, form.current_password))

    @router.post("/emails/confirm", responses=NO_CONTENT | error_responses(422))
    async def confirm_email(form: AccountLink) -> dict[str, str]:
        """Confirm an address by the token of a link."""
        await emails.confirm(form.user_id, form.token)
        return {}

    return router


def _for_operators(passwords: PasswordService, public_url: str) -> APIRouter:
    router = new_router("password links")

    @router.post("/password_links", responses=error_responses(404, 422))
    async def issue_link(form: PasswordLinkRequest) -> PasswordLink:
        """Issue a link to a new password. For the operator."""
        user_id, token = await passwords.issue_link(form.username)
        query = urlencode({"of": user_id, "token": token})
        url = f"{public_url}/auth/password/edit?{query}"
        return PasswordLink(user_id=user_id, token=token, url=url)

    return router
