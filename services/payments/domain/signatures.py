"""Signatures of webhooks: HMAC-SHA256 over `TIMESTAMP.BODY`, written `t=TIMESTAMP,v1=HEX`.

The scheme is Stripe's. The time is signed too, so that what was sent once cannot be sent again
much later.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from services.chassis.errors import Forbidden

TOLERANCE = 300
"""Seconds that a webhook may be old, or ahead of our clock: Stripe's number."""

_HEADER_PATTERN = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(secret: str, body: bytes, now: int) -> str:
    """The header that says who sends a body, and when."""
    return f"t={now},v1={_digest(secret, now, body)}"


def verify(secret: str, body: bytes, header: str, now: int) -> None:
    """Raises `Forbidden` for what the provider did not sign, or signed too long ago."""
    match = _HEADER_PATTERN.fullmatch(header)
    if match is None:
        raise Forbidden("This is not signed.", code="not_signed")
    at = int(match[1])
    if not hmac.compare_digest(_digest(secret, at, body), match[2]):
        raise Forbidden("The signature is not the provider's.", code="bad_signature")
    if abs(now - at) > TOLERANCE:
        raise Forbidden("This was signed too long ago.", code="stale_signature")


def _digest(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
