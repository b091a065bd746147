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
from services.chassis.security.token_verifier import Caller
from services.chassis.storage.window import Window
from services.contracts import limits
from services.media.domain import (
    ORPHAN_HOURS,
    Attachment,
    Focus,
    Size,
    alt_text,
    checked_id,
    claimed,
    described,
    file_name,
    is_of,
    is_unwanted,
    owned,
    part_of,
    released,
    tombstone,
)
from services.media.pictures import Kind, PictureError, Processed, Rendition
from services.media.store import Ids, Portraits, PostClaims, Store, Swept

HOUR = 3600
_OF_POSTS = ("o", "s")
"""The parts of pictures that posts show; portraits are never hidden."""

ROUND = 20
"""How many pictures of somebody who is gone go in one round."""

MOST_HOURS = 7 * 24
"""How many hours are swept in one round."""


class Processes(Protocol):
    """The port behind which pictures are made: the workshop, or a fake."""

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed: ...


class Pool:
    """All pictures. `ids` and `now` (in seconds since 1970) are the clock."""

    def __init__(
        self,
        store: Store,
        sidecar: DaprClient,
        workshop: Processes,
        *,
        ids: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._sidecar = sidecar
        self._workshop = workshop
        self._ids = ids
        self._now = now

    # ── coming in ───────────────────────────────────────────────────────────────────────────

    async def add(
        self, data: bytes, caller: Caller, *, description: str, focus: Focus
    ) -> Attachment:
        """Make an attachment of a photo: its document, then two blobs. Eight state calls.

        All that finds the blobs again is written before they are.
        """
        description = alt_text(description)
        made = await self._process(data, "photo")
        id = self._ids()
        original, small = self._name(id, "o", made.original), self._name(id, "s", made.small)
        await self._note(id)
        await self._store.owned.insert(caller.user_id, [[id]])
        attachment = Attachment(
            id=id,
            owner=caller.user_id,
            mime=made.original.mime,
            original=original,
            small=small,
            original_size=Size(made.original.width, made.original.height),
            small_size=Size(made.small.width, made.small.height),
            blurhash=made.blurhash,
            description=description,
            focus=focus,
        )
        await self._store.attachments.update(id, lambda there: there or attachment, fresh=True)
        await self._keep({original: made.original, small: made.small})
        await self._refuse_who_is_gone(caller.user_id, lambda: self._remove(id))
        return attachment

    async def add_portrait(self, data: bytes, kind: Kind, caller: Caller) -> str:
        """Keep an avatar or header; the name of its file. Five state calls.

        All that it may leave behind is noted before its blob is made.
        """
        made = await self._process(data, kind)
        user, name = caller.user_id, self._name(self._ids(), kind[0], made.original)
        await self._note(f"{user}:{name}")
        await self._store.portraits.update(user, lambda kept: (kept or Portraits()).adding(name))
        await self._keep({name: made.original})
        await self._refuse_who_is_gone(user, lambda: self.tidy(user))
        return name

    async def _note(self, *what: str) -> None:
        await self._store.uploads.update(
            str(int(self._now()) // HOUR), lambda kept: (kept or Ids()).adding(what)
        )

    async def _refuse_who_is_gone(self, user: str, undo: Callable[[], Awaitable[None]]) -> None:
        """Somebody may delete their account while a picture of theirs comes in."""
        if await self.is_gone(user):
            await undo()
            raise Unauthenticated("This account was deleted.")

    async def is_gone(self, user: str) -> bool:
        """Whether somebody deleted their account. One state call."""
        portraits = await self._store.portraits.get(user)
        return portraits is not None and portraits.gone

    async def _process(self, data: bytes, kind: Kind) -> Processed:
        try:
            return await self._workshop.process(data, kind)
        except PictureError as error:
            raise from_status(error.status, error.message, error.code) from error

    def _name(self, id: str, part: str, rendition: Rendition) -> str:
        return file_name(id, secrets.token_hex(8), part, rendition.mime)

    async def _keep(self, files: dict[str, Rendition]) -> None:
        await asyncio.gather(
            *(self._sidecar.put_blob(name, one.body) for name, one in files.items())
        )

    # ── being there ─────────────────────────────────────────────────────────────────────────

    async def one(self, id: str, caller: Caller) -> Attachment:
        """A picture of the caller's. Raises `NotFound`. One state call."""
        return owned(await self._store.attachments.get(checked_id(id)), caller.user_id)

    async def describe(
        self, id: str, caller: Caller, description: str | None, focus: Focus | None
    ) -> Attachment:
        """Say something else of it; a post that shows it keeps what it has. Two state calls."""
        changed = await self._store.attachments.update(
            checked_id(id),
            lambda there: described(owned(there, caller.user_id), description, focus),
        )
        return owned(changed, caller.user_id)

    async def file(self, name: str) -> bytes:
        """A file. Raises `NotFound`."""
        return await self._sidecar.get_blob(name)

    async def check_shown(self, name: str) -> None:
        """Raise `NotFound` for a file of a picture that waits for another post. One state call."""
        if part_of(name) not in _OF_POSTS:
            return
        attachment = await self._store.attachments.get(name.partition("-")[0])
        if attachment is None or not attachment.is_shown:
            raise NotFound("There is no such file.")

    # ── being claimed ───────────────────────────────────────────────────────────────────────

    async def claim(self, post: str, ids: Sequence[str], caller: Caller) -> list[Attachment]:
        """Have a post show some pictures: all of them, or none. Again for the same post is fine.

        All are looked at before the first is taken, and they are taken in the order of their ids:
        so of two posts that want the same ones at the same moment, one gets them all. What the
        other had taken by then stays its own, for when it is tried again. Three state calls, and
        two for each picture.
        """
        post, wanted = checked_id(post), [checked_id(id) for id in dict.fromkeys(ids)]
        if len(wanted) > limits.PICTURES:
            raise Invalid(f"A post can have at most {limits.PICTURES} pictures.")
        user = caller.user_id
        there = await self._store.attachments.get_many(wanted)
        taken = {id: claimed(there.get(id), user, post) for id in wanted}
        if wanted:
            await self._store.claims.update(
                post, lambda kept: (kept or PostClaims()).adding(wanted)
            )
        for id in sorted(id for id in wanted if taken[id] != there[id]):
            now = await self._store.attachments.update(id, lambda now: claimed(now, user, post))
            taken[id] = now or taken[id]
        return [taken[id] for id in wanted]

    # ── going ───────────────────────────────────────────────────────────────────────────────

    async def post_deleted(self, post: str, *, kept: bool) -> None:
        """Remove the pictures of a deleted post, or have them wait for another. Again is fine."""
        if kept:
            await self.release(post)
            return
        for id in await self._close(post):
            await self._remove(id, lambda picture: is_of(picture, post))

    async def release(self, post: str) -> None:
        """Show the pictures of a deleted post to nobody, and let another post claim them.

        Again is fine. Three state calls, and two for each picture; without pictures one. They are
        noted first for the sweep that removes them a day later.
        """
        ids = await self._close(post)
        if not ids:
            return
        await self._note(*ids)
        now = self._now()
        for id in ids:
            await self._store.attachments.update(
                id, lambda there: released(there, post, now) if there else None
            )

    async def _close(self, post: str) -> tuple[str, ...]:
        """Let a post that is deleted claim nothing more; the pictures that it has claimed."""
        claims = await self._store.claims.get(post)
        if claims is not None and not claims.closed:
            claims = await self._store.claims.update(
                post, lambda kept: replace(kept, closed=True) if kept else None
            )
        return claims.ids if claims else ()

    async def profile_changed(
        self, user: str, shown: tuple[str, ...], version: int, *, gone: bool
    ) -> None:
        """Remove the portraits that a profile shows no more. Again is fine."""
        await self._store.portraits.update(
            user, lambda kept: (kept or Portraits()).heard(shown, version, gone=gone)
        )
        await self.tidy(user)

    async def tidy(self, user: str) -> None:
        """Remove somebody's replaced portraits; of who is gone, all."""
        portraits = await self._store.portraits.get(user)
        if portraits is not None and portraits.replaced:
            await self._drop_portraits(user, portraits.replaced)

    async def erase(self, user: str) -> bool:
        """Remove some of the pictures of somebody who is gone; says whether none were left."""
        rows = await self._store.owned.page(user, Window(ROUND))
        for id, *_ in rows:
            await self._remove(id)
        if rows:
            await self._store.owned.remove(user, [row[0] for row in rows])
        return not rows

    async def _drop_portraits(self, user: str, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._sidecar.delete_blob(name) for name in names))
        await self._store.portraits.update(user, lambda kept: kept.without(names) if kept else None)

    async def _drop_unused(self, user: str, name: str) -> None:
        """Remove a portrait that no profile shows, a day after it came in."""
        portraits = await self._store.portraits.get(user)
        if portraits is not None and name in portraits.names and name not in portraits.shown:
            await self._drop_portraits(user, [name])

    async def sweep(self) -> int:
        """Remove what no post wanted for a day; returns how many hours were looked at."""
        upto = int(self._now()) // HOUR - ORPHAN_HOURS - 1
        done = await self._store.swept.update("all", lambda kept: kept or Swept(upto - 1))
        first = done.hour + 1 if done else upto
        hours = range(first, min(upto, first + MOST_HOURS) + 1)
        uploads = await self._store.uploads.get_many([str(hour) for hour in hours])
        for hour, batch in uploads.items():
            for id in batch.ids:
                owner, _, name = id.partition(":")
                if name:
                    await self._drop_unused(owner, name)
                else:
                    await self._remove(id, lambda picture: is_unwanted(picture, self._now()))
            await self._store.uploads.delete(hour)
        if hours:
            last = hours[-1]
            await self._store.swept.update(
                "all", lambda kept: Swept(max(last, kept.hour if kept else last))
            )
        return len(hours)

    async def _remove(
        self, id: str, goes: Callable[[Attachment], bool] = lambda picture: True
    ) -> None:
        """Remove one picture, if it is to go: first the right to claim it, then its files."""

        def bury(now: Attachment | None) -> Attachment | None:
            return tombstone(now) if now and (now.deleted or goes(now)) else None

        after = await self._store.attachments.update(id, bury)
        if after is not None and after.deleted:
            await asyncio.gather(*(self._sidecar.delete_blob(name) for name in after.files))
            await self._store.owned.remove(after.owner, [id])


def shown(attachment: Attachment) -> dict[str, Any]:
    """An attachment as others see it."""
    return {name: getattr(attachment, name) for name in _SHOWN}


_SHOWN = (
    *("id", "owner", "mime", "original", "small", "original_size", "small_size"),
    *("blurhash", "description", "focus"),
)
