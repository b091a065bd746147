"""The proof that the operator or the scraper of metrics calls: a token in a file of theirs.

Services know its SHA-256 alone, so a compromised one cannot act as the operator elsewhere. The
runner creates both (`tools/runner/config/secrets.py`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from hmac import compare_digest

from services.chassis.errors import NotFound, ServiceError

MAX_TOKEN_BYTES = 200
"""Of a token that is worth hashing."""


class TokenHashVerifier:
    """Compares tokens with a hash in the secret store.

    The hash is read again after `max_age` seconds. If that fails, the last one holds.
    """

    def __init__(
        self, read_secret: Callable[[str], Awaitable[str]], name: str, max_age: float = 0.0
    ) -> None:
        self._read_secret = read_secret
        self._name = name
        self._max_age = max_age
        self._known: str | None = None
        self._read_at = float("-inf")

    async def verify(self, token: bytes) -> bool:
        """Whether the hash is that of a token. One call of the secret API, for a token at all.

        Without the secret no token is good. Raises `Unavailable` without the secret store.
        """
        if not 0 < len(token) <= MAX_TOKEN_BYTES:
            return False
        expected = await self._expected()
        digest = hashlib.sha256(token).hexdigest().encode()
        return bool(expected) and compare_digest(digest, expected.encode())

    async def _expected(self) -> str:
        """The hash; empty if there is none."""
        if time.monotonic() - self._read_at < self._max_age:
            return self._known or ""
        try:
            self._known = await self._read_secret(self._name)
        except NotFound:
            self._known = ""
        except ServiceError:
            if self._known is None or not self._max_age:
                raise
        self._read_at = time.monotonic()
        return self._known or ""
