"""Commands that create and edit posts.

Creation first does everything that may be refused. Then the idempotency key's intent fixes the id,
the pictures are claimed for that id, and one compare-and-set writes the post. Whatever fails in
between, the same request can be repeated and creates the post once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.errors import Invalid, NotFound, PreconditionFailed, Unavailable
from services.chassis.http.preconditions import Condition
from services.chassis.idempotency import fingerprint as request_fingerprint
from services.chassis.idempotency import first_intent
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_id
from services.clients.media import MediaClient
from services.clients.users import UsersClient
from services.contracts.posts import EditedPost, NewPost
from services.posts.application.picture_release import release_pictures
from services.posts.application.queries import PostQueries
from services.posts.application.visible_posts import VisiblePost, post_view
from services.posts.domain.changes import StaleRevision, apply_edit, create_once, create_post
from services.posts.domain.drafts import PostDraft, PostEdit
from services.posts.domain.history import PostHistory
from services.posts.domain.posts import PostMention, PostRecord, to_revision
from services.posts.repository import PostIntent, Repository

MAX_EDIT_ATTEMPTS = 4
"""How often an edit is decided anew because the post is edited concurrently."""

_FILLED_IN = ("sensitive", "language", "application", "application_website")


class PostService:
    """Creates and edits posts. `ids`, `time_of_id` and `now` are the clock."""

    def __init__(
        self,
        repository: Repository,
        queries: PostQueries,
        users: UsersClient,
        media: MediaClient,
        *,
        host: str,
        ids: Callable[[], str],
        time_of_id: Callable[[str], str],
        now: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._users = users
        self._media = media
        self._host = host
        self._ids = ids
        self._time_of_id = time_of_id
        self._now = now

    async def create(self, new: NewPost, caller: Caller) -> dict[str, Any]:
        """Create a post and return its `PostView`. Two state calls, three with a key."""
        draft = self._draft(new)
        parent, mentions = await asyncio.gather(
            self._parent(new.in_reply_to_id, caller), self._mentions(draft.names, caller)
        )
        id = await self._choose_id(new.idempotency_key, caller)
        post = create_post(
            draft,
            id=id,
            author=caller.user_id,
            now=self._time_of_id(id),
            parent=parent,
            mentions=mentions,
            attachments=await self._media.claim(id, draft.pictures, caller),
            application=new.application,
            application_website=new.application_website,
            fingerprint=_fingerprint(new) if new.idempotency_key else "",
        )
        stored = await self._repository.posts.update(
            id, lambda there: create_once(there, post), expect_absent=True
        )
        if stored is not post:  # created by an earlier request with the same key
            return (await self._queries.get(id, caller)).view()
        return post_view(post, 1)

    def _draft(self, new: NewPost) -> PostDraft:
        return PostDraft.create(
            new.text,
            host=self._host,
            spoiler_text=new.spoiler_text,
            visibility=new.visibility,
            sensitive=new.sensitive,
            language=new.language,
            pictures=new.media_ids,
            products=[normalize_id(id) for id in new.product_ids],
        )

    async def _parent(self, id: str | None, caller: Caller) -> PostRecord | None:
        return await self._queries.get_answered(id, caller) if id else None

    async def _mentions(self, names: Sequence[str], caller: Caller) -> tuple[PostMention, ...]:
        """Resolve usernames. Names of nobody are plain text."""
        if not names:
            return ()
        reader = caller if caller.may("read:accounts") else None
        accounts = await self._users.accounts_named(names, reader)
        found = {name.lower(): account["profile"] for name, account in accounts.items()}
        return tuple(
            PostMention(found[name]["id"], found[name]["username"])
            for name in names
            if name in found
        )

    async def _choose_id(self, key: str, caller: Caller) -> str:
        """Return the id of the post that a request creates, the same one for the same key."""
        intent = PostIntent(self._ids())
        kept = await first_intent(self._repository.intents, caller.user_id, key, intent)
        return kept.post_id

    async def edit(
        self, id: str, wanted: EditedPost, caller: Caller, condition: Condition | None = None
    ) -> dict[str, Any]:
        """Edit a post and return its `PostView`. Seven state calls.

        Raises `PreconditionFailed` if the post has not the version that was read. That is ignored
        if the edit changes nothing: it may be a repeat.
        """
        edit = _edit_of(wanted)
        for _ in range(MAX_EDIT_ATTEMPTS):
            seen = await self._queries.get_own(id, caller)
            if seen.post.reblog_of_id:
                raise Invalid("A boost cannot be edited.")
            try:
                await self._edit(seen, edit, caller, condition)
            except StaleRevision:
                continue
            return (await self._queries.get_own(id, caller)).view()
        raise Unavailable("The post is being edited at the same time. Try again.")

    async def _edit(
        self, seen: VisiblePost, edit: PostEdit, caller: Caller, condition: Condition | None
    ) -> None:
        post = seen.post
        draft = edit.to_draft(post, self._host)
        mentions, attachments = post.mentions, post.attachments
        if draft.text != post.text:
            mentions = await self._mentions(draft.names, caller)
        if edit.pictures is not None:
            attachments = await self._media.claim(post.id, draft.pictures, caller)
        now = self._now()

        def decide(there: PostRecord | None) -> PostRecord:
            return apply_edit(
                there,
                draft,
                revision=post.revision,
                now=now,
                mentions=mentions,
                attachments=attachments,
            )

        if decide(post) == post:
            return
        if condition is not None and seen.version not in condition:
            raise PreconditionFailed("The post was edited since you read it. Read it again.")
        await self._write_edit(post, decide, has_new_pictures=bool(edit.pictures))

    async def _write_edit(
        self,
        post: PostRecord,
        decide: Callable[[PostRecord | None], PostRecord],
        *,
        has_new_pictures: bool,
    ) -> None:
        """Write the old version into the history, then the edited post."""
        await self._repository.histories.update(
            post.id,
            lambda kept: (kept or PostHistory()).with_revision(post.revision, to_revision(post)),
        )
        try:
            await self._repository.posts.update(post.id, decide)
        except NotFound:  # deleted meanwhile, and its history perhaps before it was written here
            await self._repository.histories.delete(post.id)
            if has_new_pictures:
                await release_pictures(self._media, post.id)
            raise


def _edit_of(wanted: EditedPost) -> PostEdit:
    pictures, products = wanted.media_ids, wanted.product_ids
    return PostEdit(
        text=wanted.text,
        spoiler_text=wanted.spoiler_text,
        sensitive=wanted.sensitive,
        language=wanted.language,
        pictures=None if pictures is None else tuple(pictures),
        products=None if products is None else tuple(normalize_id(id) for id in products),
    )


def _fingerprint(new: NewPost) -> str:
    """What a repeat of a request has to be equal in.

    The gateway fills in what a client leaves out, from a profile that may become known, or change,
    between a request and its repeat.
    """
    known = new.model_copy(update={"visibility": new.visibility or "public"})
    return request_fingerprint(known, ignored=_FILLED_IN)
