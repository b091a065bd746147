"""An Atom feed (RFC 4287) of each account's public posts."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Response

from services.clients.feed import account_timeline
from services.contracts.accounts import Account
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.web.previews import shorten
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, status_page

_PAGE_SIZE = 20
_MAX_TITLE = 80
_NAMESPACE = "http://www.w3.org/2005/Atom"
_MEDIA_TYPE = "application/atom+xml"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The feed of an account."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get("/@{username}/feed.atom")
    async def feed(username: str) -> Response:
        """The newest public posts of an account, without boosts and replies."""
        row = await gateway.services.users.account_named(username[:40])
        account = people.account(Account.model_validate(row), gateway.urls, gateway.html)
        timeline = account_timeline(account["id"], exclude_replies=True, exclude_reblogs=True)
        page = await status_page(gateway, timeline, None, _PAGE_SIZE)
        body = atom_feed(account, page.statuses)
        headers = {"cache-control": "public, max-age=60"}
        return Response(body, media_type=_MEDIA_TYPE, headers=headers)

    return router


def atom_feed(account: Entity, statuses: Iterable[Entity]) -> bytes:
    """The feed as XML. What a post hides behind a warning is not in it."""
    feed = Element("feed", xmlns=_NAMESPACE)
    _text(feed, "id", account["uri"])
    _text(feed, "title", _name(account))
    SubElement(feed, "link", href=account["url"])
    SubElement(feed, "link", rel="self", href=f"{account['url']}/feed.atom", type=_MEDIA_TYPE)
    author = SubElement(feed, "author")
    _text(author, "name", _name(account))
    _text(author, "uri", account["url"])
    entries = [_entry(status) for status in statuses]
    _text(feed, "updated", entries[0].findtext("updated") if entries else account["created_at"])
    feed.extend(entries)
    return bytes(tostring(feed, encoding="utf-8", xml_declaration=True))


def _entry(status: Entity) -> Element:
    entry = Element("entry")
    _text(entry, "id", status["uri"])
    _text(entry, "published", status["created_at"])
    _text(entry, "updated", status["edited_at"] or status["created_at"])
    SubElement(entry, "link", href=status["url"])
    veiled = status["sensitive"] or status["spoiler_text"]
    _text(entry, "title", shorten(status["spoiler_text"], _MAX_TITLE) or status["created_at"][:10])
    if veiled:
        return entry
    _text(entry, "content", status["content"]).set("type", "html")
    for picture in status["media_attachments"]:
        link = SubElement(entry, "link", rel="enclosure", href=picture["url"])
        if picture["description"]:
            link.set("title", picture["description"])
    for tag in status["tags"]:
        SubElement(entry, "category", term=tag["name"])
    return entry


def _text(parent: Element, name: str, text: str | None) -> Element:
    child = SubElement(parent, name)
    child.text = _printable(text or "")
    return child


def _printable(text: str) -> str:
    """A text without the control characters that XML does not allow."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n")


def _name(account: Entity) -> str:
    return f"{account['display_name'] or account['username']} (@{account['username']})"
