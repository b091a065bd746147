"""The form of a new post.

Without scripts it is one form with the pictures in it. Browsers forget the files of a form that is
shown again, so the pictures are uploaded first, and the form has their ids from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fastapi import Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, RateLimited, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.contracts import limits
from services.contracts.texts import clean_prose
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.errors import public_message, public_status
from services.gateway.presentation.entities import shop
from services.gateway.ratelimit.charge import Charge
from services.gateway.web.drafts import Draft, DraftPicture
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity

_FREE_ROWS = 4
"""Rows for further pictures in the form without scripts."""

_PRODUCTS_SHOWN = 12


class ComposeForm:
    """The form of a new post: shown, and sent."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def show(
        self,
        viewer: Caller,
        draft: Draft,
        *,
        status: int = 200,
        error: str = "",
        query: str = "",
        found: Sequence[Entity] | None = None,
    ) -> Response:
        """The form with a draft. `found` are the products that a `query` found.

        One call for each picture, and one for products, all at once.
        """
        pictures, products = await gather_all(
            gather_all(*(self._with_preview(viewer, picture) for picture in draft.pictures)),
            self._cards(draft.product_ids),
        )
        chosen = {product["id"] for product in products}
        return self._pages.render(
            "compose",
            viewer=viewer,
            status=status,
            draft=draft,
            pictures=pictures,
            free_rows=min(_FREE_ROWS, limits.MAX_PICTURES - len(pictures)),
            products=products,
            error=error,
            query=query,
            found=None if found is None else [one for one in found if one["id"] not in chosen],
        )

    async def with_uploads(self, viewer: Caller, draft: Draft, charge: Charge) -> Draft:
        """The draft with its files uploaded and its pictures described, or with their faults.

        Each file counts as an upload for the rate limit.
        """
        save = partial(self._saved, viewer, charge)
        pictures = await gather_all(*(save(picture) for picture in draft.pictures))
        return replace(draft, pictures=pictures)

    async def _saved(self, viewer: Caller, charge: Charge, picture: DraftPicture) -> DraftPicture:
        uploads, id = self._gateway.uploads, picture.id
        try:
            if picture.file is not None:
                if charge() is not None:
                    raise RateLimited(self._pages.texts("compose.too_many_uploads"))
                attachment = await uploads.upload_attachment(
                    viewer, picture.file, picture.description, picture.point
                )
                return replace(picture, file=None, id=attachment.id)
            if not id:
                return replace(picture, fault=self._pages.texts("compose.no_file"))
            await uploads.describe(viewer, id, picture.description, picture.point)
        except NotFound:
            return replace(picture, id="", fault=self._pages.texts("compose.lost_picture"))
        except Unauthenticated:
            raise
        except ServiceError as failure:
            log_failure(failure)
            return replace(picture, file=None, fault=public_message(failure))
        return picture

    async def post(self, viewer: Caller, draft: Draft) -> Response:
        """Post a draft and lead to the post; or show it again with what is wrong."""
        gateway = self._gateway
        try:
            given = draft.post_input()
            new, _ = await gateway.post_inputs.complete(given, viewer, draft.key)
            view = await gateway.services.posts.create(new, viewer)
        except Unauthenticated:
            raise
        except ServiceError as failure:
            return await self._not_posted(viewer, draft, failure)
        return self._led_to(viewer, view["post"]["id"])

    def _led_to(self, viewer: Caller, id: str) -> Response:
        return RedirectResponse(self._gateway.urls.post(viewer.username, id), 303)

    async def _not_posted(self, viewer: Caller, draft: Draft, failure: ServiceError) -> Response:
        """The form again; or the post, if an earlier click made it.

        A second click uploads the same files as other pictures, so it is another request with the
        same key.
        """
        if failure.code == "key_reused" and (id := failure.details.get("details", {}).get("post")):
            view = await self._gateway.posts.get(id, viewer)
            if view["post"]["text"] == clean_prose(draft.text).strip():
                return self._led_to(viewer, id)
            error = self._pages.texts("compose.posted_before")
            return await self.show(viewer, replace(draft, key=Draft().key), status=422, error=error)
        log_failure(failure)
        status = public_status(failure.status)
        return await self.show(viewer, draft, status=status, error=public_message(failure))

    async def find_products(self, viewer: Caller, query: str) -> list[Entity]:
        """Products with some words; without any, the viewer's own."""
        catalog, at_most = self._gateway.services.catalog, _PRODUCTS_SHOWN
        if query:
            pages = [await catalog.products(viewer, limit=at_most, q=query, stock=False)]
        else:
            shops = await catalog.shops(viewer, limit=limits.MAX_SHOPS, owner=viewer.user_id)
            pages = await gather_all(
                *(
                    catalog.products(viewer, limit=at_most, shop=view.shop.id, stock=False)
                    for view in shops.shops
                )
            )
        products = [view.product for page in pages for view in page.products]
        return [shop.card(product, self._gateway.urls) for product in products[:at_most]]

    async def _with_preview(self, viewer: Caller, picture: DraftPicture) -> DraftPicture:
        """A picture with the address of its preview. It stays in the draft without one too."""
        if not picture.id:
            return picture
        try:
            attachment = await self._gateway.media.attachment(picture.id, viewer)
        except NotFound:
            return replace(picture, id="", fault=self._pages.texts("compose.lost_picture"))
        except Unauthenticated:
            raise
        except ServiceError as failure:
            log_failure(failure)
            return picture
        return replace(picture, url=self._gateway.urls.media(attachment.small))

    async def _cards(self, ids: Sequence[str]) -> list[Entity]:
        """The chosen products that are on sale; none if the catalog fails."""
        wanted = [id for id in ids if id.isdecimal()][: limits.MAX_PRODUCT_TAGS]
        if not wanted:
            return []
        try:
            products = await self._gateway.services.catalog.cards(wanted)
        except ServiceError as failure:
            log_failure(failure)
            return []
        return [shop.card(product, self._gateway.urls) for product in products]
