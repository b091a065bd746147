"""The route by which auth sends mails about accounts."""

from __future__ import annotations

from fastapi import APIRouter

from services.chassis.dapr.client import DaprClient
from services.chassis.http.openapi import error_responses
from services.contracts.mails import AccountMail
from services.notifications.adapters.account_email import render_account_mail
from services.notifications.settings import NotificationsSettings


def create_router(sidecar: DaprClient, settings: NotificationsSettings) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["mail"], responses=error_responses(403))

    @router.post("/account_mails", responses=error_responses(422, 503))
    async def send(mail: AccountMail) -> dict[str, str]:
        """Send a mail, and wait for the mail server. A 503 means that it was not sent.

        A 504 means that nobody knows. Nothing is stored or logged: the link carries a secret.
        """
        subject, html = render_account_mail(
            mail, title=settings.microgram_title, public_url=settings.public_url
        )
        await sidecar.send_mail(mail.email, subject, html)
        return {}

    return router
