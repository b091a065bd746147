"""The keys and revocations of auth, for the verifier in its own process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.auth.adapters.revocations import RevocationLog
from services.auth.adapters.signing_keys import SigningKeySet


@dataclass(frozen=True, slots=True)
class OwnKeySource:
    """A `KeySource` without a call of another service."""

    signing_keys: SigningKeySet
    revocation_log: RevocationLog

    async def keys(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs."""
        return [dict(key) for key in await self.signing_keys.public_keys()]

    async def revocations(self, after: int, wait: float) -> tuple[list[str], int]:
        """Return the entries that follow a cursor, and the next cursor."""
        return await self.revocation_log.wait_after(after, wait)
