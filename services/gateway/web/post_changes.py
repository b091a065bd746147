"""The pages on which authors edit and delete their posts, and the versions of an edited post."""

from __future__ import annotations

from contextlib import suppress

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import (
    Forbidden,
    Gone,
    NotFound,
    PreconditionFailed,
    ServiceError,
    Unauthenticated,
)
from services.chassis.security.caller import Caller
from services.clients.json_types.posts import PostViewJson
from services.contracts.accounts import Account
from services.contracts.posts import Attachment, PostView
from services.gateway.application.failures import log_failure
from services.gateway.application.post_inputs import edited_post
from services.gateway.container import Gateway
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import people
from services.gateway.web.compose_form import ComposeForm
from services.gateway.web.drafts import Draft, DraftPicture
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity
from services.gateway.web.viewer import SignedIn, Viewer

_NOT_IN_VERSIONS: Entity = {"language": None, "products": []}
"""What a version does not have of a Status."""


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages that change a post, and its history."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    for part in (_edit_routes, _delete_routes):
        router.routes.extend(part(gateway, pages).routes)

    @router.get("/@{username}/{id}/history")
    async def history(username: str, id: str, viewer: Viewer) -> Response:
        """All versions of a post, the newest first."""
        author, versions = await gateway.posts.history(id, viewer)
        account = Account.model_validate(author)
        if account.profile.username.lower() != username.lower():
            raise NotFound(pages.texts("error.404.text"))
        return pages.render(
            "history",
            viewer=viewer,
            store=True,
            account=people.account(account, gateway.urls, gateway.html),
            url=gateway.urls.post(account.profile.username, id),
            versions=[version | _NOT_IN_VERSIONS for version in reversed(versions)],
        )

    return router


def _edit_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(prefix="/posts", route_class=pages.route_class(), include_in_schema=False)
    page = _EditPage(gateway, pages)
    router.get("/{id}/edit")(page.get)
    router.post("/{id}/edit")(page.post)
    return router


class _EditPage:
    """The handlers of the form of an edit."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, id: str, viewer: SignedIn) -> Response:
        """The form with the post as it is."""
        view = await self._own_post(id, viewer)
        return self._form(viewer, view, _draft_of(view))

    async def post(self, request: Request, id: str, viewer: SignedIn) -> Response:
        """Change the texts of the post and of its pictures.

        If another window has changed the post since, the form asks before it overwrites.
        """
        view = await self._own_post(id, viewer)
        body = await read_params(request)
        draft, version = Draft.of_form(body), body.integer("version")
        is_same = draft.edited_content == _draft_of(view).edited_content
        if version not in (None, view["version"]) and not is_same:
            return self._conflict(viewer, view, draft)
        try:
            await self._save(view, draft, viewer)
        except Unauthenticated:
            raise
        except PreconditionFailed:  # another window was faster
            return self._conflict(viewer, await self._own_post(id, viewer), draft)
        except ServiceError as failure:
            log_failure(failure)
            error, status = public_message(failure), public_status(failure.status)
            return self._form(viewer, view, draft, version=version, error=error, status=status)
        return RedirectResponse(self._gateway.urls.post(viewer.username, view["post"]["id"]), 303)

    async def _own_post(self, id: str, viewer: Caller) -> PostViewJson:
        """The viewer's own post. Raises `Forbidden` for another's."""
        view = await self._gateway.posts.get(id, viewer)
        if view["post"]["author"] != viewer.user_id:
            raise Forbidden(self._pages.texts("compose.not_yours"))
        return view

    async def _save(self, view: PostViewJson, draft: Draft, viewer: Caller) -> None:
        wanted = edited_post(
            text=draft.text,
            media_ids=None,
            product_ids=None,
            sensitive=draft.sensitive,
            spoiler_text=draft.spoiler_text,
            language=None,
        )
        pictures = [picture.change for picture in draft.pictures if picture.id]
        id, version = view["post"]["id"], view["version"]
        await self._gateway.post_edits.edit(id, wanted, pictures, viewer, version)

    def _conflict(self, viewer: Caller, view: PostViewJson, draft: Draft) -> Response:
        """The form with what was typed and what is saved now. To send it again saves it."""
        error = self._pages.texts("settings.changed_elsewhere")
        return self._form(viewer, view, draft, status=409, error=error, kept=_draft_of(view))

    def _form(
        self,
        viewer: Caller,
        view: PostViewJson,
        draft: Draft,
        *,
        version: int | None = None,
        error: str = "",
        status: int = 200,
        kept: Draft | None = None,
    ) -> Response:
        """`version` is the one that the draft is based on, `kept` what another window has saved."""
        attachments = PostView.model_validate(view).post.attachments
        return self._pages.render(
            "edit",
            viewer=viewer,
            status=status,
            id=view["post"]["id"],
            version=version or view["version"],
            draft=draft,
            pictures=_edited_pictures(self._gateway, attachments, draft),
            error=error,
            kept=kept,
        )


def _draft_of(view: PostViewJson) -> Draft:
    return Draft.of_post(PostView.model_validate(view).post)


def _edited_pictures(
    gateway: Gateway, attachments: list[Attachment], draft: Draft
) -> list[DraftPicture]:
    """The pictures of a post with the texts that were typed for them."""
    typed = {picture.id: picture for picture in draft.pictures}
    return [
        DraftPicture(
            id=one.id,
            description=typed[one.id].description if one.id in typed else one.description,
            focus=typed[one.id].focus if one.id in typed else f"{one.focus[0]:g},{one.focus[1]:g}",
            url=gateway.urls.media(one.small),
        )
        for one in attachments
    ]


def _delete_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(prefix="/posts", route_class=pages.route_class(), include_in_schema=False)
    compose = ComposeForm(gateway, pages)

    @router.get("/{id}/delete")
    async def ask(id: str, viewer: SignedIn) -> Response:
        """The question whether to delete a post: an own one, or one below an own post."""
        view = await gateway.posts.get(id, viewer)
        post = PostView.model_validate(view).post
        is_own = post.author == viewer.user_id
        if not is_own and not (post.path and post.path[0][1] == viewer.user_id):
            raise Forbidden(pages.texts("compose.not_yours"))
        shown: Entity = orjson.loads(await gateway.posts.render(view))
        draft = Draft.of_post(post) if is_own and not post.reblog_of_id else None
        return pages.render("delete_post", viewer=viewer, post=shown, draft=draft)

    @router.post("/{id}/delete")
    async def delete(id: str, viewer: SignedIn) -> Response:
        """Delete a post, and lead to the profile."""
        await gateway.services.posts.delete(id, viewer, delete_media=False)
        return RedirectResponse(gateway.urls.account(viewer.username), 303)

    @router.post("/{id}/redraft")
    async def redraft(request: Request, id: str, viewer: SignedIn) -> Response:
        """Delete a post, and show the form of a new one with its content.

        The form that was sent has the content: a repeat, whose post is gone, shows it again.
        """
        draft = Draft.of_form(await read_params(request))
        with suppress(NotFound, Gone):
            await gateway.services.posts.delete(id, viewer, delete_media=False)
        return await compose.show(viewer, draft)

    return router
