"""The page of a new post."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.contracts import limits
from services.gateway.container import Gateway
from services.gateway.http.paths import NEW_POST
from services.gateway.http.reading import params_with_files
from services.gateway.ratelimit.charge import charge_of
from services.gateway.web.compose_form import ComposeForm
from services.gateway.web.drafts import Draft
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import SignedIn


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page at `/new`, and its form."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    form = ComposeForm(gateway, pages)

    @router.get(NEW_POST)
    async def ask(viewer: SignedIn) -> Response:
        """An empty form, with the visibility that the viewer's profile names."""
        people = await gateway.services.users.accounts([viewer.user_id])
        profile: Any = people[viewer.user_id]["profile"] if viewer.user_id in people else {}
        draft = Draft(
            visibility=profile.get("default_visibility") or "public",
            sensitive=bool(profile.get("default_sensitive")),
        )
        return await form.show(viewer, draft)

    @router.post(NEW_POST)
    async def post(request: Request, viewer: SignedIn) -> Response:
        """Upload the pictures of the form, and post it; or show it again."""
        charge = charge_of(request)
        async with params_with_files(request, limits.MAX_PICTURES, truncate=True) as body:
            draft = await form.with_uploads(viewer, Draft.of_form(body), charge)
        action = body.string("action")
        if draft.has_faults:
            return await form.show(viewer, draft, status=422, error=pages.texts("compose.faults"))
        query = body.string("q").strip()[:200]
        if action == "products" or (action == "upload" and query):  # by the Enter key
            found = await form.find_products(viewer, query)
            return await form.show(viewer, draft, query=query, found=found)
        if action == "upload":
            return await form.show(viewer, draft)
        return await form.post(viewer, draft)

    return router
