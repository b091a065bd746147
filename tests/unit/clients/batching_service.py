"""A service that answers requests, and several in one, in the place of the sidecar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import NotFound, ServiceError, Unauthenticated
from services.clients.base import JsonResponse, ParsedResponse
from services.clients.shared_calls import SharedCalls


class BatchingService:
    """A service that answers when its gate is open. It knows no path "nothing".

    `outage` is the failure of all calls, `refusal` that of batches. `malformed` is answered to a
    batch. A service with `ignores_tokens` does not know that parts have tokens.
    """

    method: ClassVar[str]
    seconds: ClassVar[float]
    """For how long a batch has to wait for its parts."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.outage: ServiceError | None = None
        self.refusal: ServiceError | None = None
        self.ignores_tokens = False
        self.malformed: Any = None
        self.shared = SharedCalls(self)

    async def invoke(
        self,
        app: str,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = INVOKE_TIMEOUT,
    ) -> JsonResponse:
        self.calls.append(f"{method} {app} {path}")
        await self.gate.wait()
        if self.outage:
            raise self.outage
        if path != "bundles" or "questions" not in json:
            return ParsedResponse(self._checked(path, token, params or {}, json))
        if self.refusal:
            raise self.refusal
        assert json["seconds"] == self.seconds < deadline
        parts = [self._part(token, **part) for part in json["questions"]]
        return ParsedResponse(parts if self.malformed is None else self.malformed)

    def _part(
        self,
        token_of_batch: str,
        *,
        method: str,
        path: str,
        token: str,
        params: Mapping[str, str],
        body: Any,
    ) -> dict[str, Any]:
        assert method == self.method
        known = token_of_batch if self.ignores_tokens else token
        try:
            return self.part(path, known, params, body)
        except ServiceError as failure:
            return {"status": failure.status, "body": failure.body()}

    def part(self, path: str, token: str, params: Mapping[str, str], body: Any) -> dict[str, Any]:
        """The part of the answer to a batch."""
        return {"status": 200, "body": self._checked(path, token, params, body)}

    def _checked(self, path: str, token: str, params: Mapping[str, str], body: Any) -> Any:
        if token not in ("mine", "yours"):
            raise Unauthenticated("There is no such token.")
        if path == "nothing":
            raise NotFound("There is no such thing.")
        return self.answer(path, token, params, body)

    def answer(self, path: str, token: str, params: Mapping[str, str], body: Any) -> Any:
        """The answer to a request with a token that it knows."""
        raise NotImplementedError


async def outcomes(*requests: Awaitable[Any]) -> list[Any]:
    """What some requests at the same time return or raise."""
    found: list[Any] = await asyncio.gather(*requests, return_exceptions=True)
    return found
