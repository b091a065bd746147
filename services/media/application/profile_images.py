"""Uploads avatars and headers, and removes those that a profile no longer shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.chassis.security.caller import Caller
from services.media.application.suspended_owners import SuspensionFilter
from services.media.application.uploads import Uploads, new_file_name
from services.media.domain.profile_images import ProfileImages
from services.media.pictures import Kind


class ProfileImageService:
    """The avatars and headers of all users."""

    def __init__(self, uploads: Uploads, suspensions: SuspensionFilter) -> None:
        self._uploads = uploads
        self._suspensions = suspensions
        self._images = uploads.repository.profile_images

    async def upload(self, data: bytes, kind: Kind, caller: Caller) -> str:
        """Store an avatar or header and return the name of its file. Six state calls.

        Everything that finds the file again is written before the file is.
        """
        made = await self._uploads.process(data, kind)
        user, name = caller.user_id, new_file_name(self._uploads.new_id(), kind[0], made.original)
        await self._uploads.record(f"{user}:{name}")
        await self._images.update(user, lambda kept: (kept or ProfileImages()).add(name))
        await self._suspensions.on_profile_image_added(user)
        await self._uploads.store({name: made.original})
        await self._uploads.refuse_deleted_account(user, lambda: self.remove_replaced(user))
        return name

    async def on_profile_changed(
        self, user: str, shown: tuple[str, ...], version: int, *, deleted: bool
    ) -> None:
        """Remove the images that a profile no longer shows. A repeat changes nothing."""
        await self._images.update(
            user, lambda kept: (kept or ProfileImages()).apply(shown, version, gone=deleted)
        )
        await self.remove_replaced(user)

    async def remove_replaced(self, user: str) -> None:
        """Remove the replaced images of a user, all if they deleted their account."""
        images = await self._images.get(user)
        if images is not None and images.replaced:
            await self._remove(user, images.replaced)

    async def remove_unused(self, user: str, name: str) -> None:
        """Remove an image that the profile does not show a day after its upload."""
        images = await self._images.get(user)
        if images is not None and name in images.names and name not in images.shown:
            await self._remove(user, [name])

    async def _remove(self, user: str, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._uploads.sidecar.delete_blob(name) for name in names))
        await self._images.update(user, lambda kept: kept.remove(names) if kept else None)
