"""The documents of auth, and their keys.

    person:USER_ID        a user, the source of truth; published as `login.registered`
    login:NAME            the reservation of a username, in lower case
    email:SHA256          the reservation of an e-mail address
    attempts:SHA256       failed logins under a login as typed, for an hour
    app:CLIENT_ID         an app
    code:SHA256           an authorization code, for ten minutes
    refresh:SHA256        the refresh tokens of a login, for 90 days after their last use
    factor:USER_ID        the second factor of a user
    ticket:SHA256         a login that waits for the code of a second factor, for five minutes
    sessions:USER_ID      records of the valid tokens of a user, for the lifetime of the last
    mail:ID               a mail about an account, to be sent within an hour
    mailed:SHA256         when strangers last caused a mail of one kind to one address
    revocations:N         a chunk of the log of revoked tokens
    revocation-ends:all   the numbers of its first and last chunk

Secrets are stored as hashes. What users type is hashed before it becomes part of a key.
"""

from __future__ import annotations

from typing import Any

from services.auth.adapters.revocations import (
    RevocationChunk,
    RevocationLog,
    RevocationLogBounds,
)
from services.auth.domain.account_mails import (
    MIN_INTERVAL,
    REQUEST_TTL,
    LastMail,
    MailRequest,
)
from services.auth.domain.authorization_codes import CODE_TTL, AuthorizationGrant
from services.auth.domain.clients import OAuthClient, is_client_id, sha256_hex
from services.auth.domain.errors import InvalidClient
from services.auth.domain.login_throttle import ATTEMPTS_TTL, LoginAttempts
from services.auth.domain.name_reservations import NameReservation
from services.auth.domain.refresh_tokens import REFRESH_TTL, RefreshFamily
from services.auth.domain.second_factor import TICKET_TTL, LoginTicket, SecondFactor
from services.auth.domain.sessions import SessionRecords
from services.auth.domain.tokens import TOKEN_TTL
from services.auth.domain.users import User
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED, EventType
from services.shared.usernames import is_username

MAIL_REQUESTED = EventType("mail.requested", "auth-errands", "auth", MailRequest, private=True)
"""Auth tells itself that a mail is to be sent. It does not go to the broker."""


class Repository:
    """The collections of auth, and the queries on them."""

    def __init__(self, service: Service) -> None:
        self.users = service.collection(
            "person", User, publishes=LOGIN_REGISTERED, to_event=_login_event
        )
        self.username_reservations = service.collection("login", NameReservation)
        self.email_reservations = service.collection("email", NameReservation)
        self.login_attempts = service.collection(
            "attempts",
            LoginAttempts,
            ttl=ATTEMPTS_TTL,
            upgrades={1: lambda _: {"count": 0, "last": 0}},
        )
        self.clients = service.collection("app", OAuthClient)
        self.authorization_grants = service.collection("code", AuthorizationGrant, ttl=CODE_TTL)
        self.refresh_families = service.collection("refresh", RefreshFamily, ttl=REFRESH_TTL)
        self.second_factors = service.collection("factor", SecondFactor)
        self.login_tickets = service.collection("ticket", LoginTicket, ttl=TICKET_TTL)
        self.sessions = service.collection("sessions", SessionRecords, ttl=TOKEN_TTL)
        self.mails = service.collection(
            "mail", MailRequest, publishes=MAIL_REQUESTED, to_event=_mail_event, ttl=REQUEST_TTL
        )
        self.last_mails = service.collection("mailed", LastMail, ttl=MIN_INTERVAL)
        self.revocations = RevocationLog(
            service.sidecar,
            service.collection("revocations", RevocationChunk),
            service.collection("revocation-ends", RevocationLogBounds),
        )

    async def find_client(self, client_id: str) -> OAuthClient | None:
        """Return a client, if it exists. At most one state call."""
        return await self.clients.get(client_id) if is_client_id(client_id) else None

    async def get_client(self, client_id: str) -> OAuthClient:
        """Return a client. Raises `InvalidClient`. At most one state call."""
        client = await self.find_client(client_id)
        if client is None:
            raise InvalidClient
        return client

    async def find_user(self, login: str) -> User | None:
        """Return the user with a normalized username or e-mail address.

        Two state calls, also if there is none.
        """
        if "@" in login:
            reservation = await self.email_reservations.get(email_key(login))
        else:
            reservation = await self.username_reservations.get(username_key(login))
        user = await self.users.get(reservation.user_id if reservation else "0")
        return user if user is not None and user.matches_login(login) else None


def email_key(email: str) -> str:
    """Return the key of the reservation of an address."""
    return sha256_hex(email)


def username_key(login: str) -> str:
    """Return the key of the reservation of a username; an unused key for an invalid one."""
    return login if is_username(login) else "-"


def _login_event(_: str, user: dict[str, Any]) -> dict[str, Any]:
    """Return what other services may know of a user: no e-mail address, no password hash."""
    public = {field: user[field] for field in ("user_id", "username", "created_at", "deleted")}
    return {
        **public,
        "role": user.get("role", ""),
        "suspended": user.get("suspended", False),
        "locale": user.get("locale", ""),
    }


def _mail_event(_: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the event of a mail says: no address, and no hash of one."""
    return {"kind": request["kind"], "at": request["at"]}
