"""How the gateway invokes the other services.

Public data is requested without the caller's token: a token that covers `write:statuses` alone must
still get a status back with its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from services.chassis.security.caller import Caller
from services.clients.base import Invoker


class Asker(Protocol):
    """Requests JSON from services: one request at a time, or batched by GraphQL's data loaders."""

    async def ask(
        self,
        app: str,
        path: str,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any: ...


class ServiceInvoker:
    """Invokes services as a caller, or anonymously."""

    def __init__(self, sidecar: Invoker) -> None:
        self.sidecar = sidecar

    async def ask(
        self,
        app: str,
        path: str,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed response of a service; as the caller, if one is given."""
        token = caller.token if caller else ""
        reply = await self.sidecar.invoke(
            app, path, method=method, token=token, json=json, params=params, headers=headers
        )
        return orjson.loads(reply.body)
