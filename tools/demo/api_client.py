"""A client of the public API for the demo: it keeps rate limits and retries failures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

import aiohttp

from tools.demo.dataset import PASSWORD, DemoPerson
from tools.runner.errors import RunnerError

MAX_WAIT = 900.0
"""The longest wait for a rate limit, in seconds; beyond it the demo fails."""

SCOPES = "read write follow"
_OOB = "urn:ietf:wg:oauth:2.0:oob"
_MAX_ATTEMPTS = 5
_HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
_CODE = re.compile(r'name="code" value="([^"]+)"')


class RequestRefused(RunnerError):
    """The system refused a request of the demo."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class DemoApiClient:
    """A client of one system.

    `key` is the token that the gateway and its sidecar share; rate limits do not apply with it.
    Without it the client waits for rate limits, and reports that with `say`.
    """

    def __init__(self, base: str, key: str = "", *, say: Callable[[str], None] = print) -> None:
        self.base = base
        self._headers = {"dapr-api-token": key} if key else {}
        self._say = say
        self._session: aiohttp.ClientSession | None = None
        self._app: dict[str, str] = {}

    async def __aenter__(self) -> DemoApiClient:
        self._session = aiohttp.ClientSession(
            self.base,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=60),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        json: Any = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request, with retries. Raises `RequestRefused`.

        Requests must be idempotent, or carry an idempotency key.
        """
        sent = {**(headers or {}), **({"authorization": f"Bearer {token}"} if token else {})}
        for number in range(1, _MAX_ATTEMPTS + 1):
            status, body, wait = await self._send(
                method,
                path,
                json=json,
                data=form() if form else None,
                params=params,
                headers=sent,
            )
            if status == 429:
                await self._wait(wait)
            elif status >= 500 and number < _MAX_ATTEMPTS:
                await asyncio.sleep(number)
            elif status >= 400:
                raise RequestRefused(
                    status, f"{method} {path} was refused ({status}): {_why(body)}"
                )
            else:
                return body
        raise RequestRefused(503, f"{method} {path} was not answered")

    async def _send(self, method: str, path: str, **content: Any) -> tuple[int, Any, float]:
        if self._session is None:
            raise ValueError("The client is not open.")
        try:
            async with self._session.request(method, path, **content) as answer:
                is_json = answer.content_type.endswith("json")
                body = await answer.json() if is_json else await answer.text()
                return answer.status, body, float(answer.headers.get("retry-after", "2"))
        except aiohttp.ClientConnectorError:
            raise RunnerError(
                f"nothing answers at {self.base}: start it with ./tye-like-run.sh"
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            return 503, str(error), 2.0

    async def _wait(self, seconds: float) -> None:
        if seconds > MAX_WAIT:
            raise RunnerError(
                f"this system lets in nobody for {seconds / 60:.0f} minutes (rate limits): run the "
                "demo again then, nothing is doubled; or run it where the system was started"
            )
        self._say(f"a rate limit is reached: waiting for {seconds:.0f} s")
        await asyncio.sleep(seconds)

    # ── people ──────────────────────────────────────────────────────────────────────────────

    async def sign_in(self) -> None:
        """Register the application that users log in with."""
        about = {"client_name": "Microgram demo", "redirect_uris": _OOB, "scopes": SCOPES}
        self._app = await self.request("POST", "/api/v1/apps", json=about)

    async def is_known(self, person: DemoPerson) -> bool:
        """Return whether an account with that name exists."""
        try:
            await self.request("GET", "/api/v1/accounts/lookup", params={"acct": person.username})
        except RequestRefused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def register(self, person: DemoPerson) -> str:
        """Create an account; return its token."""
        grant = self._client() | {"grant_type": "client_credentials", "scope": SCOPES}
        app = await self.request("POST", "/oauth/token", json=grant)
        form = {
            "username": person.username,
            "email": person.email,
            "password": PASSWORD,
            "agreement": True,
            "locale": "en",
        }
        made = await self.request("POST", "/api/v1/accounts", app["access_token"], json=form)
        return str(made["access_token"])

    async def log_in(self, person: DemoPerson) -> str:
        """Log in through the login page; return the token."""
        asked = {"response_type": "code", "redirect_uri": _OOB, "scope": SCOPES}
        asked["client_id"] = self._app["client_id"]
        page = await self.request("GET", "/oauth/authorize", params=asked)
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(page)}
        filled = hidden | {"login": person.username, "password": PASSWORD, "decision": "allow"}
        shown = await self.request(
            "POST", "/oauth/authorize", form=lambda: aiohttp.FormData(filled)
        )
        code = _CODE.search(shown)
        if code is None:
            raise RunnerError(
                f"there is a {person.username} whose password is not the demo's: it is not ours"
            )
        grant = self._client() | {"grant_type": "authorization_code", "redirect_uri": _OOB}
        made = await self.request("POST", "/oauth/token", json=grant | {"code": code[1]})
        return str(made["access_token"])

    def _client(self) -> dict[str, str]:
        return {name: self._app[name] for name in ("client_id", "client_secret")}


def picture(data: bytes, **fields: str) -> Callable[[], aiohttp.FormData]:
    """Return a factory of a form with a picture, so that it can be sent again."""

    def made() -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("file", data, filename="demo.jpg", content_type="image/jpeg")
        for name, value in fields.items():
            form.add_field(name, value)
        return form

    return made


def _why(body: Any) -> str:
    if isinstance(body, dict):
        return str(body.get("error_description") or body.get("error") or body.get("detail") or body)
    return str(body)[:200]
