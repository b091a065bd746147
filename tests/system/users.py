"""Users with accounts, and the applications they log in with."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from mastodon import Mastodon, types_base

from tests.system.browser import WebBrowser
from tests.system.checked_session import CheckedSession
from tests.system.toot import Toot
from tests.system.waiting import wait_until

OOB = "urn:ietf:wg:oauth:2.0:oob"
SCOPES = ["read", "write", "follow", "push"]
PASSWORD = "correct horse battery staple"

# Mastodon.py asks what type each field of each answer has, with two exceptions in most cases. With
# the answers remembered, a page of 20 posts takes 24 ms of processor time instead of 52.
for _name in ("get_type_class", "real_issubclass"):
    setattr(types_base, _name, cache(getattr(types_base, _name)))


@dataclass(frozen=True)
class ClientApplication:
    """A registered client application."""

    base: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = tuple(SCOPES)

    @classmethod
    def register(
        cls, base: str, name: str = "end to end", scopes: list[str] | None = None
    ) -> ClientApplication:
        """Register an application with Mastodon.py."""
        wanted = scopes or SCOPES
        with CheckedSession() as session:
            id, secret = Mastodon.create_app(
                name, scopes=wanted, api_base_url=base, session=session, request_timeout=60
            )
        return cls(base, id, secret, tuple(wanted))

    def client(self, token: str | None = None) -> Mastodon:
        """Return a Mastodon.py client of this application that checks every response."""
        return Mastodon(
            client_id=self.client_id,
            client_secret=self.client_secret,
            access_token=token,
            api_base_url=self.base,
            ratelimit_method="throw",
            request_timeout=60,
            session=CheckedSession(),
        )

    def authorize_url(self, **more: str) -> str:
        """Return the address of the login page for this application."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": OOB,
            "scope": " ".join(self.scopes),
        }
        return f"{self.base}/oauth/authorize?{urlencode(asked | more)}"

    def token_request(self, code: str, **more: str) -> dict[str, str]:
        """Return the body of the token request for a code."""
        asked = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": OOB,
            "code": code,
        }
        return asked | more


@dataclass
class LoggedInUser:
    """A user with an account, logged in."""

    base: str
    name: str
    email: str
    password: str
    app: ClientApplication
    home: Path
    client: Mastodon

    @classmethod
    def register(cls, app: ClientApplication, name: str, home: Path) -> LoggedInUser:
        """Register a user, and log in with the token of the registration."""
        email = f"{name}@example.org"
        client = app.client()
        client.create_account(name, PASSWORD, email, agreement=True, scopes=list(app.scopes))
        return cls(app.base, name, email, PASSWORD, app, home, client)

    @cached_property
    def id(self) -> str:
        return str(self.client.me().id)

    @property
    def token(self) -> str:
        return str(self.client.access_token)

    @cached_property
    def toot(self) -> Toot:
        """The real `toot`, logged in through the login page."""
        toot = Toot(self.base, self.home)
        toot.log_in(self.email, self.password)
        return toot

    @cached_property
    def http(self) -> CheckedSession:
        """A plain HTTP session of this user."""
        session = CheckedSession()
        session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def call(self, method: str, path: str, **given: Any) -> requests.Response:
        """Send one request as this user, without following redirects."""
        return self.http.request(
            method, f"{self.base}{path}", allow_redirects=False, timeout=60, **given
        )

    def wait_for_posts(self, count: int) -> None:
        """Wait until the account page and the account's own count have `count` posts.

        They are derived from the same events, and neither waits for the other.
        """
        wait_until(lambda: len(self.client.account_statuses(self.id, limit=40)) == count)
        wait_until(lambda: self.client.me().statuses_count == count)

    def upload(self, picture: Path, **more: Any) -> Any:
        """Upload a picture with Mastodon.py, which does not close files that it opens."""
        kind = mimetypes.guess_type(picture.name)[0]
        return self.client.media_post(picture.read_bytes(), mime_type=kind, **more)

    def token_for(self, app: ClientApplication, **more: str) -> str:
        """Log in to another application, and return its token."""
        with WebBrowser(self.base) as browser:
            code = browser.log_in(app.authorize_url(**more), self.email, self.password)
        with CheckedSession() as session:
            reply = session.post(f"{self.base}/oauth/token", data=app.token_request(code))
        assert reply.ok, reply.text
        return str(reply.json()["access_token"])
