"""A run has an authority and tokens of its own, and only their owner can read them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography import x509

from tools.runner.config.paths import RunDir
from tools.runner.infra.identities import Identities


@pytest.fixture
def identities(run: RunDir) -> Identities:
    made = Identities(run)
    made.create()
    return made


def token_of(environment: dict[str, str]) -> str:
    return Path(environment["DAPR_SENTRY_TOKEN_FILE"]).read_text()


def read(identities: Identities, token: str) -> dict[str, object]:
    keys = jwt.PyJWKSet.from_json((identities.folder / "keys.json").read_text())
    claims: dict[str, object] = jwt.decode(
        token,
        keys["runner"],
        algorithms=["EdDSA"],
        audience="spiffe://localhost/ns/default/dapr-sentry",
    )
    return claims


def test_a_token_is_for_one_app_and_one_hour(identities: Identities) -> None:
    claims = read(identities, token_of(identities.daprd_environment("posts")))
    assert claims["sub"] == "spiffe://public/ns/default/posts"
    assert 0 < int(str(claims["exp"])) - time.time() <= 3600


def test_servers_of_dapr_are_in_the_trust_domain_of_the_control_plane(
    identities: Identities,
) -> None:
    token = token_of(identities.environment("dapr-placement", "localhost"))
    assert read(identities, token)["sub"] == "spiffe://localhost/ns/default/dapr-placement"


def test_a_token_of_an_earlier_run_is_worth_nothing(run: RunDir, identities: Identities) -> None:
    old = token_of(identities.daprd_environment("posts"))
    anchors = identities.trust_anchors.read_text()
    again = Identities(run)
    again.create()
    with pytest.raises(jwt.InvalidSignatureError):
        read(again, old)
    assert not (again.folder / "posts.jwt").exists()
    assert again.trust_anchors.read_text() != anchors


def test_only_the_owner_reads_the_files(identities: Identities) -> None:
    identities.daprd_environment("posts")
    for path in [identities.folder, *identities.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_signing_key_of_tokens_is_not_written(identities: Identities) -> None:
    (key,) = json.loads((identities.folder / "keys.json").read_text())["keys"]
    assert "d" not in key
    names = {path.name for path in identities.folder.rglob("*") if path.is_file()}
    assert names == {"keys.json", "sentry.yaml", "ca.crt", "issuer.crt", "issuer.key"}


def test_the_issuer_is_signed_by_the_root(identities: Identities) -> None:
    root, issuer = (
        x509.load_pem_x509_certificate((identities.authority / name).read_bytes())
        for name in ("ca.crt", "issuer.crt")
    )
    issuer.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
