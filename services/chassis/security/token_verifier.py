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
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import jwt

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Unauthenticated
from services.chassis.security.caller import Caller

ISSUER = "microgram"
REVOCATION_INTERVAL = 1.5
KEYS_INTERVAL = 30.0
"""For how many seconds a key that auth has withdrawn may still be trusted."""

CLOCK_LEEWAY = 5.0
MAX_REVOCATION_AGE = 120.0
_MAX_CACHED_TOKENS = 20_000

log = logging.getLogger(__name__)


def user_revocation(user_id: str, tokens_from: int) -> str:
    """The entry of the list of the revoked for all that somebody got before a second."""
    return f"user:{user_id}:{tokens_from}"


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

    async def refresh(self) -> None:
        """Read what was revoked since the last call, and now and then the keys."""
        await self._follow()
        if time.monotonic() - self._looked_for_keys_at > KEYS_INTERVAL:
            await self._fetch_keys()

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
