"""What the OpenAPI document shows: examples, and the few models that only these routes have."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example
from pydantic import BaseModel, Field

from services.contracts.accounts import Model

CLIENT_ID = "b6cVQXlrDFGMTEXCtR1nq7cVZnGn4JmYxLkB6q0sPyE"
_SECRET = "ZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Yg1qzXo2mQk"  # noqa: S105 (an example)
_REDIRECT = "urn:ietf:wg:oauth:2.0:oob"

NEW_APP = {
    "client_name": "toot - a Mastodon CLI client",
    "redirect_uris": [_REDIRECT],
    "scopes": "read write follow",
    "website": "https://toot.bezdomni.net/",
}
KNOWN_APP = {
    "id": "115581273340018688",
    "client_id": CLIENT_ID,
    "client_secret": "",
    "name": NEW_APP["client_name"],
    "website": NEW_APP["website"],
    "redirect_uris": [_REDIRECT],
    "scopes": "read write follow",
}
ADDRESS = {"username": "ada", "email": "ada@example.org"}
GRANT = {"scope": "read write"}
APP = {**KNOWN_APP, "client_secret": _SECRET}
AUTHORIZATION = {
    "client_id": CLIENT_ID,
    "redirect_uri": _REDIRECT,
    "scope": "read write follow",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "login": "ada",
    "password": "analytical engine",
}
CODE = {"code": "d0kUo7S2Jx1yEX8mVvM6cWqf3nQ5Zb9tRgLhPaYsTiE"}
TOKEN_REQUESTS: dict[str, Example] = {
    "authorization_code": Example(
        value={
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "client_secret": _SECRET,
            "code": CODE["code"],
            "redirect_uri": _REDIRECT,
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        }
    ),
    "client_credentials": Example(
        value={
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": _SECRET,
            "scope": "read write",
        }
    ),
}
TOKEN = {
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6IjFhMmIiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOi….Zm9v…",
    "token_type": "Bearer",
    "scope": "read write follow",
    "created_at": 1763640000,
}
REGISTRATION = {
    "username": "ada",
    "email": "ada@example.org",
    "password": "analytical engine",
    "agreement": True,
    "locale": "en",
}
DETAILS = {
    "user_id": "115581273340018689",
    "username": "ada",
    "created_at": "2025-11-20T09:12:44.120Z",
    "deleted": False,
    "role": "",
    "suspended": False,
    "email": "ada@example.org",
    "locale": "en",
}
KNOWN = {
    **{name: value for name, value in DETAILS.items() if name != "email"},
    "version": 1,
}
ROLE = {"username": "ada", "role": "admin"}
REGISTERED = {"user_id": "115581273340018689", "username": "ada", "token": TOKEN}
PROOF = {"login": "ada", "password": "analytical engine"}
SESSION = {"token": TOKEN["access_token"]}
DELETED = {"user_id": "115581273340018689"}
REVOCATION = {"client_id": CLIENT_ID, "client_secret": _SECRET, "token": TOKEN["access_token"]}
REVOCATIONS = {"revoked": ["kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y"], "next": 1}
KEYS = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": "1a2b3c4d5e6f7081",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    ]
}


class Problem(Model):
    """Why something was refused: a code for programs, a sentence for people."""

    code: str
    message: str
    details: dict[str, list[str]] | None = Field(
        default=None, description="For each field that breaks a rule, what is wrong with it."
    )
    retry_after: int | None = Field(default=None, description="Seconds to wait, with 429.")


class Revocation(Model):
    """A token that its app gives back (RFC 7009)."""

    client_id: str = Field(default="", max_length=100)
    client_secret: str = Field(default="", max_length=200)
    token: str = Field(max_length=4000)


class Nothing(BaseModel):
    """An empty object."""


class Key(Model):
    """A public key as a JWK."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class Keys(Model):
    """The keys in force. More than one while they are rotated."""

    keys: list[Key]


class Revocations(Model):
    """Ids (`jti`) of revoked tokens, and the cursor to go on from."""

    revoked: list[str]
    next: int


_REFUSALS = {
    400: (
        "An OAuth refusal: `invalid_request`, `invalid_grant`, `invalid_scope` or "
        "`unsupported_grant_type`.",
        {"code": "invalid_grant", "message": "The authorization code has expired."},
    ),
    401: (
        "`invalid_client`, `wrong_login`, or a bad token.",
        {
            "code": "invalid_client",
            "message": "The client is unknown, or its secret is wrong.",
        },
    ),
    403: (
        "Not called by the gateway; or the token is another app's, a person's, or too narrow.",
        {"code": "unauthorized_client", "message": "The token was issued to another client."},
    ),
    404: ("There is none.", {"code": "not_found", "message": "There is no such app."}),
    422: (
        "A field breaks a rule.",
        {
            "code": "invalid",
            "message": "Validation failed: Username has already been taken",
            "details": {"username": ["has already been taken"]},
        },
    ),
    429: (
        "Too many wrong passwords for this name, or too much to do.",
        {
            "code": "too_many",
            "message": "Too many failed logins. Try again in 10 minutes.",
            "retry_after": 600,
        },
    ),
}


def refusal(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """One more way in which every route of a router may refuse."""
    return {status: {"model": Problem, "description": description}}


def answers(example: Any, *refusals: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer, with an example of each."""
    found: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"example": example}}}
    }
    for status in refusals:
        description, problem = _REFUSALS[status]
        found[status] = {
            "model": Problem,
            "description": description,
            "content": {"application/json": {"example": problem}},
        }
    return found
