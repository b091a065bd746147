"""Who may use the dashboard: its host, its token, its own pages; and what a page may load.

A browser opens the address with `?token=` once, and gets a cookie for it. Other programs send the
token as `Authorization: Bearer`. Services may only send spans, with a token of its own.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.dashboard.settings import Settings, derived_token, is_same

HEALTH_PATH = "/healthz"
OTLP_PATH = "/v1/traces"

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_SAFE = {"GET", "HEAD"}


class SecurityMiddleware:
    """Refuses what does not come from the owner of the run directory."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        if not settings.token:
            raise ValueError("a dashboard without a token would be open to all")
        self._app = app
        self._hosts = {f"127.0.0.1:{settings.port}", f"localhost:{settings.port}"}
        self._token = settings.token
        self._session = derived_token(settings.token, "session")
        self._otlp = derived_token(settings.token, "otlp")
        self._cookie = f"microgram-dashboard-{settings.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope, Headers(scope=scope)) or self._app
        await answer(scope, receive, send_protected)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """Return a refusal or a redirection, or None if the request is permitted."""
        if headers.get("host", "") not in self._hosts:
            return PlainTextResponse("unknown host", 421)
        if scope["path"] == HEALTH_PATH:
            return None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if scope["path"] == OTLP_PATH:
            return None if is_same(bearer, self._otlp) else _refused()
        if not self._is_from_own_page(scope, headers):
            return PlainTextResponse("only the dashboard's own pages may do this", 403)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["method"] in _SAFE and "token" in query:
            return self._login(scope["path"], query)
        is_owner = is_same(bearer, self._token) or self._has_session(headers)
        return None if is_owner else _refused()

    def _is_from_own_page(self, scope: Scope, headers: Headers) -> bool:
        """A request that changes something names its origin, unless it carries the token."""
        if scope["method"] in _SAFE:
            return True
        origin = headers.get("origin")
        if origin is None:
            return "authorization" in headers
        return origin == f"http://{headers['host']}"

    def _login(self, path: str, query: dict[str, str]) -> Response:
        if not is_same(query.pop("token"), self._token):
            return _refused()
        local = "/" + path.lstrip("/")  # "//host" would lead elsewhere
        answer = RedirectResponse(f"{local}?{urlencode(query)}" if query else local, 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict")
        return answer

    def _has_session(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self._cookie)
        return found is not None and is_same(found.value, self._session)


def _refused() -> Response:
    text = "Open the address that ./tye-like-run.sh prints: it contains the token.\n"
    return PlainTextResponse(text, 401, {"www-authenticate": "Bearer"})
