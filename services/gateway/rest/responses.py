"""Responses that several REST routes share."""

from __future__ import annotations

from fastapi import Request, Response

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.feed import Timeline
from services.clients.json_types.accounts import AccountListJson
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.page_documents import depends_on
from services.gateway.http.responses import json_response

STATUS_PREFIX = "/api/v1/statuses"
STATUS = responses(description="The Status as it is now.")
ACCOUNT_PAGE = responses([], "A page of Account; `Link` leads to the next.")


async def timeline_response(
    gateway: Gateway,
    request: Request,
    timeline: Timeline,
    caller: Caller | None,
    window: Window,
) -> Response:
    """A page of a timeline with its `Link` header."""
    page = await gateway.timelines.get(timeline, caller, window)
    depends_on(request, page.documents)
    links = paging.link_header(gateway.urls.public_url, request, page.first, page.last)
    return json_response(page.body, links)


def account_page(gateway: Gateway, request: Request, page: AccountListJson) -> Response:
    """A page of accounts that the users service lists, with its `Link` header."""
    return json_response(
        gateway.renderer.accounts(page["accounts"]),
        paging.link_header_of(gateway.urls.public_url, request, page["ids"]),
    )


UNREAD_COUNT = responses({"count": 3}, "How many are newer than the marker, `limit` at most.")
DONE = responses({}, "Done.")
