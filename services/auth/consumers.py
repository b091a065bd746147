"""The events that auth handles: only its own. Each handler can run twice, late or out of order."""

from __future__ import annotations

from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.accounts import AccountService
from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED
from services.contracts.logins import Login


def subscribe(service: Service, accounts: AccountService, deletion: AccountDeletion) -> None:
    """Subscribe to changes of logins."""

    async def on_login_registered(event: Event[Login]) -> None:
        await accounts.reconcile_revocations(event.subject)
        await deletion.finish(event.subject)

    service.on(LOGIN_REGISTERED, on_login_registered)
