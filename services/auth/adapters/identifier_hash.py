"""Keyed hashes of what identifies a user: e-mail addresses, logins as typed, retired usernames.

Addresses and names are easy to guess, so a plain hash of one is as good as the text. Without the
key, nobody can try guesses: neither from a copy of the state store, nor from a backup of it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Literal

from services.chassis.errors import ServiceError

IDENTIFIER_KEY_SECRET = "identifier-hash-key"  # noqa: S105 (its name)
_MIN_KEY_CHARACTERS = 32

Purpose = Literal["email", "login", "username"]


class InvalidIdentifierKey(ServiceError):
    """The secret is too short. The message does not quote it."""

    code = "bad_keys"

    def __init__(self) -> None:
        super().__init__(
            f"The secret {IDENTIFIER_KEY_SECRET} must have at least {_MIN_KEY_CHARACTERS} "
            "random characters."
        )


class IdentifierHasher:
    """HMAC-SHA-256 with a secret, read when first needed. The secret never changes."""

    def __init__(self, read: Callable[[], Awaitable[str]]) -> None:
        self._read = read
        self._key = b""

    async def hash(self, purpose: Purpose, text: str) -> str:
        """Return the hash in hexadecimal. Hashes for two purposes differ.

        Raises `NotFound` or `InvalidIdentifierKey` if the secret store has no such secret.
        """
        if not self._key:
            key = await self._read()
            if len(key) < _MIN_KEY_CHARACTERS:
                raise InvalidIdentifierKey
            self._key = key.encode()
        return hmac.digest(self._key, f"{purpose}:{text}".encode(), "sha256").hex()
