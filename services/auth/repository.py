"""The documents of auth, and their keys.

    person:USER_ID        a user, the source of truth; published as `login.registered`
    login:NAME            the reservation of a username, in lower case
    retired:HMAC          a username of a deleted user, which nobody gets again
    email:HMAC            the reservation of an e-mail address; older ones are under its SHA-256
    attempts:HMAC         failed logins under a login as typed, for an hour
    app:CLIENT_ID         an app
    code:SHA256           an authorization code, for ten minutes
    refresh:SHA256        the refresh tokens of a login, for 90 days after their last use
    factor:USER_ID        the second factor of a user
    ticket:SHA256         a login that waits for the code of a second factor, for five minutes
    sessions:USER_ID      records of the valid tokens of a user, for the lifetime of the last
    mail:ID               a mail about an account, to be sent within an hour
    mailed:HMAC           when strangers last caused a mail of one kind to one address
    revocations:N         a chunk of the log of revoked tokens
    revocation-ends:all   the numbers of its first and last chunk

Secrets are stored as hashes. Addresses and logins are hashed with a key that only auth reads
(`adapters/identifier_hash.py`) before they become part of a key.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

from services.auth.adapters.identifier_hash import IDENTIFIER_KEY_SECRET, IdentifierHasher
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
from services.auth.domain.name_reservations import (
    NameReservation,
    RetiredName,
    release,
    reserve_email,
)
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
        self.identifiers = IdentifierHasher(lambda: service.sidecar.secret(IDENTIFIER_KEY_SECRET))
        self.users = service.collection(
            "person", User, publishes=LOGIN_REGISTERED, to_event=_login_event
        )
        self.username_reservations = service.collection("login", NameReservation)
        self.retired_usernames = service.collection("retired", RetiredName)
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
            reservation = await self.email_reservation(login)
        else:
            reservation = await self.username_reservations.get(username_key(login))
        user = await self.users.get(reservation.user_id if reservation else "0")
        return user if user is not None and user.matches_login(login) else None

    async def email_keys(self, email: str) -> tuple[str, str]:
        """Return the ids of the reservation of an address: today's, and the one before keys."""
        return await self.identifiers.hash("email", email), sha256_hex(email)

    async def email_reservation(self, email: str) -> NameReservation | None:
        """Return the reservation of an address, also one from before hashes had a key.

        One state call.
        """
        keys = await self.email_keys(email)
        found = await self.email_reservations.get_many(keys)
        return next((found[id] for id in keys if id in found and found[id].user_id), None)

    async def held_email_key(self, email: str) -> str:
        """Return the id under which an address is reserved, today's if it is not.

        One state call.
        """
        keys = await self.email_keys(email)
        found = await self.email_reservations.get_many(keys)
        return next((id for id in keys if id in found and found[id].user_id), keys[0])

    async def reserve_email(
        self, email: str, new: NameReservation, absent: Set[str]
    ) -> NameReservation:
        """Reserve an address, and return the reservation with the user id to continue with.

        Raises `InvalidFields` if it is taken, also by a reservation from before hashes had a key.
        The stored reservation has a hash in place of the username. Three state calls.
        """
        key, legacy = await self.email_keys(email)
        reserve_email(await self.email_reservations.get(legacy), new, absent)
        nameless = replace(new, login=await self._username_hash(new.login))
        kept = await self.email_reservations.update(
            key, lambda held: reserve_email(held, nameless, absent)
        )
        return replace(kept or nameless, login=new.login)

    async def release_email(self, email: str, own: NameReservation) -> None:
        """Release the reservation of an address, if it is still the user's. Safe to repeat.

        Nothing of the user is left in it. Four state calls.
        """
        key, legacy = await self.email_keys(email)
        await self.email_reservations.update(key, lambda held: release(held, own))
        held = await self.email_reservations.get(legacy)
        if held is not None and held.user_id in ("", own.user_id):
            await self.email_reservations.delete(legacy)  # no process reserves under it any more

    async def is_retired(self, username: str) -> bool:
        """Return whether a username in lower case was that of a deleted user. One state call."""
        return await self.retired_usernames.get(await self._username_hash(username)) is not None

    async def retire_username(self, username: str, user_id: str) -> None:
        """Keep a deleted user's name as a keyed hash only. Safe to repeat. Four state calls.

        The hash comes first: a registration reserves the name, and then asks for the hash.
        """
        await self.retired_usernames.update(
            await self._username_hash(username), lambda kept: kept or RetiredName()
        )
        held = await self.username_reservations.get(username)
        if held is not None and held.user_id == user_id:
            await self.username_reservations.delete(username)

    async def _username_hash(self, username: str) -> str:
        return await self.identifiers.hash("username", username)


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
