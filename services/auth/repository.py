"""What auth keeps, and under which keys.

    person:USER_ID        the truth: who is there is registered; published as `login.registered`
    login:NAME            the claim on a username, in lower case
    email:SHA256          the claim on an e-mail address
    attempts:SHA256       failed logins under a name as typed, for an hour
    app:CLIENT_ID         an app
    code:SHA256           an authorization code, for ten minutes
    revocations:N         a chunk of the list of revoked tokens
    revocation-ends:all   the numbers of its first and last chunk

Secrets are kept as hashes, and what people type is hashed before it becomes part of a key.
"""

from __future__ import annotations

from services.auth import events
from services.auth.adapters.revocations import RevocationChunk, RevocationLog, RevocationLogBounds
from services.auth.domain.authorization_codes import CODE_TTL, AuthorizationGrant
from services.auth.domain.clients import OAuthClient, is_client_id, sha256_hex
from services.auth.domain.login_throttle import ATTEMPTS_TTL, LoginAttempts
from services.auth.domain.name_reservations import NameReservation
from services.auth.domain.users import User, is_username
from services.chassis.service import Service


class Repository:
    """All that auth keeps."""

    def __init__(self, service: Service) -> None:
        self.users = service.collection(events.PERSON, User, outbox=events.outbox(service))
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
        self.revocations = RevocationLog(
            service.sidecar,
            service.collection("revocations", RevocationChunk),
            service.collection("revocation-ends", RevocationLogBounds),
        )

    async def find_client(self, client_id: str) -> OAuthClient | None:
        """An app, if there is one of that id. One state call at most."""
        return await self.clients.get(client_id) if is_client_id(client_id) else None

    async def find_user(self, login: str) -> User | None:
        """Who answers to a username or an e-mail address. Two state calls, also for nobody."""
        by_email = "@" in login
        reservation = await (
            self.email_reservations if by_email else self.username_reservations
        ).get(email_key(login) if by_email else username_key(login))
        user = await self.users.get(reservation.user_id if reservation else "0")
        return user if user is not None and user.matches_login(login) else None


def email_key(email: str) -> str:
    """The id of the claim on an address."""
    return sha256_hex(email)


def username_key(login: str) -> str:
    """The id of the claim on a name; of one that nobody has, where it breaks the rules."""
    return login if is_username(login) else "-"
