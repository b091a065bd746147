"""The media service: pictures, profile images, archives of a user's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.security.caller import Caller
from services.clients.base import Invoker, ServiceClient, decode, given
from services.clients.paths import numeric_id, quoted
from services.contracts.data_export import Export
from services.contracts.posts import Attachment, AttachmentEdit, ProfileImage
from services.shared.pictures import Picture

UPLOAD_TIMEOUT = 60.0

_PICTURES = TypeAdapter(tuple[Picture, ...])


class MediaClient(ServiceClient):
    """Routes of the media service."""

    app_id = "media"

    def __init__(self, invoker: Invoker, timeout: float = INVOKE_TIMEOUT) -> None:
        super().__init__(invoker, timeout)
        self._bytes_invoker = invoker

    # ── pictures ────────────────────────────────────────────────────────────────────────────

    async def attachment(self, id: str, caller: Caller) -> Attachment:
        """The caller's own picture. Raises `NotFound`."""
        return await self._get(Attachment, f"attachments/{numeric_id(id)}", caller)

    async def describe(self, id: str, edit: AttachmentEdit, caller: Caller) -> Attachment:
        """Change the description and the focus of the caller's own picture."""
        path = f"attachments/{numeric_id(id)}"
        return await self._send(Attachment, "PUT", path, caller, json=edit)

    async def upload(
        self, data: bytes, caller: Caller, *, description: str = "", focus: str = ""
    ) -> Attachment:
        """Upload a picture for a post; `focus` is `x,y`."""
        params = given(description=description, focus=focus)
        return decode(Attachment, await self._upload("attachments", data, caller, params))

    async def upload_profile_image(self, data: bytes, kind: str, caller: Caller) -> ProfileImage:
        """Upload an `avatar` or a `header`."""
        return decode(ProfileImage, await self._upload("portraits", data, caller, {"kind": kind}))

    async def _upload(
        self, path: str, data: bytes, caller: Caller, params: Mapping[str, str]
    ) -> Any:
        response = await self._bytes_invoker.invoke(
            self.app_id,
            path,
            method="POST",
            token=caller.token,
            data=data,
            params=params,
            headers={"content-type": "application/octet-stream"},
            deadline=UPLOAD_TIMEOUT,
        )
        return response.json()

    async def file(self, name: str, *, known: bool = False) -> InvocationResponse:
        """The bytes of a picture; status 304 without them if it is `known` to its reader."""
        headers = {"if-none-match": f'"{name}"'} if known else None
        return await self._bytes_invoker.invoke(
            self.app_id, f"files/{quoted(name)}", headers=headers
        )

    async def claim(self, id: str, pictures: Sequence[str], caller: Caller) -> tuple[Picture, ...]:
        """Have the caller's pictures belong to a post or a product, in this order.

        A repeat changes nothing. No call without pictures. Raises `Invalid` for a picture that is
        not the caller's, or belongs to something else.
        """
        if not pictures:
            return ()
        body = {"post_id": id, "ids": list(pictures)}
        return _PICTURES.validate_python(await self._post(list[Any], "claims", caller, json=body))

    async def release(self, post: str) -> None:
        """Let other posts show the pictures of a deleted post."""
        await self._post(dict[str, str], "releases", json={"post_id": post})

    # ── archives ────────────────────────────────────────────────────────────────────────────

    async def request_export(self, caller: Caller) -> Export:
        """Request an archive of all that the caller has."""
        return await self._post(Export, "exports", caller)

    async def export(self, caller: Caller) -> Export:
        """The state of the caller's archive. Raises `NotFound`."""
        return await self._get(Export, "exports", caller)

    async def export_part(self, id: str, index: int, caller: Caller) -> bytes:
        """A part of the archive's bytes."""
        path = f"exports/{numeric_id(id)}/parts/{index}"
        response = await self._bytes_invoker.invoke(self.app_id, path, token=caller.token)
        return response.body
