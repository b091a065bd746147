"""An S3 server in memory: what the binding `bindings.aws.s3` asks of one, for any size."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MISSING = "<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"


class FakeS3:
    """Objects by path, with uploads in parts. Requests must be signed with the access key."""

    def __init__(self, access_key: str) -> None:
        self.objects: dict[str, bytes] = {}
        self.port = 0
        self._access_key = access_key
        self._uploads: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**25, middlewares=[self._require_signature])
        app.router.add_get("/{path:.+}", self._get)
        app.router.add_put("/{path:.+}", self._put)
        app.router.add_post("/{path:.+}", self._upload)
        app.router.add_delete("/{path:.+}", self._delete)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _require_signature(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if f"Credential={self._access_key}/" not in request.headers.get("Authorization", ""):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return await handler(request)

    async def _get(self, request: web.Request) -> web.Response:
        if request.path not in self.objects:
            return web.Response(status=404, text=_MISSING, content_type="application/xml")
        return web.Response(body=self.objects[request.path])

    async def _put(self, request: web.Request) -> web.Response:
        data = _decoded(await request.read(), request)
        if "uploadId" in request.query:
            self._uploads[request.query["uploadId"]][int(request.query["partNumber"])] = data
        else:
            self.objects[request.path] = data
        return web.Response(headers={"ETag": f'"{secrets.token_hex(8)}"'})

    async def _upload(self, request: web.Request) -> web.Response:
        if "uploads" in request.query:
            name, id = "InitiateMultipartUploadResult", secrets.token_hex(8)
        else:
            name, id = "CompleteMultipartUploadResult", request.query["uploadId"]
            parts = self._uploads.pop(id)
            self.objects[request.path] = b"".join(parts[number] for number in sorted(parts))
        text = f"<{name}><UploadId>{id}</UploadId><Key>{request.path}</Key></{name}>"
        return web.Response(text=text, content_type="application/xml")

    async def _delete(self, request: web.Request) -> web.Response:
        self.objects.pop(request.path, None)
        return web.Response(status=204)


def _decoded(body: bytes, request: web.Request) -> bytes:
    """Return the data of a body, which a client may send in signed chunks."""
    if "aws-chunked" not in request.headers.get("Content-Encoding", ""):
        return body
    data = b""
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        if size == 0:
            break
        data, body = data + body[:size], body[size + 2 :]
    return data
