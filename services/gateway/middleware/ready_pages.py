"""Serves pages that are ready, keeps those that routes made, and drops those of who writes."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.errors import ServiceError
from services.chassis.metrics import RequestRecord
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier
from services.contracts.invalidations import reader_document
from services.gateway.application.ready_pages import Headers, ReadyPage, ReadyPages
from services.gateway.http.page_documents import with_documents
from services.gateway.http.paths import GRAPHQL
from services.gateway.http.session_cookie import has_session
from services.gateway.middleware.callers import bearer_token_of

_HOME = "/"
_SCOPES = {
    _HOME: "read:statuses",
    "/api/v1/timelines/home": "read:statuses",
    "/api/v1/notifications": "read:notifications",
}
_ACCOUNTS, _STATUSES = "/api/v1/accounts/", "/statuses"
_ACCOUNT_STATUSES = f"{_ACCOUNTS}{{id}}{_STATUSES}"
_FURTHER_PAGES = (b"max_id", b"since_id", b"min_id")
_MAX_QUERY_LENGTH = 200
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class ReadyPageMiddleware:
    """Comes after the rate limit. Requests that are refused go to the route, which refuses them.

    A page is kept if its route names the documents on which it depends. It is served to the same
    user only, for the same path and query, with any valid token that covers the scope of the route.
    """

    def __init__(self, app: ASGIApp, pages: ReadyPages, token_verifier: TokenVerifier) -> None:
        self._app = app
        self._pages = pages
        self._token_verifier = token_verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] not in _READS and scope["path"] != GRAPHQL:
            await self._write(scope, receive, send)
        elif needed := _scope_of(scope):
            await self._read(needed, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _read(self, needed: str, scope: Scope, receive: Receive, send: Send) -> None:
        user = await self._reader(needed, scope)
        if user is None:
            await self._app(scope, receive, send)
            return
        key = user, scope["path"], scope["query_string"]
        page = self._pages.get(key)
        if page is None:
            await self._make(key, scope, receive, send)
            return
        if (record := scope.get(RequestRecord.KEY)) is not None:
            record.route = scope["path"] if scope["path"] in _SCOPES else _ACCOUNT_STATUSES
        await send({"type": "http.response.start", "status": 200, "headers": page.headers})
        await send({"type": "http.response.body", "body": page.body})

    async def _make(
        self, key: tuple[str, str, bytes], scope: Scope, receive: Receive, send: Send
    ) -> None:
        read_at = self._pages.now()
        scope, documents = with_documents(scope, read_at)
        status, headers, parts = 0, Headers(), list[bytes]()

        async def recording(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], [*message.get("headers", ())]
            else:
                parts.append(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, recording)
        if status == 200 and documents.names:
            names, oldest = tuple(documents.names), documents.oldest
            page = ReadyPage(headers, b"".join(parts), names, read_at, oldest)
            self._pages.put(key, page)

    async def _reader(self, needed: str, scope: Scope) -> str | None:
        """The id of the user who may read, empty for anybody; None to leave it to the route."""
        token = bearer_token_of(scope)
        if not token:
            return "" if scope["path"] not in _SCOPES else None
        if scope["path"] == _HOME and not has_session(scope):
            return None  # the token of an app opens no page of the web app
        caller = await self._caller(token)
        if caller is None or not caller.may(needed):
            return None
        return caller.user_id if caller.user_id or scope["path"] not in _SCOPES else None

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Drop the pages of who writes before they get the response, or learn that there is none.

        The invalidation comes later, and perhaps to another replica first.
        """
        token = bearer_token_of(scope)
        caller = await self._caller(token) if token else None
        if caller is None or not caller.user_id:
            await self._app(scope, receive, send)
            return
        documents = [reader_document(caller.user_id)]

        async def dropping(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._pages.changed(documents)
            await send(message)

        try:
            await self._app(scope, receive, dropping)
        finally:
            self._pages.changed(documents)

    async def _caller(self, token: str) -> Caller | None:
        try:
            return await self._token_verifier.verify(token)
        except ServiceError:
            return None


def _scope_of(scope: Scope) -> str:
    """The token's scope that a first page of posts or notifications needs; empty for others."""
    path: str = scope["path"]
    needed = _SCOPES.get(path, "")
    if not needed and path.startswith(_ACCOUNTS) and path.endswith(_STATUSES):
        needed = "read:statuses"
    query: bytes = scope["query_string"]
    if scope["method"] != "GET" or len(query) > _MAX_QUERY_LENGTH:
        return ""
    return "" if any(name in query for name in _FURTHER_PAGES) else needed
