"""Verifies access tokens in every service, with the public keys of auth.

A token is a JWT signed with Ed25519. Verified tokens are cached by hash. The keys are fetched when
a token names an unknown one, and refreshed. The verifier asks auth what was revoked, and auth
answers when there is something, so a revoked token stops working everywhere within 5 s, mostly at
once, and a system at rest asks rarely. If auth is not reachable,
the last known revocations hold for `MAX_REVOCATION_AGE` seconds: nobody can revoke a token while
auth is down, and an outage of auth must not stop all other services.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Iterable
from typing import Any, Protocol

import jwt
from cachetools import FIFOCache

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Unauthenticated
from services.chassis.security.caller import Caller

ISSUER = "microgram"
REVOCATION_WAIT = 20.0
"""Seconds for which auth holds a question back if nothing was revoked."""

REVOCATION_INTERVAL = 1.5
"""Seconds between two questions at least, and after a failure at most."""

KEYS_INTERVAL = 30.0
"""Seconds for which a key may be trusted after auth has withdrawn it."""

CLOCK_LEEWAY = 5.0
MAX_REVOCATION_AGE = 120.0
_MAX_CACHED_TOKENS = 20_000

log = logging.getLogger(__name__)


def user_revocation(user_id: str, tokens_from: int) -> str:
    """The revocation entry for all tokens of a user that were issued before a second."""
    return f"user:{user_id}:{tokens_from}"


class KeySource(Protocol):
    """Where keys and revocations come from."""

    async def keys(self) -> list[dict[str, Any]]:
        """The public keys as JWKs."""

    async def revocations(self, after: int, wait: float) -> tuple[list[str], int]:
        """The entries that follow a cursor, and the next cursor. Waits for some seconds if none."""


class AuthKeySource:
    """The keys and revocations of auth, through the sidecar."""

    def __init__(self, sidecar: DaprClient) -> None:
        self._sidecar = sidecar

    async def keys(self) -> list[dict[str, Any]]:
        reply = await self._sidecar.invoke("auth", "jwks", deadline=2.0)
        keys: list[dict[str, Any]] = reply.json()["keys"]
        return keys

    async def revocations(self, after: int, wait: float) -> tuple[list[str], int]:
        reply = await self._sidecar.invoke(
            "auth",
            "revocations",
            params={"after": str(after), "wait": str(wait)},
            deadline=wait + 2.0,
        )
        answer = reply.json()
        return answer["revoked"], answer["next"]


class TokenVerifier:
    """Verifies tokens locally, and keeps the keys and revocations up to date.

    Auth sets a `source` of its own: a service that calls itself is nobody.
    """

    def __init__(self, sidecar: DaprClient) -> None:
        self.source: KeySource = AuthKeySource(sidecar)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._revoked: set[str] = set()
        self._tokens_from: dict[str, int] = {}
        self._revocation_cursor = 0
        self._revocations_read_at = -math.inf
        self._keys_read_at = -math.inf
        self._key_fetch: asyncio.Task[None] | None = None
        self.hits = self.misses = 0
        self._verified: FIFOCache[bytes, tuple[Caller, float, float]] = FIFOCache(
            _MAX_CACHED_TOKENS
        )

    async def verify(self, token: str) -> Caller:
        """The caller with this token. Raises `Unauthenticated`, or `Unavailable` without auth."""
        if time.monotonic() - self._revocations_read_at > MAX_REVOCATION_AGE:
            await self._read_revocations()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None:
            self.hits += 1
        else:
            self.misses += 1
            known = await self._verify(token)
            self._verified[digest] = known
        caller, issued, expires = known
        if (
            caller.token_id in self._revoked
            or expires < time.time()
            or issued < self._tokens_from.get(caller.user_id, 0)
        ):
            raise Unauthenticated("The access token was revoked or has expired.")
        return caller

    async def refresh(self) -> None:
        """Read the new revocations, and every `KEYS_INTERVAL` the keys."""
        await self._read_revocations()
        if time.monotonic() - self._keys_read_at > KEYS_INTERVAL:
            await self._fetch_keys()

    async def watch(self) -> None:
        """Follow the revocations and the keys for as long as the service runs."""
        await self.refresh()
        while True:
            asked_at = time.monotonic()
            await self._read_revocations(REVOCATION_WAIT)
            if time.monotonic() - self._keys_read_at > KEYS_INTERVAL:
                await self._fetch_keys()
            await asyncio.sleep(REVOCATION_INTERVAL - (time.monotonic() - asked_at))

    async def _read_revocations(self, wait: float = 0.0) -> None:
        while True:
            revoked, cursor = await self.source.revocations(self._revocation_cursor, wait)
            self._add_revocations(revoked)
            self._revocation_cursor = cursor
            self._revocations_read_at = time.monotonic()
            if wait or not revoked:
                return

    def _add_revocations(self, revoked: Iterable[str]) -> None:
        """Add revocations: entries are ids of tokens, or `user_revocation` entries."""
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
        if kid not in self._keys and self._may_fetch_keys():
            if self._key_fetch is None or self._key_fetch.done():
                self._key_fetch = asyncio.create_task(self._fetch_keys())
            await asyncio.shield(self._key_fetch)  # callers during a fetch wait for it
        if kid not in self._keys:
            raise Unauthenticated("The access token is signed with an unknown key.")
        return self._keys[kid]

    def _may_fetch_keys(self) -> bool:
        """Limits the fetches, because anybody can send a token with an unknown key."""
        return not self._keys or time.monotonic() - self._keys_read_at > REVOCATION_INTERVAL

    async def _fetch_keys(self) -> None:
        keys = {key["kid"]: jwt.PyJWK(key) for key in await self.source.keys()}
        if self._keys.keys() - keys.keys():  # withdrawn keys make their tokens invalid
            self._verified.clear()
        self._keys = keys
        self._keys_read_at = time.monotonic()


def _caller(claims: dict[str, Any], token: str) -> Caller:
    return Caller(
        user_id=claims.get("sub", ""),
        client_id=claims.get("client_id", ""),
        token_id=claims["jti"],
        scopes=frozenset(claims.get("scope", "").split()),
        token=token,
        username=claims.get("username", ""),
    )
