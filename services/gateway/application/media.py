"""Pictures: uploaded and described."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isnan
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile

from services.chassis.errors import Invalid, TooLarge
from services.chassis.security.caller import Caller
from services.clients.media import MediaClient
from services.contracts import limits
from services.contracts.posts import Attachment, AttachmentEdit
from services.shared.text import graphemes

CONCURRENCY = 4
"""Pictures held in memory at once. The others wait on disk, where forms are spooled."""

_MAX_QUERY_LENGTH = 600


class MediaUploads:
    """Sends pictures to the media service."""

    def __init__(self, media: MediaClient) -> None:
        self._media = media
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def upload_attachment(
        self, caller: Caller, file: UploadFile, description: str, focus: list[float] | None
    ) -> Attachment:
        """Upload a picture with its description and focal point. Raises `Invalid`.

        A long description does not fit into a query string: it is sent after the picture.
        """
        most = limits.MAX_DESCRIPTION_CHARACTERS
        if len(description) > limits.MAX_TEXT_CODE_POINTS or graphemes(description) > most:
            raise Invalid(
                f"Validation failed: Description is too long (maximum is {most} characters)"
            )
        is_long = len(quote(description)) > _MAX_QUERY_LENGTH
        point = f"{focus[0]},{focus[1]}" if focus else ""
        async with self._data_of(file) as data:
            attachment = await self._media.upload(
                data, caller, description="" if is_long else description, focus=point
            )
        if is_long:
            return await self.describe(caller, attachment.id, description, None)
        return attachment

    async def upload_profile_image(self, caller: Caller, kind: str, file: UploadFile) -> str:
        """Upload an avatar or a header, and return the name under which it is stored."""
        async with self._data_of(file) as data:
            return (await self._media.upload_profile_image(data, kind, caller)).name

    async def describe(
        self, caller: Caller, id: str, description: str | None, focus: list[float] | None
    ) -> Attachment:
        """Change the description and the focal point of a picture. `None` leaves one as it is."""
        wanted: dict[str, Any] = {"description": description, "focus": focus}
        changes = {name: value for name, value in wanted.items() if value is not None}
        edit = AttachmentEdit.model_construct(**changes)
        return await self._media.describe(id, edit, caller)

    @asynccontextmanager
    async def _data_of(self, file: UploadFile) -> AsyncIterator[bytes]:
        """The bytes of a picture, while there is memory for it. Raises `TooLarge` or `Invalid`."""
        if file.size is not None and file.size > limits.MAX_PICTURE_BYTES:
            raise TooLarge(f"A picture may have at most {limits.MAX_PICTURE_BYTES >> 20} MiB.")
        if not file.size:
            raise Invalid("Validation failed: The file is empty.")
        async with self._slots:
            yield await file.read()


def parse_focus(value: Any) -> list[float] | None:
    """A focal point from `"x,y"` or a list of two, each clamped to -1 to 1.

    `None` for anything else: no picture is rejected because of its focal point.
    """
    parts = value.split(",") if isinstance(value, str) else value or ()
    try:
        x, y = (float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    if isnan(x) or isnan(y):
        return None
    return [max(-1.0, min(x, 1.0)), max(-1.0, min(y, 1.0))]
