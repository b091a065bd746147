"""Mails about accounts. What is requested is sent within an hour, or not at all.

A request is a document that auth tells itself of, so it is not lost if the process dies. It carries
no secret: the token of a link is made when the mail is sent, and only its hash is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from services.auth.domain import account_mails as rules
from services.auth.domain.account_mails import MailedRecently, MailRequest
from services.auth.domain.one_time_tokens import (
    CONFIRMATION_TTL,
    RESET_TTL,
    new_one_time_token,
)
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.consuming.events import Event
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.ids import Clock
from services.chassis.security.audit import security_event
from services.clients.notifications import NotificationsClient
from services.contracts.mails import AccountMail, MailKind

log = logging.getLogger(__name__)


class AccountMailer:
    """Requests mails, and has notifications send them. Does nothing where there is no mail."""

    def __init__(
        self,
        repository: Repository,
        notifications: NotificationsClient,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        clock: Clock,
        *,
        enabled: bool,
    ) -> None:
        self._repository = repository
        self._notifications = notifications
        self._new_id = new_id
        self._new_secret = new_secret
        self._clock = clock
        self.enabled = enabled

    async def request_reset(self, email: str) -> None:
        """Request a mail with a link to a new password, if the address is somebody's.

        The work is the same whether or not it is: that is looked up later. At most one mail is
        sent in `MIN_INTERVAL`; a further request has no effect. Four state calls.
        """
        if self.enabled:
            key = await self._repository.held_email_key(email)
            request = MailRequest("password_reset", self._now(), address_key=key)
            await self._request(self._new_id(), request)

    async def announce_login(self, user: User, app: str, user_agent: str) -> None:
        """Request a mail to a user about a login. Three state calls, or none."""
        if self.enabled and user.email_confirmed:
            request = MailRequest(
                "new_login", self._now(), user.user_id, app=app, user_agent=user_agent
            )
            await self._request(self._new_id(), request)

    async def send_notices(self, user_id: str) -> None:
        """Request the mails that the last changes of a user caused. Safe to repeat."""
        user = await self._repository.users.get(user_id) if self.enabled else None
        for notice in user.notices if user else []:
            request = MailRequest(notice.kind, notice.at, user_id, address=notice.address)
            if not request.is_outdated(self._now()):
                await self._request(f"{user_id}-{notice.at}", request)

    async def on_requested(self, event: Event[MailRequest]) -> None:
        """Send a mail. Raises `Unavailable` if it has to be tried again."""
        request = await self._repository.mails.get(event.subject)
        if request is None or request.done:
            return
        if request.is_outdated(self._now()):
            log.warning("a mail could not be sent", extra={"kind": request.kind})
        elif request.next_try_at > self._now():
            raise Unavailable("The mail server did not answer a moment ago.")
        else:
            await self._try(event.subject, request)
        await self._repository.mails.update(
            event.subject, lambda kept: kept.finished() if kept else None
        )

    async def _try(self, id: str, request: MailRequest) -> None:
        try:
            await self._send(id, request)
        except OutcomeUnknown as failure:  # it may have arrived, and the user can ask for another
            log.warning("unknown whether a mail was sent", extra={"why": failure.message})
        except ServiceError:
            now = self._now()
            await self._repository.mails.update(id, lambda kept: kept.failed(now) if kept else None)
            raise

    async def _send(self, id: str, request: MailRequest) -> None:
        if request.kind == "password_reset":
            await self._send_reset(id, request)
            return
        user = await self._repository.users.get(request.user_id)
        if user is None or not user.is_active:
            return
        if request.kind == "email_confirmation":
            await self._send_confirmation(id, user, request)
        elif email := request.address or (user.email if user.email_confirmed else ""):
            await self._hand_over(request.kind, email, user, request)

    async def _send_reset(self, id: str, request: MailRequest) -> None:
        reservation = await self._repository.email_reservations.get(request.address_key)
        user = await self._repository.users.get(reservation.user_id if reservation else "0")
        if user is None or not (user.is_active and user.email_confirmed):
            return
        is_theirs = request.address_key in await self._repository.email_keys(user.email)
        if is_theirs and await self._may_mail("password_reset", user.email, id):
            token = await self.issue_reset(user.user_id, "mail")
            await self._hand_over("password_reset", user.email, user, request, token)

    async def issue_reset(self, user_id: str, reason: str) -> str:
        """Return the token of a link to a new password. An earlier one stops working.

        `reason` says in the security log who asked.
        """
        token = self._new_secret()
        kept = new_one_time_token(token, self._now() + RESET_TTL)
        await self._repository.users.update(
            user_id, lambda user: user.with_reset(kept) if user else None
        )
        security_event("password_link_issued", subject=user_id, reason=reason)
        return token

    async def _send_confirmation(self, id: str, user: User, request: MailRequest) -> None:
        email = user.email_to_confirm
        if not email or not await self._may_mail("email_confirmation", email, id):
            return
        owner = await self._owner_of(email)
        if owner is not None and owner.user_id != user.user_id:
            await self._hand_over("address_in_use", email, owner, request)
            return
        token = self._new_secret()
        kept = new_one_time_token(token, self._now() + CONFIRMATION_TTL)
        await self._repository.users.update(
            user.user_id, lambda user: user.with_confirmation(email, kept) if user else None
        )
        await self._hand_over("email_confirmation", email, user, request, token)

    async def _owner_of(self, email: str) -> User | None:
        reservation = await self._repository.email_reservation(email)
        owner = await self._repository.users.get(reservation.user_id if reservation else "0")
        return owner if owner is not None and owner.email == email else None

    async def _hand_over(
        self, kind: MailKind, email: str, user: User, request: MailRequest, token: str = ""
    ) -> None:
        await self._notifications.send_account_mail(
            AccountMail(
                kind=kind,
                email=email,
                user_id=user.user_id,
                username=user.username,
                token=token,
                at=request.at,
                app=request.app,
                user_agent=request.user_agent,
            )
        )

    async def _request(self, id: str, request: MailRequest) -> None:
        await self._repository.mails.update(id, lambda kept: kept or request, expect_absent=True)

    async def _may_mail(self, kind: MailKind, email: str, id: str) -> bool:
        now = self._now()
        key = await self._repository.identifiers.hash("email", f"{kind}:{email}")
        try:
            await self._repository.last_mails.update(
                key, lambda kept: rules.allow_mail(kept, id, now)
            )
        except MailedRecently:
            return False
        return True

    def _now(self) -> int:
        return int(self._clock().timestamp())
