"""Signatures of webhooks: HMAC-SHA256 over `TIMESTAMP.BODY`, written `t=TIMESTAMP,v1=HEX`.

The scheme is Stripe's. The timestamp is signed too, so that a webhook cannot be replayed later.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from services.chassis.errors import Forbidden

TOLERANCE = 300
"""Seconds by which a signature may be old, or ahead of the clock. Stripe's number."""

_HEADER_PATTERN = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(secret: str, body: bytes, now: int) -> str:
    """Return the signature header of a body."""
    return f"t={now},v1={_digest(secret, now, body)}"


def verify(secret: str, body: bytes, header: str, now: int) -> None:
    """Raise `Forbidden` unless the provider signed the body recently."""
    match = _HEADER_PATTERN.fullmatch(header)
    if match is None:
        raise Forbidden("The webhook is not signed.", code="not_signed")
    at = int(match[1])
    if not hmac.compare_digest(_digest(secret, at, body), match[2]):
        raise Forbidden("The webhook is not signed by the provider.", code="bad_signature")
    if abs(now - at) > TOLERANCE:
        raise Forbidden("The signature of the webhook has expired.", code="stale_signature")


def _digest(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
