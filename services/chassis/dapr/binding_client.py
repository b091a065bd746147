"""Blobs and mail, through the sidecar's bindings."""

from __future__ import annotations

import asyncio
import base64
import re
from contextlib import AbstractContextManager
from typing import Any

import orjson

from services.chassis import tracing
from services.chassis.dapr.transport import JSON_BODY, InvocationResponse, Transport
from services.chassis.errors import NotFound, OutcomeUnknown, ServiceError, Unavailable
from services.chassis.metrics import Metrics

BLOB_TIMEOUT = 20.0
MAIL_TIMEOUT = 40.0

_NOT_SENT = re.compile(r"(^|: )[45]\d\d[ -]|dial tcp|find output binding", re.IGNORECASE)
"""Matches the refusal of a mail server, and errors without a connection to one."""


class BindingClient(Transport):
    """Calls the components `blobs` and `mail`."""

    def __init__(self, port: int, token: str = "", metrics: Metrics | None = None) -> None:
        super().__init__(port, token, metrics)
        self._mail_lock = asyncio.Lock()

    async def put_blob(self, name: str, data: bytes) -> None:
        """Store a blob."""
        encoded = base64.b64encode(data).decode()
        await self._binding("create", name, encoded)

    async def get_blob(self, name: str) -> bytes:
        """Read a blob. Raises `NotFound`."""
        return (await self._binding("get", name)).body

    async def delete_blob(self, name: str) -> None:
        """Delete a blob; does nothing if it does not exist."""
        try:
            await self._binding("delete", name)
        except NotFound:
            return

    async def _binding(
        self, operation: str, name: str, data: str | None = None
    ) -> InvocationResponse:
        named = {"fileName": name, "key": name}  # the words of the local binding, and of S3's
        body: dict[str, Any] = {"operation": operation, "metadata": named}
        if data is not None:
            body["data"] = data
            body["metadata"]["decodeBase64"] = "true"
        try:
            with _span(operation, "blobs"):
                return await self._call(
                    "POST",
                    "/bindings/blobs",
                    deadline=BLOB_TIMEOUT,
                    data=orjson.dumps(body),
                    headers=JSON_BODY,
                )
        except ServiceError as failure:
            # Bindings have no error code for a missing blob; the local one says it in its message.
            if "not found" in failure.message.lower() or "no such file" in failure.message.lower():
                raise NotFound(f'There is no blob "{name}".') from failure
            raise

    async def send_mail(self, to: str, subject: str, html: str) -> None:
        """Send a mail through the binding `mail`, one at a time.

        Raises `Unavailable` if it was not sent, and `OutcomeUnknown` if that is not known. The SMTP
        binding reuses the headers of the previous request, and mixes up concurrent ones
        (docs/dapr-notes.md). So every request carries all headers, and a lock serializes them.
        """
        body = {
            "operation": "create",
            "metadata": {"emailTo": to, "subject": subject},
            "data": html,
        }
        async with self._mail_lock:
            try:
                with _span("create", "mail"):
                    await self._call(
                        "POST",
                        "/bindings/mail",
                        deadline=MAIL_TIMEOUT,
                        data=orjson.dumps(body),
                        headers=JSON_BODY,
                    )
            except OutcomeUnknown as failure:
                if _NOT_SENT.search(failure.message):
                    raise Unavailable(failure.message) from failure
                raise


def _span(operation: str, component: str) -> AbstractContextManager[Any]:
    span = tracing.span(tracing.CLIENT)
    span.describe(
        f"{operation} {component}",
        {"microgram.binding": component, "microgram.binding.operation": operation},
    )
    return span
