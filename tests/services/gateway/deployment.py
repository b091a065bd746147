"""The gateway and all other services in one process, on fake infrastructure."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape
from typing import Any

from fastapi import FastAPI
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from services.auth.adapters.identifier_hash import IDENTIFIER_KEY_SECRET
from services.auth.adapters.signing_keys import SIGNING_KEYS_SECRET
from services.auth.domain.authorization_codes import s256_challenge
from services.catalog.app import create_app as create_catalog
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.comments.app import create_app as create_comments
from services.feed.app import create_app as create_feed
from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from services.gateway.streaming.hub import StreamHub
from services.gateway.web import renderer
from services.media.app import create_app as create_media
from services.media.pictures import Kind, PictureError, Processed, Rendition
from services.notifications.app import create_app as create_notifications
from services.notifications.settings import NotificationsSettings
from services.posts.app import create_app as create_posts
from services.users.app import create_app as create_users
from tests.fakes import FakeCluster, Response, RunningReplica
from tests.mastodon import routes
from tests.services.auth import harness as auth

PASSWORD = "correct horse battery"
OOB = "urn:ietf:wg:oauth:2.0:oob"
GENEROUS = [
    f"microgram_limit_{what}" for what in ("logins", "tokens", "registrations", "apps", "reports")
]
PICTURE_BYTES = b"\xff\xd8\xff a picture"
WIDE_PICTURE_BYTES = PICTURE_BYTES + b", wide"


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates for all gateways of this process: a page takes 30 ms to compile."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


setattr(  # noqa: B010 (it is no name of the renderer's own)
    renderer, "Environment", partial(Environment, bytecode_cache=CompiledTemplates())
)


class FakeImageWorkers:
    """Renders every JPEG as the same picture, narrow or wide, and rejects anything else."""

    async def __aenter__(self) -> FakeImageWorkers:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed:
        if not data.startswith(b"\xff\xd8\xff"):
            raise PictureError("unsupported", "The file is not a picture.")
        original = medium = small = Rendition(b"\xff\xd8\xff developed", "image/jpeg", 640, 480)
        if data == WIDE_PICTURE_BYTES:
            original = Rendition(original.body, "image/jpeg", 1600, 1200)
            medium = Rendition(b"RIFF medium", "image/webp", 1080, 810)
        return Processed(original, medium, small, "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "#808080")


_LONG_WINDOWS = {"microgram_limit_window": 86_400, "microgram_limit_slow_window": 86_400}
"""Seconds of the windows of rate limits, unless a test sets them. They begin by the clock, and
counts are forgotten then: in a day that is seldom the moment of a test."""


def gateway_app(settings: GatewaySettings) -> FastAPI:
    given = settings.model_fields_set
    long = {name: value for name, value in _LONG_WINDOWS.items() if name not in given}
    return create_app(create_service(settings.model_copy(update=long)))


def users_app(settings: Settings) -> FastAPI:
    return create_users(Service(settings))


def posts_app(settings: Settings) -> FastAPI:
    return create_posts(Service(settings))


def comments_app(settings: Settings) -> FastAPI:
    return create_comments(Service(settings))


def feed_app(settings: Settings) -> FastAPI:
    return create_feed(Service(settings))


def notifications_app(settings: NotificationsSettings) -> FastAPI:
    return create_notifications(Service(settings))


def catalog_app(settings: Settings) -> FastAPI:
    return create_catalog(Service(settings))


def media_app(settings: Settings) -> FastAPI:
    return create_media(Service(settings), FakeImageWorkers())


@dataclass
class GatewayDeployment:
    """The running services, and requests to the gateway."""

    cluster: FakeCluster
    gateway: RunningReplica

    @property
    def hub(self) -> StreamHub:
        """The hub of the gateway's streams."""
        (stop,) = self.gateway.service._shutdown_callbacks
        hub = stop.__self__  # type: ignore[attr-defined]
        assert isinstance(hub, StreamHub)
        return hub

    async def ask(self, method: str, path: str, token: str = "", **content: Any) -> Response:
        """One request. Successful API responses are checked against tests/mastodon/routes.py."""
        answered = await self.gateway.public(method, path, token=token, **content)
        route = path.partition("?")[0]
        watched = route.startswith(("/api/", "/nodeinfo/")) and routes.answers_json(method, route)
        if watched and answered.status in (200, 201):
            routes.check(method, route, answered.json())
        return answered

    async def app(self, scopes: str = "read write follow", uri: str = OOB) -> dict[str, Any]:
        form = {"client_name": "A client", "redirect_uris": uri, "scopes": scopes}
        made = await self.ask("POST", "/api/v1/apps", json=form)
        assert made.status == 200, made.text
        app: dict[str, Any] = made.json()
        return app

    async def app_token(self, app: dict[str, Any]) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            "scope": " ".join(app["scopes"]),
        }
        token: str = (await self.ask("POST", "/oauth/token", form=form)).json()["access_token"]
        return token

    async def register(self, username: str, app: dict[str, Any] | None = None) -> SignedInUser:
        token = await self.app_token(app or await self.app())
        form = {
            "username": username,
            "email": f"{username}@example.org",
            "password": PASSWORD,
            "agreement": True,
            "locale": "en",
        }
        made = await self.ask("POST", "/api/v1/accounts", token, json=form)
        assert made.status == 200, made.text
        token = made.json()["access_token"]
        me = (await self.ask("GET", "/api/v1/accounts/verify_credentials", token)).json()
        return SignedInUser(self, me["id"], username, token)

    async def log_in(self, username: str, scopes: str) -> str:
        """A token of a registered user, through the login page."""
        app = await self.app(scopes)
        query = {"client_id": app["client_id"], "redirect_uri": OOB, "scope": scopes}
        page = await self.ask("GET", "/oauth/authorize", params={**query, "response_type": "code"})
        form = {**hidden(page.text), "login": username, "password": PASSWORD, "decision": "allow"}
        shown = await self.ask("POST", "/oauth/authorize", form=form)
        grant = {
            "grant_type": "authorization_code",
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            "redirect_uri": OOB,
            "code": shown.text.partition('name="code" value="')[2].partition('"')[0],
        }
        made = await self.ask("POST", "/oauth/token", form=grant)
        assert made.status == 200, shown.text
        token: str = made.json()["access_token"]
        return token

    async def admin(
        self, username: str, scopes: str = "read write admin:read admin:write"
    ) -> SignedInUser:
        """A user with the role admin."""
        person = await self.register(username)
        (auth_replica,) = [running for running in self.cluster.running if running.name == "auth"]
        body = {"username": username, "role": "admin"}
        assert (await auth_replica.operate("POST", "/roles", json=body)).status == 200
        await self.cluster.settle()
        return SignedInUser(self, person.id, username, await self.log_in(username, scopes))


@dataclass
class SignedInUser:
    """A signed-in user."""

    deployment: GatewayDeployment
    id: str
    username: str
    token: str

    async def ask(self, method: str, path: str, **content: Any) -> Response:
        return await self.deployment.ask(method, path, self.token, **content)

    async def get(self, path: str, **params: str) -> Any:
        return _good(await self.ask("GET", f"/api/v1/{path}", params=params))

    async def post(self, path: str, json: Any = None) -> Any:
        return _good(await self.ask("POST", f"/api/v1/{path}", json=json or {}))

    async def upload(self, description: str = "", data: bytes = PICTURE_BYTES) -> Any:
        content = multipart({"description": description}, {"file": data})
        return _good(await self.ask("POST", "/api/v2/media", **content))

    async def settled(self) -> SignedInUser:
        await self.deployment.cluster.settle()
        return self


def _good(response: Response) -> Any:
    assert response.status == 200, response.text
    return response.json()


def multipart(fields: dict[str, str], files: dict[str, bytes]) -> dict[str, Any]:
    """A multipart body and its header."""
    parts = [
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--b\r\ncontent-disposition: form-data; name="{name}"; filename="x.jpg"\r\n'.encode()
        + b"content-type: image/jpeg\r\n\r\n"
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    return {
        "data": b"".join([*parts, b"--b--\r\n"]),
        "headers": {"content-type": "multipart/form-data; boundary=b"},
    }


def has_only_own_scripts(html: str) -> bool:
    """Whether no script is inline or from elsewhere."""
    own = re.findall(r'<script(?: type="module")? src="/static/[^"]+"></script>', html)
    return len(own) == html.count("<script")


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a form."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html)
    return {name: unescape(value) for name, value in found}


@asynccontextmanager
async def deploy(**settings: Any) -> AsyncIterator[GatewayDeployment]:
    """All services, with settings of the gateway. Mails go to `cluster.mails`."""
    async with FakeCluster() as cluster:
        cluster.secrets[SIGNING_KEYS_SECRET] = auth.signing_keys("a")
        cluster.secrets[IDENTIFIER_KEY_SECRET] = "k" * 32
        mail = settings.get("microgram_mail", False)
        await auth.start(cluster, auth.SettableClock(), mail=mail)
        timelines = (posts_app, comments_app, feed_app, notifications_app)
        for create in (users_app, *timelines, media_app, catalog_app):
            await cluster.start(create, create.__name__.removesuffix("_app"))
        given = dict.fromkeys(GENEROUS, 1000) | settings
        yield GatewayDeployment(cluster, await cluster.start(gateway_app, "gateway", **given))


VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = s256_challenge(VERIFIER)
