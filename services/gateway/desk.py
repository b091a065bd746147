"""How the gateway asks the other services, and answers with what they say.

Public things are asked for without the caller's token: a token that covers `write:statuses` alone
must still get a status with its author back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from fastapi import Request, Response

from services.chassis.dapr.client import INVOKE_TIMEOUT, InvocationResponse
from services.chassis.errors import NotFound, ServiceError
from services.chassis.security.token_verifier import Caller
from services.chassis.storage.window import Window, normalize_id
from services.contracts import limits
from services.contracts.catalog import Product
from services.contracts.logins import App
from services.gateway.http import paging
from services.gateway.http.errors import log_failure
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.entities import shop
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.renderer import (
    EntityRenderer,
    ProductCards,
    Row,
    author_ids_of,
    product_ids_of,
)
from services.gateway.presentation.urls import PublicUrls
from services.gateway.settings import GatewaySettings

_BATCH_SIZE = 80  # ids in one address: the sidecar reads 4 KiB of request line and headers
_MAX_APPS = 1000
_TAG_LENGTH = 24  # characters in the tag of a page


class Invoker(Protocol):
    """The port behind which the other services lie: the sidecar, or a fake."""

    async def invoke(
        self,
        app: str,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = INVOKE_TIMEOUT,
    ) -> InvocationResponse: ...


class Reader(Protocol):
    """What parts of several faces ask with: the desk, or something that asks together."""

    async def ask(
        self,
        app: str,
        path: str,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any: ...

    async def people(self, ids: Sequence[str]) -> dict[str, Row]: ...


class Desk:
    """What every route works with."""

    def __init__(self, settings: GatewaySettings, services: Invoker) -> None:
        self.settings = settings
        self.services = services
        self.at = PublicUrls(settings.public_url)
        self.writer = HtmlWriter(self.at)
        self.rendered = EntityRenderer(self.at, self.writer, settings.microgram_rendered_mib << 20)
        self._pages = LruByteCache(settings.microgram_pages_mib << 20)
        self._apps: dict[str, dict[str, str]] = {}

    async def ask(
        self,
        app: str,
        path: str,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """What a service says, parsed; as the caller, where one is given."""
        token = caller.token if caller else ""
        reply = await self.services.invoke(
            app, path, method=method, token=token, json=json, params=params, headers=headers
        )
        return orjson.loads(reply.body)

    # ── people ──────────────────────────────────────────────────────────────────────────────

    async def people(self, ids: Sequence[str]) -> dict[str, Row]:
        """Accounts by id, of those that exist."""
        found: dict[str, Row] = {}
        wanted = list(dict.fromkeys(ids))
        parts = [
            wanted[start : start + _BATCH_SIZE] for start in range(0, len(wanted), _BATCH_SIZE)
        ]
        asked = (self.ask("users", "accounts", params={"ids": ",".join(part)}) for part in parts)
        for answered in await gather_all(*asked):
            found |= answered
        return found

    async def person(self, id: str) -> Row:
        """One account; raises `NotFound`."""
        row: Row = await self.ask("users", f"accounts/{numeric_id(id)}")
        return row

    async def named(self, usernames: Sequence[str]) -> dict[str, Row]:
        """Accounts by username, of those that exist."""
        if not usernames:
            return {}
        found: dict[str, Row] = await self.ask(
            "users", "lookups", method="POST", json={"usernames": list(usernames)}
        )
        return found

    async def one_named(self, username: str) -> Row:
        """One account by its username, in whichever case; raises `NotFound`."""
        found = await self.named([username])
        for row in found.values():
            if row["profile"]["username"].lower() == username.lower():
                return row
        raise NotFound("There is nobody of that name here.")

    # ── posts ───────────────────────────────────────────────────────────────────────────────

    async def post(self, id: str, caller: Caller | None) -> Row:
        """One post, as the caller may see it; raises `NotFound`."""
        view: Row = await self.ask("posts", f"posts/{numeric_id(id)}", caller)
        return view

    async def status(self, view: Row) -> bytes:
        """The entity Status of a post; raises `NotFound`."""
        return self.rendered.status(view, await self.authors(view), await self.cards([view]))

    async def authors(self, view: Row) -> dict[str, Row]:
        """Who made a post, and what it shows; raises `NotFound`."""
        ids = author_ids_of(view)
        found = await self.people(ids)
        if not all(id in found for id in ids):
            raise NotFound("The author of this post is not here any more.")
        return found

    async def author(self, view: Row) -> Row:
        """Who made a post; raises `NotFound`."""
        return (await self.authors(view))[view["post"]["author"]]

    async def statuses(self, views: Sequence[Row]) -> bytes:
        """A list of Status."""
        ids = [id for view in views for id in author_ids_of(view)]
        authors = await self.people(ids) if ids else {}
        return self.rendered.statuses(views, authors, await self.cards(views))

    async def cards(self, views: Sequence[Row]) -> ProductCards:
        """The products that posts show, as they do. One call, and none where they show none.

        A post is shown without its products, if it cannot be learnt what they are.
        """
        ids = product_ids_of(views)
        if not ids:
            return {}
        try:
            rows = await self.ask(
                "catalog", "cards", method="POST", json={"ids": ids[: limits.CARDS]}
            )
        except ServiceError as failure:
            log_failure(failure)
            return {}
        return {
            row["id"]: orjson.dumps(shop.card(Product.model_validate(row), self.at)) for row in rows
        }

    async def timeline(
        self,
        request: Request,
        path: str,
        caller: Caller | None,
        window: Window,
        **asked: str,
    ) -> Response:
        """A page of the feed. This is the hot path: one call, and bytes that are known already.

        A page that was asked for before is kept with its tag, and the feed is asked whether it is
        still the same. A page with products costs one call more, and is not kept: the feed does not
        know whether those are.
        """
        params = window.params() | asked
        key = (caller.user_id if caller else "", path, *params.items())
        kept = self._pages.get(key) or b""
        reply = await self.services.invoke(
            "feed",
            path,
            token=caller.token if caller else "",
            params={**params, "known": kept[:_TAG_LENGTH].decode()} if kept else params,
        )
        page = orjson.loads(reply.body)
        if page["same"]:
            body = kept[_TAG_LENGTH:]
        else:
            cards = await self.cards(page["views"])
            body = self.rendered.statuses(page["views"], page["accounts"], cards)
            if not product_ids_of(page["views"]):
                self._pages.put(key, page["tag"].encode() + body)
        return json_response(
            body, paging.link_header(self.at.public_url, request, page["first"], page["last"])
        )

    # ── apps ────────────────────────────────────────────────────────────────────────────────

    async def app(self, caller: Caller) -> dict[str, str]:
        """What a post says of the app that the caller uses; apps never change theirs."""
        if not caller.client_id:
            return {}
        if caller.client_id not in self._apps:
            try:
                app = await self.ask("auth", f"apps/{path_segment(caller.client_id)}")
            except NotFound:
                return {}
            if len(self._apps) >= _MAX_APPS:
                self._apps.clear()
            known = App.model_validate(app)
            self._apps[caller.client_id] = {
                "application": known.name,
                "application_website": known.website,
            }
        return self._apps[caller.client_id]


def numeric_id(id: str) -> str:
    """An id as it stands in another service's address; raises `NotFound` for what is none."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("Record not found")
    return normalize_id(id)


def path_segment(name: str) -> str:
    """A name that may stand in another service's address; raises `NotFound` for any other."""
    if not name or len(name) > 100 or not all(c.isalnum() or c in "._-" for c in name):
        raise NotFound("Record not found")
    if not name.isascii() or name.strip(".") == "":
        raise NotFound("Record not found")
    return name


def json_response(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that is ready."""
    return Response(body, media_type="application/json", headers=headers)


async def gather_all(*asked: Any) -> list[Any]:
    """Ask several at once; the first failure is raised when all are done."""
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
