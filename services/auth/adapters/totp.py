"""Codes of authenticator apps (RFC 6238), with the parameters that all of them support."""

from __future__ import annotations

import base64
import secrets

import pyotp

from services.auth.domain.second_factor import RECOVERY_CODES

STEP = 30
"""Seconds for which an app shows a code."""

DRIFT = 1
"""Steps before and after the present one whose codes are valid, for clocks that differ."""


def new_secret() -> str:
    """Return a secret of 160 random bits, in base32."""
    return pyotp.random_base32(32)


def valid_codes(secret: str, now: int) -> dict[str, int]:
    """Return the codes that are valid now, with their steps. Of two equal codes the later one."""
    totp = pyotp.TOTP(secret, interval=STEP)
    present = now // STEP
    steps = range(present - DRIFT, present + DRIFT + 1)
    return {totp.generate_otp(step): step for step in steps}


def provisioning_uri(secret: str, username: str, issuer: str) -> str:
    """Return the address that an app reads from a QR code."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=username, issuer_name=issuer)


def new_recovery_codes() -> list[str]:
    """Return codes of 80 random bits each, in groups of four characters."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]
