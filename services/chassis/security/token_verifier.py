"""Who is calling: access tokens are verified here, in every service, against auth's public keys.

A token is a JWT signed with Ed25519. Its verification is cached by the token's hash; keys are
fetched when an unknown one signs, and refreshed; the list of revoked tokens is followed every
`REVOCATION_INTERVAL` seconds, so that a revoked token stops working everywhere within 5 s. When
auth cannot be asked, what is known stays in force for `MAX_REVOCATION_AGE` seconds: nobody can
revoke while auth is down, and an outage of auth should not be one of everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import HTTPConnection

from services.chassis import telemetry
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Forbidden, ServiceError, Unauthenticated

ISSUER = "microgram"
REVOCATION_INTERVAL = 1.5
KEYS_INTERVAL = 30.0
"""For how many seconds a key that auth has withdrawn may still be trusted."""

CLOCK_LEEWAY = 5.0
MAX_REVOCATION_AGE = 120.0
_MAX_CACHED_TOKENS = 20_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token is good. `user_id` is empty for an app that acts for nobody."""

    user_id: str
    client_id: str
    token_id: str
    scopes: frozenset[str]
    token: str
    username: str = ""

    def may(self, scope: str) -> bool:
        """Whether a scope is covered: `read` covers `read:statuses`; `follow` its old three."""
        return bool(self.scopes & _covering(scope))


def user_revocation(user_id: str, tokens_from: int) -> str:
    """The entry of the list of the revoked for all that somebody got before a second."""
    return f"user:{user_id}:{tokens_from}"


def _covering(scope: str) -> frozenset[str]:
    outer, _, noun = scope.rpartition(":")
    names = {scope, outer}
    if noun in ("follows", "blocks", "mutes"):
        names.add("follow")
    return frozenset(names)


class TokenVerifier:
    """Verifies tokens without asking anybody, and keeps what that needs fresh."""

    def __init__(self, sidecar: DaprClient, auth_app: str = "auth") -> None:
        self._sidecar = sidecar
        self._auth = auth_app
        self._keys: dict[str, jwt.PyJWK] = {}
        self._revoked: set[str] = set()
        self._tokens_from: dict[str, int] = {}
        self._revocations = 0
        self._followed_at = -math.inf
        self._looked_for_keys_at = -math.inf
        self._looking: asyncio.Task[None] | None = None
        self._good: OrderedDict[bytes, tuple[Caller, float, float]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """Whose token this is. Raises `Unauthenticated`, or `Unavailable` without auth for long."""
        if time.monotonic() - self._followed_at > MAX_REVOCATION_AGE:
            await self._follow()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._good.get(digest)
        if known is None:
            known = await self._verify(token)
            self._good[digest] = known
            if len(self._good) > _MAX_CACHED_TOKENS:
                self._good.popitem(last=False)
        caller, issued, expires = known
        if (
            caller.token_id in self._revoked
            or expires < time.time()
            or issued < self._tokens_from.get(caller.user_id, 0)
        ):
            raise Unauthenticated("The access token was revoked or has expired.")
        return caller

    async def watch(self) -> None:
        """Follow the list of revoked tokens, for ever."""
        while True:
            try:
                await self._follow()
                if time.monotonic() - self._looked_for_keys_at > KEYS_INTERVAL:
                    await self._fetch_keys()
            except ServiceError as failure:
                log.warning("could not follow revocations", extra={"why": failure.message})
            except Exception:
                log.exception("could not understand the list of revocations")
            await asyncio.sleep(REVOCATION_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)

    async def _follow(self) -> None:
        while True:
            reply = await self._sidecar.invoke(
                self._auth, "revocations", params={"after": str(self._revocations)}, deadline=2.0
            )
            answer = reply.json()
            self._note(answer["revoked"])
            self._revocations = answer["next"]
            self._followed_at = time.monotonic()
            if not answer["revoked"]:
                return

    def _note(self, revoked: Iterable[str]) -> None:
        """Take in some entries: ids of tokens, or `everything_of` somebody."""
        for entry in revoked:
            kind, _, rest = entry.partition(":")
            user, _, since = rest.partition(":")
            if kind == "user" and since.isdigit():
                self._tokens_from[user] = max(int(since), self._tokens_from.get(user, 0))
            else:
                self._revoked.add(entry)

    async def _verify(self, token: str) -> tuple[Caller, float, float]:
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            key = await self._key(kid)
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                issuer=ISSUER,
                leeway=CLOCK_LEEWAY,
                options={"require": ["exp", "iat", "jti", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated("The access token is invalid.") from error
        return _caller(claims, token), claims["iat"], claims["exp"]

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys and self._may_look():
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._fetch_keys())
            await asyncio.shield(self._looking)  # whoever comes meanwhile waits, and is not refused
        if kid not in self._keys:
            raise Unauthenticated("The access token is signed with an unknown key.")
        return self._keys[kid]

    def _may_look(self) -> bool:
        """Whether it is long enough ago: anybody can make up an unknown key."""
        return not self._keys or time.monotonic() - self._looked_for_keys_at > REVOCATION_INTERVAL

    async def _fetch_keys(self) -> None:
        reply = await self._sidecar.invoke(self._auth, "jwks", deadline=2.0)
        keys = {key["kid"]: jwt.PyJWK(key) for key in reply.json()["keys"]}
        if self._keys.keys() - keys.keys():  # what a withdrawn key signed is good no more
            self._good.clear()
        self._keys = keys
        self._looked_for_keys_at = time.monotonic()


def _caller(claims: dict[str, Any], token: str) -> Caller:
    return Caller(
        user_id=claims.get("sub", ""),
        client_id=claims.get("client_id", ""),
        token_id=claims["jti"],
        scopes=frozenset(claims.get("scope", "").split()),
        token=token,
        username=claims.get("username", ""),
    )


UserGuard = Callable[[HTTPConnection], Awaitable[Caller]]
OptionalUserGuard = Callable[[HTTPConnection], Awaitable[Caller | None]]


def bearer_token(request: HTTPConnection) -> str:
    """The token a request carries, or nothing."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _identify(request: HTTPConnection) -> Caller | None:
    token = bearer_token(request)
    if not token:
        return None
    identity: TokenVerifier = request.app.state.identity
    caller = await identity.verify(token)
    telemetry.current().user_id = caller.user_id
    return caller


def require_token(*scopes: str) -> UserGuard:
    """Lets in any good token with one of the scopes, also of an app that acts for nobody."""

    async def guard(request: HTTPConnection) -> Caller:
        return check_scopes(await _identify(request), *scopes)

    return guard


def require_user(*scopes: str, also_for: Collection[str] = ()) -> UserGuard:
    """Lets in people whose token covers one of the scopes.

    Where one of the services `also_for` asks for them, whatever their token covers will do.
    """
    check = require_token(*scopes)

    async def guard(request: HTTPConnection) -> Caller:
        known = request.headers.get("dapr-caller-app-id") in also_for
        caller = await _identify(request) if known else None
        return check_user(caller or await check(request))

    return guard


async def require_user_of_any_scope(request: HTTPConnection) -> Caller:
    """A guard: lets in people with any good token. For what is asked for piece by piece later."""
    return check_user(await _identify(request))


async def optional_user_of_any_scope(request: HTTPConnection) -> Caller | None:
    """A guard: lets everybody in; a token, where there is one, must be good.

    For what is asked for piece by piece later.
    """
    return await _identify(request)


def check_scopes(caller: Caller | None, *scopes: str) -> Caller:
    """The caller, if their token covers one of the scopes.

    Raises `Unauthenticated` or `Forbidden`.
    """
    if caller is None:
        raise Unauthenticated("This needs an access token.")
    if not any(caller.may(scope) for scope in scopes):
        raise Forbidden(f"The access token does not cover the scope {scopes[0]}.")
    return caller


def check_user(caller: Caller | None) -> Caller:
    """The caller, if they are a person and not an app alone. Raises `Unauthenticated`."""
    if caller is None:
        raise Unauthenticated("This needs an access token.")
    if not caller.user_id:
        raise Unauthenticated("This needs the access token of a person.", code="no_user")
    return caller


def optional_user(scope: str) -> OptionalUserGuard:
    """Lets everybody in; a token, where there is one, must be good and cover the scope."""
    check = require_token(scope)

    async def guard(request: HTTPConnection) -> Caller | None:
        return await check(request) if bearer_token(request) else None

    return guard


def require_service(*apps: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Lets in other services by their app-id, which the sidecar vouches for."""

    async def guard(request: HTTPConnection) -> None:
        caller = request.headers.get("dapr-caller-app-id", "")
        if caller not in apps:
            raise Forbidden(f"This route is for {', '.join(apps)}, not for «{caller}».")

    return guard
