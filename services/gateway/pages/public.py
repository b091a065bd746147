"""The public pages: front page, profiles, posts, hashtags; and their assets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError
from services.chassis.storage.window import Window
from services.clients.feed import Timeline, account_timeline, public_timeline, tag_timeline
from services.clients.paths import numeric_id
from services.contracts.accounts import Account
from services.contracts.posts import PostView
from services.gateway.container import Gateway
from services.gateway.pages.default_images import default_image
from services.gateway.pages.previews import Previews, preview_text
from services.gateway.pages.renderer import PageRenderer
from services.gateway.presentation.entities import instances, people, posts
from services.gateway.presentation.renderer import Row
from services.shared.hashtags import normal_tag

_STYLE = (Path(__file__).parent / "style.css").read_bytes()
_CACHE_FOR_A_DAY = {"cache-control": "public, max-age=86400"}
_FRONT_PAGE_SIZE, _PROFILE_PAGE_SIZE = 12, 30

MaxId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Public pages."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    router.routes.extend(_asset_routes(gateway, pages).routes)
    shows, previews = _PageModels(gateway), Previews(gateway.urls)

    @router.get("/")
    async def front() -> Response:
        """The front page with the newest pictures, or without them if the feed fails."""
        try:
            tiles, _ = await shows.grid(public_timeline(only_media=True), _FRONT_PAGE_SIZE)
        except ServiceError:
            tiles = []
        rules = [{"text": text, "hint": hint} for text, hint in instances.RULES]
        preview = previews.site(gateway.settings.microgram_title, instances.LONG_DESCRIPTION)
        about = instances.LONG_DESCRIPTION
        return pages.render(
            "front", store=True, preview=preview, tiles=tiles, rules=rules, about=about
        )

    @router.get("/@{username}")
    async def profile(username: str, max_id: MaxId = "") -> Response:
        """A profile with its posts and boosts."""
        row = await gateway.services.users.account_named(username[:40])
        account = Account.model_validate(row)
        timeline = account_timeline(account.profile.id, exclude_replies=True)
        tiles, older = await shows.grid(timeline, _PROFILE_PAGE_SIZE, max_id)
        preview, shown = (
            previews.person(people.public_profile(account.profile)),
            shows.person(account),
        )
        return pages.render(
            "profile", store=True, preview=preview, account=shown, tiles=tiles, older=older
        )

    @router.get("/@{username}/{id}")
    async def post(username: str, id: str) -> Response:
        """A public post. A boost redirects to the boosted post."""
        row = await gateway.posts.get(id, None)
        authors = await gateway.posts.authors(row)
        author = Account.model_validate(authors[row["post"]["author"]])
        if author.profile.username.lower() != username.lower():
            raise NotFound("There is no such post here.")
        if boosted := row["reblog"]:
            name = authors[boosted["post"]["author"]]["profile"]["username"]
            return RedirectResponse(gateway.urls.post(name, boosted["post"]["id"]), 302)
        view = PostView.model_validate(row)
        return pages.render(
            "post",
            store=True,
            preview=previews.post(view.post, people.public_profile(author.profile)),
            account=shows.person(author),
            post=shows.post(view, author),
        )

    @router.get("/tags/{tag}")
    async def tagged(tag: str, max_id: MaxId = "") -> Response:
        """Public pictures with a hashtag."""
        name = normal_tag(tag)
        if not name:
            raise NotFound("This is not a hashtag.")
        tiles, older = await shows.grid(tag_timeline(name), _PROFILE_PAGE_SIZE, max_id)
        preview = previews.tag(name)
        return pages.render("tag", store=True, preview=preview, tag=name, tiles=tiles, older=older)

    return router


def _asset_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get("/users/{username}")
    async def actor(username: str) -> Response:
        """The permanent URL of a profile."""
        return RedirectResponse(gateway.urls.account(username), 302)

    @router.get("/users/{username}/statuses/{id}")
    async def note(username: str, id: str) -> Response:
        """The permanent URL of a post."""
        return RedirectResponse(gateway.urls.post(username, numeric_id(id)), 302)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        """The style sheet and the default images."""
        if name == "style.css":
            return Response(_STYLE, media_type="text/css", headers=_CACHE_FOR_A_DAY)
        drawn = default_image(name)
        if drawn is None:
            raise NotFound("There is no such file.")
        return Response(drawn, media_type="image/png", headers=_CACHE_FOR_A_DAY)

    @router.get("/favicon.ico")
    async def icon(_: Request) -> Response:
        """The icon."""
        return Response(default_image("icon.png"), media_type="image/png", headers=_CACHE_FOR_A_DAY)

    return router


class _PageModels:
    """Template data from contract models."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def grid(self, timeline: Timeline, limit: int, max_id: str = "") -> tuple[list[Any], str]:
        """The tiles of a timeline for anonymous visitors, and the cursor of older ones.

        A boost shows the boosted post, and is left out if that is not visible.
        """
        window = Window(limit, max_id)
        page = await self._gateway.services.feed.timeline(timeline, None, window)
        tiles = [
            self._tile(view["reblog"] or view, author, boosted=bool(view["reblog"]))
            for view in page["views"]
            if (author := page["accounts"].get((view["reblog"] or view)["post"]["author"]))
            and (view["reblog"] or not view["post"]["reblog_of_id"])
        ]
        return tiles, page["last"] if len(page["views"]) == limit else ""

    def _tile(self, view: Row, author: Row, boosted: bool) -> dict[str, Any]:
        account = Account.model_validate(author)
        shown = self.post(PostView.model_validate(view), account)
        return shown | {"account": self.person(account), "boosted": boosted}

    def person(self, account: Account) -> dict[str, Any]:
        entity = people.account(account, self._gateway.urls, self._gateway.html)
        fields = [field | {"value": Markup(field["value"])} for field in entity["fields"]]  # noqa: S704 (escaped by HtmlWriter)
        return entity | {
            "note": Markup(entity["note"]),  # noqa: S704 (escaped by HtmlWriter)
            "name": entity["display_name"] or entity["username"],
            "fields": fields,
        }

    def post(self, view: PostView, author: Account) -> dict[str, Any]:
        entity = posts.status(view, author.profile.username, self._gateway.urls, self._gateway.html)
        pictures = [
            default_image
            | {"alt": default_image["description"] or "A picture without a description"}
            for default_image in entity["media_attachments"]
        ]
        return (
            entity
            | {
                "content": Markup(entity["content"]),  # noqa: S704 (escaped by HtmlWriter)
                "text": view.post.text,
                "words": preview_text(view.post),
                "day": view.post.created_at[:10],
                "pictures": pictures,
            }
        )
