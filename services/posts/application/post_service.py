"""Posts are made, edited and deleted: what must be asked of others, and in which order.

The order of making one: first all that can be refused, then the key's intent decides the id, then
the pictures are claimed for that id, then one compare-and-swap. Whatever dies in between, the same
request can be made again, and makes the post once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.claims import claim
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Forbidden, Invalid, NotFound, ServiceError, Unavailable
from services.chassis.idempotency import fingerprint as fingerprinted
from services.chassis.idempotency import first_intent
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_id
from services.contracts.posts import EditedPost, NewPost
from services.posts.application.boosts import BoostService
from services.posts.application.queries import PostQueries, parse_post_id, post_view
from services.posts.domain.posts import (
    PostDraft,
    PostEdit,
    PostMention,
    PostRecord,
    StaleRevision,
    apply_edit,
    can_delete,
    create_once,
    create_post,
    delete_post,
    post_not_found,
    to_revision,
)
from services.posts.repository import PostHistory, PostIntent, Repository

log = logging.getLogger(__name__)

MAX_EDIT_ATTEMPTS = 4
"""How often an edit is decided anew, because others edit the same post."""

MODERATION_SCOPE = "admin:write:reports"
"""The scope by which admins delete what others have posted."""


class PostService:
    """Makes, edits and deletes posts at a host. `ids`, `moment` and `now` are the clock."""

    def __init__(
        self,
        repository: Repository,
        views: PostQueries,
        boosts: BoostService,
        sidecar: DaprClient,
        *,
        host: str,
        ids: Callable[[], str],
        moment: Callable[[str], str],
        now: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._queries = views
        self._boosts = boosts
        self._sidecar = sidecar
        self._host = host
        self._ids = ids
        self._time_of_id = moment
        self._now = now

    # ── making ──────────────────────────────────────────────────────────────────────────────

    async def create(self, new: NewPost, caller: Caller) -> dict[str, Any]:
        """Make a post; the `PostView` of it. Two state calls, with an idempotency key three."""
        draft = PostDraft.create(
            new.text,
            host=self._host,
            spoiler_text=new.spoiler_text,
            visibility=new.visibility,
            sensitive=new.sensitive,
            language=new.language,
            pictures=new.media_ids,
            products=[normalize_id(id) for id in new.product_ids],
        )
        parent, mentions = await asyncio.gather(
            self._parent(new.in_reply_to_id, caller), self._mentions(draft.names, caller)
        )
        fingerprint = fingerprinted(new) if new.idempotency_key else ""
        id = await self._choose_id(new.idempotency_key, caller)
        post = create_post(
            draft,
            id=id,
            author=caller.user_id,
            now=self._time_of_id(id),
            parent=parent,
            mentions=mentions,
            attachments=await claim(self._sidecar, id, draft.pictures, caller),
            application=new.application,
            application_website=new.application_website,
            fingerprint=fingerprint,
        )
        made = await self._repository.posts.update(
            id, lambda there: create_once(there, post), fresh=True
        )
        if made is not post:  # made by an earlier request with the same key
            return (await self._queries.get(id, caller)).view()
        return post_view(post, 1)

    async def _parent(self, id: str | None, caller: Caller) -> PostRecord | None:
        return (await self._queries.get_original(id, caller)).post if id else None

    async def _mentions(self, names: Sequence[str], caller: Caller) -> tuple[PostMention, ...]:
        """Those of some names that are somebody's; the others are just text."""
        if not names:
            return ()
        reply = await self._sidecar.invoke(
            "users",
            "lookups",
            method="POST",
            json={"usernames": list(names)},
            token=caller.token if caller.may("read:accounts") else "",
        )
        found = {name.lower(): account["profile"] for name, account in reply.json().items()}
        return tuple(
            PostMention(found[name]["id"], found[name]["username"])
            for name in names
            if name in found
        )

    async def _choose_id(self, key: str, caller: Caller) -> str:
        """The id of the post that a request makes: for the same key always the same."""
        intent = PostIntent(self._ids())
        return (await first_intent(self._repository.intents, caller.user_id, key, intent)).post_id

    # ── editing ─────────────────────────────────────────────────────────────────────────────

    async def edit(self, id: str, wanted: EditedPost, caller: Caller) -> dict[str, Any]:
        """Edit a post; the `PostView` of it. Seven state calls."""
        edit = PostEdit(
            text=wanted.text,
            spoiler_text=wanted.spoiler_text,
            sensitive=wanted.sensitive,
            language=wanted.language,
            pictures=None if wanted.media_ids is None else tuple(wanted.media_ids),
            products=(
                None
                if wanted.product_ids is None
                else tuple(normalize_id(id) for id in wanted.product_ids)
            ),
        )
        for _ in range(MAX_EDIT_ATTEMPTS):
            seen = await self._queries.get_own(id, caller)
            if seen.post.reblog_of_id:
                raise Invalid("A boost cannot be edited.")
            try:
                await self._edit(seen.post, edit, caller)
            except StaleRevision:
                continue
            return (await self._queries.get_own(id, caller)).view()
        raise Unavailable("The post is being edited by others. Try again.")

    async def _edit(self, post: PostRecord, edit: PostEdit, caller: Caller) -> None:
        draft = edit.to_draft(post, self._host)
        mentions, attachments = post.mentions, post.attachments
        if draft.text != post.text:
            mentions = await self._mentions(draft.names, caller)
        if edit.pictures is not None:
            attachments = await claim(self._sidecar, post.id, draft.pictures, caller)
        now = self._now()

        def first_intent(there: PostRecord | None) -> PostRecord:
            return apply_edit(
                there,
                draft,
                revision=post.revision,
                now=now,
                mentions=mentions,
                attachments=attachments,
            )

        if first_intent(post) == post:
            return
        await self._repository.histories.update(
            post.id,
            lambda history: (history or PostHistory()).with_revision(
                post.revision, to_revision(post)
            ),
        )
        try:
            await self._repository.posts.update(post.id, first_intent)
        except NotFound:  # deleted meanwhile, and its history perhaps before we wrote it
            await self._repository.histories.delete(post.id)
            if edit.pictures:
                await self._release_pictures(post.id)
            raise

    # ── deleting ────────────────────────────────────────────────────────────────────────────

    async def delete(self, id: str, caller: Caller, *, delete_media: bool) -> dict[str, Any]:
        """Delete a post; the `PostView` of what it was, or of its tombstone if it is a repeat.

        Its author may show its pictures again for a day, unless they want them deleted too. Admins
        may delete anybody's, also what they do not see. What others wrote below a comment stays,
        but where somebody deletes another's comment below their own post.
        """
        if caller.may(MODERATION_SCOPE):
            return await self._delete_as_moderator(
                parse_post_id(id), caller, delete_media=delete_media
            )
        try:
            seen = await self._queries.get(id, caller)
        except NotFound:
            return await self._delete_hidden(parse_post_id(id), caller, delete_media=delete_media)
        if not can_delete(seen.post, caller.user_id):
            raise Forbidden("This is somebody else's post.")
        if seen.post.reblog_of_id:
            await self._boosts.delete_post(seen.post)
            return seen.view()
        await self._delete(seen.post, caller, delete_media=delete_media)
        return seen.view()

    async def _delete(self, post: PostRecord, caller: Caller, *, delete_media: bool) -> None:
        """First the tombstone, which tells media too; so what dies after it loses nothing."""
        by = caller.user_id
        deleted = await self._repository.posts.update(
            post.id,
            lambda there: delete_post(there, by, delete_media=delete_media) if there else None,
        )
        if deleted is not None and deleted.pictures_kept and post.attachments:
            await self._release_pictures(post.id)

    async def _release_pictures(self, id: str) -> None:
        """Have media release the pictures at once: whoever deletes to redraft posts them again.

        Where that fails, the news of the tombstone does it a little later.
        """
        try:
            await self._sidecar.invoke("media", "releases", method="POST", json={"post_id": id})
        except ServiceError as failure:
            log.warning("could not release pictures", extra={"post": id, "why": failure.message})

    async def _delete_as_moderator(
        self, id: str, caller: Caller, *, delete_media: bool
    ) -> dict[str, Any]:
        doc = await self._repository.posts.load(id)
        if doc is None:
            raise post_not_found()
        await self._delete(doc.value, caller, delete_media=delete_media)
        return post_view(doc.value, doc.version)

    async def _delete_hidden(
        self, id: str, caller: Caller, *, delete_media: bool
    ) -> dict[str, Any]:
        """Delete what its author does not see: deleted already, or a boost of what is hidden."""
        doc = await self._repository.posts.load(id)
        if doc is None or not can_delete(doc.value, caller.user_id):
            raise post_not_found()
        if doc.value.reblog_of_id:
            await self._boosts.delete_post(doc.value)
        elif not doc.value.deleted:
            raise post_not_found()
        else:
            await self._delete(doc.value, caller, delete_media=delete_media)
        return post_view(doc.value, doc.version)
