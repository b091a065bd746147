"""Pictures: uploaded and described."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import isnan
from typing import Any
from urllib.parse import quote

import orjson
from starlette.datastructures import UploadFile

from services.chassis.errors import Invalid, TooLarge
from services.chassis.security.caller import Caller
from services.contracts import limits
from services.gateway.application.identifiers import numeric_id
from services.gateway.invocation import ServiceInvoker
from services.shared.text import graphemes

UPLOAD_TIMEOUT = 60.0
CONCURRENCY = 4
"""Pictures held in memory at once. The others wait on disk, where forms are spooled."""

_MAX_QUERY_LENGTH = 600


class MediaUploads:
    """Sends pictures to the media service."""

    def __init__(self, services: ServiceInvoker) -> None:
        self._services = services
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def upload_attachment(
        self, caller: Caller, file: UploadFile, description: str, focus: list[float] | None
    ) -> Any:
        """Upload a picture with its description and focal point. Raises `Invalid`.

        A long description does not fit into a query string: it is sent after the picture.
        """
        most = limits.DESCRIPTION_CHARACTERS
        if len(description) > limits.TYPED or graphemes(description) > most:
            raise Invalid(
                f"Validation failed: Description is too long (maximum is {most} characters)"
            )
        is_long = len(quote(description)) > _MAX_QUERY_LENGTH
        params = {} if is_long or not description else {"description": description}
        if focus:
            params["focus"] = f"{focus[0]},{focus[1]}"
        row = await self._upload(caller, "attachments", file, params)
        return await self.describe(caller, row["id"], description, None) if is_long else row

    async def upload_profile_image(self, caller: Caller, kind: str, file: UploadFile) -> str:
        """Upload an avatar or a header, and return the name under which it is stored."""
        stored = await self._upload(caller, "portraits", file, {"kind": kind})
        return str(stored["name"])

    async def describe(
        self, caller: Caller, id: str, description: str | None, focus: list[float] | None
    ) -> Any:
        """Change the description and the focal point of a picture. `None` leaves one as it is."""
        wanted = {"description": description, "focus": focus}
        changes = {name: value for name, value in wanted.items() if value is not None}
        path = f"attachments/{numeric_id(id)}"
        return await self._services.ask("media", path, caller, method="PUT", json=changes)

    async def _upload(
        self, caller: Caller, path: str, file: UploadFile, params: Mapping[str, str]
    ) -> Any:
        if file.size is not None and file.size > limits.PICTURE_BYTES:
            raise TooLarge(f"A picture may have at most {limits.PICTURE_BYTES >> 20} MiB.")
        if not file.size:
            raise Invalid("Validation failed: The file is empty.")
        async with self._slots:
            reply = await self._services.sidecar.invoke(
                "media",
                path,
                method="POST",
                token=caller.token,
                data=await file.read(),
                params=params,
                headers={"content-type": "application/octet-stream"},
                deadline=UPLOAD_TIMEOUT,
            )
        return orjson.loads(reply.body)


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
