from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

import jwt
import pytest

from services.auth.adapters.signing_keys import (
    KEYS_TTL,
    InvalidSigningKeys,
    SigningKeySet,
    parse_keys,
)
from services.auth.domain.tokens import AccessToken
from services.chassis.errors import Unavailable
from tests.services.auth.harness import Auth, signing_keys


@dataclass
class Vault:
    secret: str = field(default_factory=lambda: signing_keys("first"))
    reads: int = 0
    now: float = 1000.0
    silent: bool = False

    async def read(self) -> str:
        self.reads += 1
        if self.silent:
            raise Unavailable("no answer")
        return self.secret

    def ring(self) -> SigningKeySet:
        return SigningKeySet(self.read, lambda: self.now)


ACCESS = AccessToken("jti", "client", "read", 1_700_000_000, "7", "ada")


async def test_a_signed_token_verifies_with_the_public_key() -> None:
    vault = Vault()
    ring = vault.ring()
    token = await ring.sign(ACCESS)
    (public,) = await ring.public_keys()
    assert public.keys() == {"kty", "crv", "use", "alg", "kid", "x"}
    claims = jwt.decode(token, jwt.PyJWK(public), ["EdDSA"], options={"verify_exp": False})
    assert claims == ACCESS.claims()
    assert await ring.verify(token) == ACCESS.claims()
    assert jwt.get_unverified_header(token)["kid"] == "first"


async def test_keys_are_read_on_first_use_and_every_half_minute() -> None:
    vault = Vault()
    ring = vault.ring()
    assert vault.reads == 0
    for _ in range(3):
        await ring.public_keys()
    assert vault.reads == 1
    vault.now += KEYS_TTL
    await ring.public_keys()
    assert vault.reads == 2


async def test_after_a_rotation_the_new_key_signs_and_the_old_key_verifies() -> None:
    vault = Vault()
    ring = vault.ring()
    old = await ring.sign(ACCESS)
    keys = [*json.loads(signing_keys("second"))["keys"], *json.loads(vault.secret)["keys"]]
    vault.secret = json.dumps({"keys": keys})
    vault.now += KEYS_TTL
    assert [key["kid"] for key in await ring.public_keys()] == ["second", "first"]
    assert jwt.get_unverified_header(await ring.sign(ACCESS))["kid"] == "second"
    assert await ring.verify(old) == ACCESS.claims()
    vault.secret = json.dumps({"keys": keys[:1]})
    vault.now += KEYS_TTL
    assert await ring.verify(old) is None


async def test_known_keys_stay_in_use_while_the_secret_store_is_down() -> None:
    vault = Vault(silent=True)
    ring = vault.ring()
    with pytest.raises(Unavailable):
        await ring.public_keys()
    vault.silent = False
    assert await ring.public_keys()
    vault.silent = True
    vault.now += KEYS_TTL
    assert await ring.public_keys()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [{}]}',
        '{"keys": {"kid": "a"}}',
        '{"keys": [{"kid": "a", "private": "AAAA"}]}',
        '{"keys": [{"kid": "a", "private": 7}]}',
        '{"keys": [{"kid": "a", "private": "é"}]}',
    ],
)
def test_an_invalid_secret_is_explained_and_not_quoted(secret: str) -> None:
    with pytest.raises(InvalidSigningKeys) as refusal:
        parse_keys(secret)
    assert "32 bytes" in refusal.value.message


def test_base64_padding_is_optional() -> None:
    seed = base64.urlsafe_b64encode(bytes(32)).decode()
    for text in (seed, seed.rstrip("=")):
        assert parse_keys(json.dumps({"keys": [{"kid": "a", "private": text}]}))


async def test_without_signing_keys_no_code_is_used_up(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    code = (await auth.authorize(app)).json()["code"]
    secrets, auth.cluster.secrets["jwt-signing-keys"] = dict(auth.cluster.secrets), "broken"
    replica = await auth.replica()
    assert (await replica.redeem(app, code)).status == 500
    auth.cluster.secrets.update(secrets)
    assert (await auth.redeem(app, code)).status == 200
