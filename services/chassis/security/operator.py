"""The proof that the operator calls: a token that only the operator's own files contain.

Services know its SHA-256 alone, so a compromised one cannot act as the operator elsewhere. The
runner creates both (`tools/runner/config/secrets.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from hmac import compare_digest

from services.chassis.errors import NotFound
from services.chassis.security.access_rules import OPERATOR_SECRET

OPERATOR_HEADER = "microgram-operator-token"

MAX_TOKEN_BYTES = 200
"""Of a token that is worth hashing."""


class OperatorVerifier:
    """Compares tokens with the hash in the secret store."""

    def __init__(self, read_secret: Callable[[str], Awaitable[str]]) -> None:
        self._read_secret = read_secret

    async def verify(self, token: bytes) -> bool:
        """Whether this is the operator's token. One call of the secret API, for a token at all.

        Without the secret there is no operator. Raises `Unavailable` without the secret store.
        """
        if not 0 < len(token) <= MAX_TOKEN_BYTES:
            return False
        try:
            expected = await self._read_secret(OPERATOR_SECRET)
        except NotFound:
            return False
        return compare_digest(hashlib.sha256(token).hexdigest().encode(), expected.encode())
