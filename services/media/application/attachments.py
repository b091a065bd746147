"""Uploads, edits and claims pictures of posts and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_or_missing
from services.contracts import limits
from services.media.application.removal import AttachmentRemoval
from services.media.application.suspended_owners import SuspensionFilter
from services.media.application.uploads import Uploads, new_file_name
from services.media.domain import attachments as rules
from services.media.domain.attachments import NO_SUCH_PICTURE, AttachmentRecord, PixelSize
from services.media.domain.descriptions import Focus, normalize_description
from services.media.domain.files import MEDIUM, NO_SUCH_FILE, ORIGINAL, SMALL, file_part
from services.media.pictures import Rendition
from services.media.repository import PostClaims

_PUBLIC_FIELDS = (
    *("id", "owner", "mime", "original", "medium", "small"),
    *("original_size", "medium_size", "small_size", "blurhash", "description", "focus"),
)


class AttachmentService:
    """The pictures of posts and products."""

    def __init__(
        self, uploads: Uploads, removal: AttachmentRemoval, suspensions: SuspensionFilter
    ) -> None:
        self._uploads = uploads
        self._suspensions = suspensions
        self._repository = uploads.repository
        self._removal = removal

    async def upload(
        self, data: bytes, caller: Caller, *, description: str, focus: Focus
    ) -> AttachmentRecord:
        """Create an attachment of a photo. Eight state calls.

        Everything that finds its files again is written before the files are.
        """
        description = normalize_description(description)
        made = await self._uploads.process(data, "photo")
        id = self._uploads.new_id()
        original = new_file_name(id, ORIGINAL, made.original)
        has_medium = made.medium is not made.original
        medium = new_file_name(id, MEDIUM, made.medium) if has_medium else ""
        small = new_file_name(id, SMALL, made.small)
        await self._uploads.record(id)
        await self._repository.by_owner.insert(caller.user_id, [[id]])
        attachment = AttachmentRecord(
            id=id,
            owner=caller.user_id,
            mime=made.original.mime,
            original=original,
            medium=medium,
            small=small,
            original_size=_size(made.original),
            medium_size=_size(made.medium) if has_medium else None,
            small_size=_size(made.small),
            blurhash=made.blurhash,
            description=description,
            focus=focus,
        )
        await self._repository.attachments.update(
            id, lambda kept: kept or attachment, expect_absent=True
        )
        files = {original: made.original, medium: made.medium, small: made.small}
        await self._uploads.store({name: file for name, file in files.items() if name})
        await self._uploads.refuse_deleted_account(caller.user_id, lambda: self._removal.remove(id))
        return attachment

    async def get(self, id: str, caller: Caller) -> AttachmentRecord:
        """Return a picture of the caller. Raises `NotFound`. One state call."""
        id = normalize_or_missing(id, NO_SUCH_PICTURE)
        return rules.require_own(await self._repository.attachments.get(id), caller.user_id)

    async def edit(
        self, id: str, caller: Caller, description: str | None, focus: Focus | None
    ) -> AttachmentRecord:
        """Change the description or focus. A post that shows the picture keeps its own.

        Two state calls.
        """
        changed = await self._repository.attachments.update(
            normalize_or_missing(id, NO_SUCH_PICTURE),
            lambda kept: rules.edit(rules.require_own(kept, caller.user_id), description, focus),
        )
        return rules.require_own(changed, caller.user_id)

    async def file(self, name: str) -> bytes:
        """Return a file. Raises `NotFound`."""
        return await self._uploads.sidecar.get_blob(name)

    async def check_visible(self, name: str) -> None:
        """Raise `NotFound` if the picture is deleted or released, or its owner is suspended.

        One state call, none for a profile image; and what `SuspensionFilter` costs.
        """
        if file_part(name) not in (ORIGINAL, MEDIUM, SMALL):
            if await self._suspensions.hides_profile_image(name):
                raise NotFound(NO_SUCH_FILE)
            return
        attachment = await self._repository.attachments.get(name.partition("-")[0])
        if attachment is None or not attachment.is_visible:
            raise NotFound(NO_SUCH_FILE)
        if await self._suspensions.hides_files_of(attachment.owner):
            raise NotFound(NO_SUCH_FILE)

    async def claim(self, post: str, ids: Sequence[str], caller: Caller) -> list[AttachmentRecord]:
        """Let a post show all pictures, or none. A repeat changes nothing.

        All are checked before the first is claimed, and they are claimed in the order of their
        ids: of two posts that claim the same pictures concurrently, one gets all of them. What the
        other has claimed by then stays its own, for when it tries again. Three state calls, and two
        for each picture.
        """
        post = normalize_or_missing(post, NO_SUCH_PICTURE)
        wanted = [normalize_or_missing(id, NO_SUCH_PICTURE) for id in dict.fromkeys(ids)]
        if len(wanted) > limits.MAX_PICTURES:
            raise Invalid(f"A post can have at most {limits.MAX_PICTURES} pictures.")
        user, attachments = caller.user_id, self._repository.attachments
        found = await attachments.get_many(wanted)
        claimed = {id: rules.claim(found.get(id), user, post) for id in wanted}
        if wanted:
            await self._repository.claims.update(
                post, lambda kept: (kept or PostClaims()).add(wanted)
            )
        for id in sorted(id for id in wanted if claimed[id] != found[id]):
            now = await attachments.update(id, lambda kept: rules.claim(kept, user, post))
            claimed[id] = now or claimed[id]
        return [claimed[id] for id in wanted]


def _size(rendition: Rendition) -> PixelSize:
    return PixelSize(rendition.width, rendition.height)


def attachment_view(attachment: AttachmentRecord) -> dict[str, Any]:
    """Return the `contracts.posts.Attachment`."""
    return {name: getattr(attachment, name) for name in _PUBLIC_FIELDS}
