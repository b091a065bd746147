"""The events that auth handles: only its own. Each handler can run twice, late or out of order."""

from __future__ import annotations

from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.account_mails import AccountMailer
from services.auth.application.accounts import AccountService
from services.auth.application.emails import EmailService
from services.auth.repository import MAIL_REQUESTED
from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED
from services.contracts.logins import Login


def subscribe(
    service: Service,
    accounts: AccountService,
    deletion: AccountDeletion,
    emails: EmailService,
    mailer: AccountMailer,
) -> None:
    """Subscribe to changes of logins, and to requests for mails."""

    async def on_login_registered(event: Event[Login]) -> None:
        await accounts.reconcile_revocations(event.subject)
        await deletion.finish(event.subject)
        await mailer.send_notices(event.subject)
        await emails.release_former(event.subject)

    service.on(LOGIN_REGISTERED, on_login_registered)
    service.on(MAIL_REQUESTED, mailer.on_requested)
