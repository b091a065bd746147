"""How apps register, and get and give back tokens (OAuth 2: RFC 6749, 7009, 7636)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.auth.domain import apps, codes, scopes
from services.auth.domain.apps import Client
from services.auth.domain.codes import CODE_LIFE, Grant, Redemption, Reused
from services.auth.domain.people import Person
from services.auth.domain.refusals import InvalidClient, InvalidGrant, InvalidRequest, NotYourToken
from services.auth.domain.tokens import SESSION_LIFE, Pass
from services.auth.keys import Keyring
from services.auth.store import Store
from services.auth.turnstile import Turnstile
from services.chassis.ids import timestamp


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody logs in for an app; the fields are those of the contract."""

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    method: str
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A token, ready to be handed out."""

    token: str
    access: Pass


class Office:
    """Deals with apps."""

    def __init__(
        self,
        store: Store,
        turnstile: Turnstile,
        keyring: Keyring,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._turnstile = turnstile
        self._keyring = keyring
        self._new_id = new_id
        self._new_secret = new_secret
        self._clock = clock

    async def enrol(
        self, name: str, redirect_uris: list[str], wanted: str, website: str
    ) -> tuple[Client, str]:
        """Register an app; returns it with its secret, which is not kept."""
        given = apps.check(name, redirect_uris, wanted, website)
        secret = self._new_secret()
        client = Client(
            id=self._new_id(),
            client_id=self._new_secret(),
            secret_sha256=apps.digest(secret),
            name=name.strip(),
            website=website,
            redirect_uris=redirect_uris,
            scopes=given,
            created_at=timestamp(self._clock()),
        )
        await self._store.clients.update(client.client_id, lambda kept: kept or client, fresh=True)
        return client, secret

    async def grantable(self, client_id: str, wanted: str) -> str:
        """What an app would get of the scopes it asks for. Raises `InvalidScope`."""
        client = await self._store.client(client_id)
        if client is None:
            raise InvalidClient
        return scopes.grant(wanted, client.scopes)

    async def authorize(self, request: Request) -> str:
        """A code for a token. What the app did wrong is said before the password is looked at."""
        client = await self._store.client(request.client_id)
        if client is None:
            raise InvalidClient
        client.check_redirect(request.redirect_uri)
        scope = scopes.grant(request.scope, client.scopes)
        codes.check_challenge(request.challenge, request.method)
        person = await self._turnstile.enter(request.login, request.password)
        scope = scopes.narrow(scope, to_admin=person.is_admin)
        grant = Grant(
            client_id=client.client_id,
            user_id=person.user_id,
            username=person.username,
            redirect_uri=request.redirect_uri,
            scope=scope,
            challenge=request.challenge,
            expires_at=self._now() + CODE_LIFE,
        )
        code = self._new_secret()
        await self._store.grants.update(apps.digest(code), lambda kept: kept or grant, fresh=True)
        return code

    async def redeem(
        self, client_id: str, secret: str, code: str, redirect_uri: str, verifier: str
    ) -> Signed:
        """A token for a code. A code that comes again takes the first one's token with it."""
        client = await self._proven(client_id, secret)
        if not code:
            raise InvalidRequest("The code is missing.")
        await self.ready_to_sign()  # else the code would be used up for nothing
        access = self._pass(client, "")
        asked = Redemption(client.client_id, redirect_uri, verifier, access.id, access.expires_at)
        try:
            grant = await self._store.grants.update(
                apps.digest(code), lambda kept: codes.redeem(kept, asked, access.issued_at)
            )
        except Reused as reused:
            await self._store.revocations.append(reused.token_id, reused.expires_at, self._now())
            raise
        if grant is None:
            raise InvalidGrant("The authorization code is unknown.")
        person = await self._store.people.get(grant.user_id)
        if person is None or not person.is_welcome:
            raise InvalidGrant("The account is not there any more, or is suspended.")
        scope = scopes.narrow(grant.scope, to_admin=person.is_admin)
        return await self._sign(_for(access, scope, person))

    async def for_itself(self, client_id: str, secret: str, wanted: str) -> Signed:
        """A token with which an app acts for nobody."""
        client = await self._proven(client_id, secret)
        granted = scopes.narrow(scopes.grant(wanted, client.scopes), to_admin=False)
        return await self._sign(self._pass(client, granted))

    async def for_registered(self, client_id: str, person: Person) -> Signed:
        """A token for who has just registered through an app: with all that the app may have."""
        client = await self._store.client(client_id)
        if client is None:
            raise InvalidClient
        scope = scopes.narrow(client.scopes, to_admin=False)
        return await self._sign(_for(self._pass(client, scope), scope, person))

    async def session(self, login: str, password: str) -> Signed:
        """A token for a page of ours on which somebody logs in. Raises as `Turnstile.enter`."""
        await self.ready_to_sign()
        person = await self._turnstile.enter(login, password)
        access = Pass(self._new_secret(), "", "", self._now(), life=SESSION_LIFE)
        return await self._sign(_for(access, scopes.SESSION, person))

    async def end_session(self, token: str) -> None:
        """Take a session's token back."""
        claims = await self._keyring.claims(token)
        if claims is not None and not claims.get("client_id"):
            await self._store.revocations.append(claims["jti"], claims["exp"], self._now())

    async def revoke(self, client_id: str, secret: str, token: str) -> None:
        """Take a token back. One that is none of ours, or has expired, needs nothing done."""
        client = await self._proven(client_id, secret)
        claims = await self._keyring.claims(token)
        if claims is None or claims["exp"] <= self._now():
            return
        if claims.get("client_id") != client.client_id:
            raise NotYourToken
        await self._store.revocations.append(claims["jti"], claims["exp"], self._now())

    async def client(self, client_id: str) -> Client | None:
        """An app, if there is one of that id."""
        return await self._store.client(client_id)

    async def ready_to_sign(self) -> None:
        """Raises whatever keeps tokens from being signed."""
        await self._keyring.all()

    async def _proven(self, client_id: str, secret: str) -> Client:
        client = await self._store.client(client_id)
        if client is None:
            raise InvalidClient
        client.prove(secret)
        return client

    def _pass(self, client: Client, scope: str) -> Pass:
        return Pass(self._new_secret(), client.client_id, scope, self._now())

    async def _sign(self, access: Pass) -> Signed:
        return Signed(await self._keyring.sign(access), access)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _for(access: Pass, scope: str, person: Person) -> Pass:
    issued_at = max(access.issued_at, person.tokens_from)
    return replace(
        access,
        scope=scope,
        issued_at=issued_at,
        user_id=person.user_id,
        username=person.username,
    )
