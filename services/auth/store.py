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
from services.auth.domain.apps import Client, digest, is_client_id
from services.auth.domain.claims import Claim
from services.auth.domain.codes import CODE_LIFE, Grant
from services.auth.domain.people import Person, is_username
from services.auth.domain.throttle import FORGET, Attempts
from services.auth.revocations import Chunk, Ends, RevocationLog
from services.chassis.service import Service


class Store:
    """All that auth keeps."""

    def __init__(self, service: Service) -> None:
        self.people = service.collection(events.PERSON, Person, outbox=events.outbox(service))
        self.logins = service.collection("login", Claim)
        self.emails = service.collection("email", Claim)
        self.attempts = service.collection(
            "attempts", Attempts, ttl=FORGET, upgrades={1: lambda _: {"count": 0, "last": 0}}
        )
        self.clients = service.collection("app", Client)
        self.grants = service.collection("code", Grant, ttl=CODE_LIFE)
        self.revocations = RevocationLog(
            service.sidecar,
            service.collection("revocations", Chunk),
            service.collection("revocation-ends", Ends),
        )

    async def client(self, client_id: str) -> Client | None:
        """An app, if there is one of that id. One state call at most."""
        return await self.clients.get(client_id) if is_client_id(client_id) else None

    async def person(self, login: str) -> Person | None:
        """Who answers to a username or an e-mail address. Two state calls, also for nobody."""
        by_email = "@" in login
        claim = await (self.emails if by_email else self.logins).get(
            email_id(login) if by_email else login_id(login)
        )
        person = await self.people.get(claim.user_id if claim else "0")
        return person if person is not None and person.answers_to(login) else None


def email_id(email: str) -> str:
    """The id of the claim on an address."""
    return digest(email)


def login_id(login: str) -> str:
    """The id of the claim on a name; of one that nobody has, where it breaks the rules."""
    return login if is_username(login) else "-"
