"""A fake of the auth service: keys, revocations, and signed tokens."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import Receive, Scope, Send

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.token_verifier import ISSUER


class FakeAuth:
    """An ASGI app with auth's routes for other services, which issues valid tokens."""

    def __init__(self) -> None:
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._revoked: list[str] = []
        self._news = asyncio.Event()
        self.logins: dict[str, dict[str, Any]] = {}
        """The logins of the route `/logins`, by user id."""
        self.not_deleted: set[str] = set()
        """The users of whose deletion the route `/deletions` does not know."""
        self.rotate()

    def rotate(self) -> str:
        """Sign with a new key from now on; older tokens stay valid. Returns the key id."""
        self._kid = secrets.token_hex(4)
        self._keys[self._kid] = Ed25519PrivateKey.generate()
        return self._kid

    def withdraw(self, kid: str) -> None:
        """Remove a key, so that its tokens are refused."""
        del self._keys[kid]

    def token(
        self,
        user_id: str = "",
        scopes: str = "read write follow push",
        *,
        client_id: str = "client",
        username: str = "",
        lasts: float = 3600,
        **claims: Any,
    ) -> str:
        """Return an access token of a user, or of an app without a `user_id`."""
        now = int(time.time())
        payload = {
            "iss": ISSUER,
            "iat": now,
            "exp": now + lasts,
            "jti": secrets.token_hex(8),
            "client_id": client_id,
            "scope": scopes,
        }
        if user_id:
            payload |= {"sub": user_id, "username": username or f"user{user_id}"}
        key = self._keys[self._kid]
        return jwt.encode({**payload, **claims}, key, "EdDSA", headers={"kid": self._kid})

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        self._revoked.append(jwt.decode(token, options={"verify_signature": False})["jti"])
        self._news.set()
        self._news = asyncio.Event()

    @property
    def revoked(self) -> list[str]:
        """The ids of the tokens that were revoked."""
        return list(self._revoked)

    def signing_keys(self) -> str:
        """The keys as the secret `jwt-signing-keys` of the real auth has them."""
        keys = [
            {"kid": kid, "private": base64.urlsafe_b64encode(key.private_bytes_raw()).decode()}
            for kid, key in self._keys.items()
        ]
        return json.dumps({"keys": keys})

    def jwks(self) -> dict[str, Any]:
        return {"keys": [_public(kid, key) for kid, key in self._keys.items()]}

    async def revocations(self, after: int, wait: float) -> dict[str, Any]:
        if after >= len(self._revoked):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()
        return {"revoked": self._revoked[after:], "next": len(self._revoked)}

    def _known(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        ids, names = (asked.get(what, [""])[0].split(",") for what in ("ids", "names"))
        return {
            id: login
            for id, login in self.logins.items()
            if id in ids or login["username"].lower() in names
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode()
        if scope["path"] == "/jwks":
            response = OrjsonResponse(self.jwks())
        elif scope["path"] == "/revocations":
            asked = parse_qs(query)
            after, wait = (float(asked.get(name, ["0"])[0]) for name in ("after", "wait"))
            response = OrjsonResponse(await self.revocations(int(after), wait))
        elif scope["path"].startswith("/addresses/"):
            id = scope["path"].rpartition("/")[2]
            response = OrjsonResponse({"username": f"user{id}", "email": f"user{id}@example.org"})
        elif scope["path"] == "/deletions":
            ids = set(parse_qs(query)["ids"][0].split(",")) - self.not_deleted
            response = OrjsonResponse({"user_ids": sorted(ids)})
        elif scope["path"] == "/logins":
            response = OrjsonResponse(self._known(parse_qs(query)))
        else:
            response = OrjsonResponse({"code": "not_found", "message": "Not found"}, 404)
        await response(scope, receive, send)


def _public(kid: str, key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}
