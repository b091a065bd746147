"""The keys that sign tokens: Ed25519, from the secret repository.

The secret `jwt-signing-keys` is `{"keys": [{"kid", "private": base64url of the 32-byte seed}...]}`.
The first key signs, all keys verify. To rotate, append a new key, wait until every replica has read
it (`KEYS_TTL`), move it to the front, and remove the old key when its tokens have expired.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.auth.domain.tokens import ISSUER, AccessToken
from services.chassis.errors import ServiceError

SIGNING_KEYS_SECRET = "jwt-signing-keys"  # noqa: S105 (its name)
KEYS_TTL = 30.0
"""Seconds after which the secret store is read again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair and its id."""

    kid: str
    private: Ed25519PrivateKey

    def public(self) -> dict[str, str]:
        """Return the public key as a JWK (RFC 8037)."""
        raw = self.private.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": x,
        }


class InvalidSigningKeys(ServiceError):
    """The secret does not contain keys. The message does not quote it."""

    code = "bad_keys"

    def __init__(self) -> None:
        super().__init__(
            f'The secret {SIGNING_KEYS_SECRET} must be {{"keys": [{{"kid", "private"}}...]}}, '
            "each private key 32 bytes in base64url."
        )


class SigningKeySet:
    """The keys in the secret store, read when first needed."""

    def __init__(
        self,
        read: Callable[[], Awaitable[str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._keys: Sequence[SigningKey] = ()
        self._stale_at = 0.0
        self._lock = asyncio.Lock()

    async def public_keys(self) -> list[dict[str, str]]:
        """Return all public keys as JWKs."""
        return [key.public() for key in await self.all()]

    async def sign(self, access: AccessToken) -> str:
        """Return a token as a JWT, signed with the first key."""
        key = (await self.all())[0]
        return jwt.encode(access.claims(), key.private, "EdDSA", {"kid": key.kid, "typ": "at+jwt"})

    async def verify(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an own token, also of an expired one. None for any other text."""
        keys = {key.kid: key.private.public_key() for key in await self.all()}
        try:
            key = keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                return None
            options: Any = {"require": ["jti", "exp"], "verify_exp": False}
            return jwt.decode(token, key, ["EdDSA"], issuer=ISSUER, options=options)
        except jwt.PyJWTError:
            return None

    async def all(self) -> Sequence[SigningKey]:
        """Return all keys, the signing key first. Known keys stay in use if the store is down."""
        async with self._lock:
            if self._keys and self._monotonic() < self._stale_at:
                return self._keys
            try:
                self._keys = parse_keys(await self._read())
            except ServiceError as failure:
                if not self._keys:
                    raise
                log.warning("could not read the signing keys", extra={"why": failure.message})
            self._stale_at = self._monotonic() + KEYS_TTL
            return self._keys


def parse_keys(secret: str) -> Sequence[SigningKey]:
    """Return the keys in the secret's text. Raises `InvalidSigningKeys`."""
    try:
        rows = orjson.loads(secret)["keys"]
        keys = [SigningKey(str(row["kid"]), _private(row["private"])) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise InvalidSigningKeys from None
    if not keys:
        raise InvalidSigningKeys
    return keys


def _private(text: str) -> Ed25519PrivateKey:
    seed = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    return Ed25519PrivateKey.from_private_bytes(seed)
