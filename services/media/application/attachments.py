"""Pictures come in, are described, claimed, shown, and go."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Invalid, NotFound, Unauthenticated, from_status
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.contracts import limits
from services.media.domain import (
    ORPHAN_HOURS,
    AttachmentRecord,
    Focus,
    PixelSize,
    belongs_to,
    check_id,
    claim,
    edit,
    file_name,
    file_part,
    is_orphaned,
    normalize_description,
    release,
    require_own,
    tombstone,
)
from services.media.pictures import Kind, PictureError, Processed, Rendition
from services.media.repository import (
    PostClaims,
    ProfileImages,
    Repository,
    SweepProgress,
    UploadBatch,
)

HOUR = 3600
_POST_PARTS = ("o", "s")
"""The parts of pictures that posts show; portraits are never hidden."""

BATCH_SIZE = 20
"""How many pictures of somebody who is gone go in one round."""

MAX_SWEEP_HOURS = 7 * 24
"""How many hours are swept in one round."""


class ImageProcessor(Protocol):
    """The port behind which pictures are made: the workshop, or a fake."""

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed: ...


class AttachmentService:
    """All pictures. `ids` and `now` (in seconds since 1970) are the clock."""

    def __init__(
        self,
        store: Repository,
        sidecar: DaprClient,
        workshop: ImageProcessor,
        *,
        ids: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._sidecar = sidecar
        self._images = workshop
        self._ids = ids
        self._now = now

    # ── coming in ───────────────────────────────────────────────────────────────────────────

    async def upload(
        self, data: bytes, caller: Caller, *, description: str, focus: Focus
    ) -> AttachmentRecord:
        """Make an attachment of a photo: its document, then two blobs. Eight state calls.

        All that finds the blobs again is written before they are.
        """
        description = normalize_description(description)
        made = await self._process(data, "photo")
        id = self._ids()
        original, small = (
            self._new_file_name(id, "o", made.original),
            self._new_file_name(id, "s", made.small),
        )
        await self._record_upload(id)
        await self._store.by_owner.insert(caller.user_id, [[id]])
        attachment = AttachmentRecord(
            id=id,
            owner=caller.user_id,
            mime=made.original.mime,
            original=original,
            small=small,
            original_size=PixelSize(made.original.width, made.original.height),
            small_size=PixelSize(made.small.width, made.small.height),
            blurhash=made.blurhash,
            description=description,
            focus=focus,
        )
        await self._store.attachments.update(
            id, lambda there: there or attachment, expect_absent=True
        )
        await self._store_files({original: made.original, small: made.small})
        await self._refuse_deleted_account(caller.user_id, lambda: self._remove(id))
        return attachment

    async def upload_profile_image(self, data: bytes, kind: Kind, caller: Caller) -> str:
        """Keep an avatar or header; the name of its file. Five state calls.

        All that it may leave behind is noted before its blob is made.
        """
        made = await self._process(data, kind)
        user, name = caller.user_id, self._new_file_name(self._ids(), kind[0], made.original)
        await self._record_upload(f"{user}:{name}")
        await self._store.profile_images.update(
            user, lambda kept: (kept or ProfileImages()).add(name)
        )
        await self._store_files({name: made.original})
        await self._refuse_deleted_account(user, lambda: self.remove_replaced_profile_images(user))
        return name

    async def _record_upload(self, *what: str) -> None:
        await self._store.uploads.update(
            str(int(self._now()) // HOUR), lambda kept: (kept or UploadBatch()).add(what)
        )

    async def _refuse_deleted_account(self, user: str, undo: Callable[[], Awaitable[None]]) -> None:
        """Somebody may delete their account while a picture of theirs comes in."""
        if await self.is_account_deleted(user):
            await undo()
            raise Unauthenticated("This account was deleted.")

    async def is_account_deleted(self, user: str) -> bool:
        """Whether somebody deleted their account. One state call."""
        portraits = await self._store.profile_images.get(user)
        return portraits is not None and portraits.gone

    async def _process(self, data: bytes, kind: Kind) -> Processed:
        try:
            return await self._images.process(data, kind)
        except PictureError as error:
            raise from_status(error.status, error.message, error.code) from error

    def _new_file_name(self, id: str, part: str, rendition: Rendition) -> str:
        return file_name(id, secrets.token_hex(8), part, rendition.mime)

    async def _store_files(self, files: dict[str, Rendition]) -> None:
        await asyncio.gather(
            *(self._sidecar.put_blob(name, one.body) for name, one in files.items())
        )

    # ── being there ─────────────────────────────────────────────────────────────────────────

    async def get(self, id: str, caller: Caller) -> AttachmentRecord:
        """A picture of the caller's. Raises `NotFound`. One state call."""
        return require_own(await self._store.attachments.get(check_id(id)), caller.user_id)

    async def edit(
        self, id: str, caller: Caller, description: str | None, focus: Focus | None
    ) -> AttachmentRecord:
        """Say something else of it; a post that shows it keeps what it has. Two state calls."""
        changed = await self._store.attachments.update(
            check_id(id),
            lambda there: edit(require_own(there, caller.user_id), description, focus),
        )
        return require_own(changed, caller.user_id)

    async def file(self, name: str) -> bytes:
        """A file. Raises `NotFound`."""
        return await self._sidecar.get_blob(name)

    async def check_visible(self, name: str) -> None:
        """Raise `NotFound` for a file of a picture that waits for another post. One state call."""
        if file_part(name) not in _POST_PARTS:
            return
        attachment = await self._store.attachments.get(name.partition("-")[0])
        if attachment is None or not attachment.is_visible:
            raise NotFound("There is no such file.")

    # ── being claimed ───────────────────────────────────────────────────────────────────────

    async def claim(self, post: str, ids: Sequence[str], caller: Caller) -> list[AttachmentRecord]:
        """Have a post show some pictures: all of them, or none. Again for the same post is fine.

        All are looked at before the first is taken, and they are taken in the order of their ids:
        so of two posts that want the same ones at the same moment, one gets them all. What the
        other had taken by then stays its own, for when it is tried again. Three state calls, and
        two for each picture.
        """
        post, wanted = check_id(post), [check_id(id) for id in dict.fromkeys(ids)]
        if len(wanted) > limits.PICTURES:
            raise Invalid(f"A post can have at most {limits.PICTURES} pictures.")
        user = caller.user_id
        there = await self._store.attachments.get_many(wanted)
        taken = {id: claim(there.get(id), user, post) for id in wanted}
        if wanted:
            await self._store.claims.update(post, lambda kept: (kept or PostClaims()).add(wanted))
        for id in sorted(id for id in wanted if taken[id] != there[id]):
            now = await self._store.attachments.update(id, lambda now: claim(now, user, post))
            taken[id] = now or taken[id]
        return [taken[id] for id in wanted]

    # ── going ───────────────────────────────────────────────────────────────────────────────

    async def on_post_deleted(self, post: str, *, kept: bool) -> None:
        """Remove the pictures of a deleted post, or have them wait for another. Again is fine."""
        if kept:
            await self.release(post)
            return
        for id in await self._close_claims(post):
            await self._remove(id, lambda picture: belongs_to(picture, post))

    async def release(self, post: str) -> None:
        """Show the pictures of a deleted post to nobody, and let another post claim them.

        Again is fine. Three state calls, and two for each picture; without pictures one. They are
        noted first for the sweep that removes them a day later.
        """
        ids = await self._close_claims(post)
        if not ids:
            return
        await self._record_upload(*ids)
        now = self._now()
        for id in ids:
            await self._store.attachments.update(
                id, lambda there: release(there, post, now) if there else None
            )

    async def _close_claims(self, post: str) -> tuple[str, ...]:
        """Let a post that is deleted claim nothing more; the pictures that it has claimed."""
        claims = await self._store.claims.get(post)
        if claims is not None and not claims.closed:
            claims = await self._store.claims.update(
                post, lambda kept: replace(kept, closed=True) if kept else None
            )
        return claims.ids if claims else ()

    async def on_profile_changed(
        self, user: str, attachment_view: tuple[str, ...], version: int, *, gone: bool
    ) -> None:
        """Remove the portraits that a profile shows no more. Again is fine."""
        await self._store.profile_images.update(
            user, lambda kept: (kept or ProfileImages()).apply(attachment_view, version, gone=gone)
        )
        await self.remove_replaced_profile_images(user)

    async def remove_replaced_profile_images(self, user: str) -> None:
        """Remove somebody's replaced portraits; of who is gone, all."""
        portraits = await self._store.profile_images.get(user)
        if portraits is not None and portraits.replaced:
            await self._delete_profile_images(user, portraits.replaced)

    async def erase_batch(self, user: str) -> bool:
        """Remove some of the pictures of somebody who is gone; says whether none were left."""
        rows = await self._store.by_owner.page(user, Window(BATCH_SIZE))
        for id, *_ in rows:
            await self._remove(id)
        if rows:
            await self._store.by_owner.remove(user, [row[0] for row in rows])
        return not rows

    async def _delete_profile_images(self, user: str, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._sidecar.delete_blob(name) for name in names))
        await self._store.profile_images.update(
            user, lambda kept: kept.remove(names) if kept else None
        )

    async def _delete_unused_profile_image(self, user: str, name: str) -> None:
        """Remove a portrait that no profile shows, a day after it came in."""
        portraits = await self._store.profile_images.get(user)
        if portraits is not None and name in portraits.names and name not in portraits.shown:
            await self._delete_profile_images(user, [name])

    async def sweep(self) -> int:
        """Remove what no post wanted for a day; returns how many hours were looked at."""
        upto = int(self._now()) // HOUR - ORPHAN_HOURS - 1
        done = await self._store.sweep_progress.update(
            "all", lambda kept: kept or SweepProgress(upto - 1)
        )
        first = done.hour + 1 if done else upto
        hours = range(first, min(upto, first + MAX_SWEEP_HOURS) + 1)
        uploads = await self._store.uploads.get_many([str(hour) for hour in hours])
        for hour, batch in uploads.items():
            for id in batch.ids:
                owner, _, name = id.partition(":")
                if name:
                    await self._delete_unused_profile_image(owner, name)
                else:
                    await self._remove(id, lambda picture: is_orphaned(picture, self._now()))
            await self._store.uploads.delete(hour)
        if hours:
            last = hours[-1]
            await self._store.sweep_progress.update(
                "all", lambda kept: SweepProgress(max(last, kept.hour if kept else last))
            )
        return len(hours)

    async def _remove(
        self, id: str, goes: Callable[[AttachmentRecord], bool] = lambda picture: True
    ) -> None:
        """Remove one picture, if it is to go: first the right to claim it, then its files."""

        def bury(now: AttachmentRecord | None) -> AttachmentRecord | None:
            return tombstone(now) if now and (now.deleted or goes(now)) else None

        after = await self._store.attachments.update(id, bury)
        if after is not None and after.deleted:
            await asyncio.gather(*(self._sidecar.delete_blob(name) for name in after.files))
            await self._store.by_owner.remove(after.owner, [id])


def attachment_view(attachment: AttachmentRecord) -> dict[str, Any]:
    """An attachment as others see it."""
    return {name: getattr(attachment, name) for name in _PUBLIC_FIELDS}


_PUBLIC_FIELDS = (
    *("id", "owner", "mime", "original", "small", "original_size", "small_size"),
    *("blurhash", "description", "focus"),
)
