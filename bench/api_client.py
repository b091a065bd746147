"""A client of the public API for loading and verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_SCOPES = "read write follow"
_OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


class UnexpectedResponse(Exception):
    """The system sent an unexpected response."""


@dataclass(frozen=True, slots=True)
class BenchPerson:
    """A registered user."""

    id: str
    token: str
    name: str = ""


class BenchClient:
    """Sends requests, and raises `UnexpectedResponse` for everything but a success."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> BenchClient:
        self._session = aiohttp.ClientSession(
            base_url=self.url, timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=0)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def app_token(self) -> str:
        """Return the token of a new application, which can register users."""
        app = await self._post(
            "/api/v1/apps",
            client_name="Benchmark",
            redirect_uris=_OUT_OF_BAND,
            scopes=_SCOPES,
        )
        token = await self._post(
            "/oauth/token",
            grant_type="client_credentials",
            client_id=app["client_id"],
            client_secret=app["client_secret"],
            scope=_SCOPES,
        )
        return str(token["access_token"])

    async def sign_up(self, username: str, app_token: str) -> str:
        """Register a new user; return their token, which some servers accept only later."""
        token = await self._post(
            "/api/v1/accounts",
            app_token,
            username=username,
            email=f"{username}@example.org",
            password=f"The secret of {username}",
            agreement="true",
            locale="en",
            reason="A person of a benchmark, who is measured and then forgotten.",
        )
        return str(token["access_token"])

    async def register(self, username: str, app_token: str) -> BenchPerson:
        """Register a new user who can act at once."""
        return await self.person(await self.sign_up(username, app_token))

    async def person(self, token: str) -> BenchPerson:
        """Return the user of a token, whom anybody may follow from now on."""
        own = await self._call("GET", "/api/v1/accounts/verify_credentials", token)
        if own.get("locked"):
            await self._call(
                "PATCH", "/api/v1/accounts/update_credentials", token, {"locked": "false"}
            )
        return BenchPerson(own["id"], token, own["username"])

    async def follow(self, follower: BenchPerson, followed: BenchPerson) -> None:
        await self._post(f"/api/v1/accounts/{followed.id}/follow", follower.token)

    async def post(self, author: BenchPerson, text: str) -> str:
        """Publish a post; return its id."""
        made = await self._post("/api/v1/statuses", author.token, status=text, visibility="public")
        return str(made["id"])

    async def reply(self, author: BenchPerson, text: str, post: str) -> str:
        """Publish a comment; return its id."""
        made = await self._post("/api/v1/statuses", author.token, status=text, in_reply_to_id=post)
        return str(made["id"])

    async def like(self, person: BenchPerson, post: str) -> None:
        await self._post(f"/api/v1/statuses/{post}/favourite", person.token)

    async def comments(self, reader: BenchPerson, post: str) -> int:
        """Return the number of comments that a user sees below a post."""
        path = f"/api/v1/statuses/{post}/context"
        return len((await self._call("GET", path, reader.token))["descendants"])

    async def home(self, reader: BenchPerson, limit: int) -> list[str]:
        """Return the post ids on the first page of a home timeline."""
        path = f"/api/v1/timelines/home?limit={limit}"
        return [status["id"] for status in await self._call("GET", path, reader.token)]

    async def request(self, method: str, path: str, person: BenchPerson, **body: Any) -> Any:
        """Send a request to the shop's API."""
        headers = {"authorization": f"Bearer {person.token}"}
        async with self._session.request(
            method, path, headers=headers, json=body or None
        ) as response:
            return await _read(response, f"{method} {path}")

    async def _post(self, path: str, token: str = "", **fields: str) -> Any:
        return await self._call("POST", path, token, fields)

    async def _call(
        self, method: str, path: str, token: str, fields: dict[str, str] | None = None
    ) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(method, path, data=fields, headers=headers) as response:
            return await _read(response, f"{method} {path}")


async def _read(response: aiohttp.ClientResponse, what: str) -> Any:
    body = await response.read()
    if response.status not in (200, 201):
        said = body[:300].decode(errors="replace")
        raise UnexpectedResponse(f"{what} answered {response.status}: {said}")
    return orjson.loads(body)
