"""Auth on fakes, with a clock that tests set, cheap password hashes, and requests of clients."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from fastapi import FastAPI

from services.auth.adapters.identifier_hash import IDENTIFIER_KEY_SECRET
from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.adapters.signing_keys import SIGNING_KEYS_SECRET
from services.auth.app import create_app
from services.auth.domain.authorization_codes import s256_challenge
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.notifications.app import create_app as create_notifications
from services.notifications.settings import NotificationsSettings
from tests.fakes import FakeCluster, Response, RunningReplica

OOB = "urn:ietf:wg:oauth:2.0:oob"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
PASSWORD = "analytical engine"


def cheap(time_cost: int = 1) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


def signing_keys(*kids: str) -> str:
    seeds = {kid: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for kid in kids}
    return json.dumps({"keys": [{"kid": kid, "private": seeds[kid]} for kid in kids]})


@dataclass
class SettableClock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Auth:
    """A replica of auth, and the requests that the gateway sends it."""

    cluster: FakeCluster
    clock: SettableClock
    running: RunningReplica

    async def ask(self, target: str, token: str = "", **form: Any) -> Response:
        return await self.running.call("POST", target, json=form, token=token)

    async def replica(self, hasher: PasswordHasher | None = None, *, mail: bool = False) -> Auth:
        started = await start(self.cluster, self.clock, hasher, mail=mail)
        return Auth(self.cluster, self.clock, started)

    async def register(self, username: str = "ada", token: str = "", **changed: Any) -> Response:
        form = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        return await self.ask("/registrations", token, **{**form, "agreement": True, **changed})

    async def die_registering(self, key: str, *, after: bool = False) -> None:
        """Kill the process when it saves a key, while ada registers."""
        self.running.sidecar.state.faults.crash("compare_and_set", about=key, after=after)
        pending = asyncio.create_task(self.register("ada"))
        await self.running.sidecar.state.faults.dead.wait()
        await self.running.kill()
        pending.cancel()
        self.running.service.outboxes.clear()  # a killed process finishes nothing

    async def app(self, scopes: str = "read write follow", uri: str = OOB) -> dict[str, Any]:
        made = await self.ask("/apps", client_name="toot", redirect_uris=[uri], scopes=scopes)
        assert made.status == 200, made.text
        app: dict[str, Any] = made.json()
        return app

    async def authorize(self, app: dict[str, Any], login: str = "ada", **changed: Any) -> Response:
        form = {
            "client_id": app["client_id"],
            "redirect_uri": OOB,
            "scope": "read write",
            "code_challenge": s256_challenge(VERIFIER),
            "code_challenge_method": "S256",
            "login": login,
            "password": PASSWORD,
        }
        return await self.ask("/authorizations", **{**form, **changed})

    async def redeem(self, app: dict[str, Any], code: str, /, **changed: Any) -> Response:
        form = {
            "grant_type": "authorization_code",
            **proof(app),
            "code": code,
            "redirect_uri": OOB,
            "code_verifier": VERIFIER,
        }
        return await self.ask("/tokens", **{**form, **changed})

    async def token(self, app: dict[str, Any], login: str = "ada") -> str:
        code = (await self.authorize(app, login)).json()["code"]
        token: str = (await self.redeem(app, code)).json()["access_token"]
        return token

    async def app_token(self, app: dict[str, Any], scope: str = "read write") -> str:
        form = {"grant_type": "client_credentials", **proof(app), "scope": scope}
        token: str = (await self.ask("/tokens", **form)).json()["access_token"]
        return token

    async def revoked(self) -> list[str]:
        answer = await self.running.call("GET", "/revocations?after=0", caller="posts")
        ids: list[str] = answer.json()["revoked"]
        return ids


def proof(app: dict[str, Any]) -> dict[str, str]:
    return {"client_id": app["client_id"], "client_secret": app["client_secret"]}


async def start(
    cluster: FakeCluster,
    clock: SettableClock,
    hasher: PasswordHasher | None = None,
    *,
    mail: bool = False,
) -> RunningReplica:
    def create(settings: Settings) -> FastAPI:
        passwords = PasswordHasherPool(hasher or cheap(), waiting=100)
        return create_app(Service(settings), passwords=passwords, clock=clock)

    return await cluster.start(create, "auth", microgram_mail=mail)


@asynccontextmanager
async def auth_harness(*, mail: bool = False) -> AsyncIterator[Auth]:
    """Auth; with `mail` also notifications, which sends mails to `cluster.mails`."""
    async with FakeCluster() as cluster:
        cluster.secrets[SIGNING_KEYS_SECRET] = signing_keys("first")
        cluster.secrets[IDENTIFIER_KEY_SECRET] = "k" * 32
        clock = SettableClock()
        auth = Auth(cluster, clock, await start(cluster, clock, mail=mail))
        if mail:
            await start_notifications(cluster)
        yield auth


async def start_notifications(cluster: FakeCluster) -> RunningReplica:
    return await cluster.start(_notifications, "notifications")


def _notifications(settings: NotificationsSettings) -> FastAPI:
    return create_notifications(Service(settings))
