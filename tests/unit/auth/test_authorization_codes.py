from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.authorization_codes import (
    AuthorizationGrant,
    CodeRedemption,
    CodeReused,
    redeem,
    s256_challenge,
    validate_challenge,
)
from services.auth.domain.errors import InvalidGrant, InvalidRequest

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
GRANT = AuthorizationGrant(
    "client", "7", "ada", "https://x.org/cb", "read", CHALLENGE, expires_at=1600
)
ASKED = CodeRedemption("client", "https://x.org/cb", VERIFIER, "token", 9999)


def test_the_challenge_matches_the_example_of_the_rfc() -> None:
    assert s256_challenge(VERIFIER) == CHALLENGE


def test_a_code_works_once_and_its_reuse_names_the_token() -> None:
    used = redeem(GRANT, ASKED, 1000)
    assert used.token_id == "token"
    with pytest.raises(CodeReused) as reuse:
        redeem(used, replace(ASKED, token_id="other"), 1001)
    assert (reuse.value.token_id, reuse.value.expires_at) == ("token", 9999)
    assert reuse.value.code == "invalid_grant"


def test_another_client_cannot_trigger_a_reuse() -> None:
    used = redeem(GRANT, ASKED, 1000)
    with pytest.raises(InvalidGrant) as refusal:
        redeem(used, replace(ASKED, client_id="other"), 1001)
    assert not isinstance(refusal.value, CodeReused)


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, redirect_uri="https://x.org/"),
        replace(ASKED, redirect_uri=""),
        replace(ASKED, verifier=""),
        replace(ASKED, verifier=VERIFIER[:-1] + "l"),
        replace(ASKED, verifier=CHALLENGE),
        replace(ASKED, verifier=VERIFIER * 3),
    ],
)
def test_a_mismatch_is_rejected_and_the_code_still_works(asked: CodeRedemption) -> None:
    with pytest.raises(InvalidGrant):
        redeem(GRANT, asked, 1000)
    assert redeem(GRANT, ASKED, 1000)


def test_a_code_expires() -> None:
    assert redeem(GRANT, ASKED, 1599)
    with pytest.raises(InvalidGrant):
        redeem(GRANT, ASKED, 1600)
    with pytest.raises(InvalidGrant):
        redeem(None, ASKED, 1000)


def test_a_code_without_a_challenge_needs_no_verifier() -> None:
    plain = replace(GRANT, challenge="")
    assert redeem(plain, replace(ASKED, verifier=""), 1000)
    with pytest.raises(InvalidGrant):
        redeem(plain, ASKED, 1000)


@given(st.text(alphabet="abcXYZ019-._~", min_size=43, max_size=128), st.text(max_size=130))
def test_only_the_verifier_matches_its_challenge(verifier: str, other: str) -> None:
    grant = replace(GRANT, challenge=s256_challenge(verifier))
    assert redeem(grant, replace(ASKED, verifier=verifier), 1000)
    if other != verifier:
        with pytest.raises(InvalidGrant):
            redeem(grant, replace(ASKED, verifier=other), 1000)


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (CHALLENGE, "plain"),
        (CHALLENGE, ""),
        (CHALLENGE, "s256"),
        ("", "S256"),
        ("", "plain"),
        (CHALLENGE + "=", "S256"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE[:-1] + "+", "S256"),
    ],
)
def test_other_challenge_methods_are_rejected(challenge: str, method: str) -> None:
    with pytest.raises(InvalidRequest):
        validate_challenge(challenge, method)


def test_s256_and_no_pkce_are_accepted() -> None:
    validate_challenge(CHALLENGE, "S256")
    validate_challenge("", "")
