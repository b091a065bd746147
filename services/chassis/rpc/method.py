"""What a service says of a gRPC method, and what a method knows of a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_scopes, token_of
from services.chassis.security.token_verifier import TokenVerifier

Metadata = Mapping[str, Sequence[str]]
"""The metadata of a call. A key may have several values."""


@dataclass(frozen=True, slots=True)
class RpcCall:
    """A call that has been admitted."""

    metadata: Metadata
    _verifier: TokenVerifier

    async def optional_user(self, scope: str) -> Caller | None:
        """Return the caller, if there is a token: it must be valid and cover the scope.

        It may be asked again during a stream. Raises `Unauthenticated`, `Forbidden`.
        """
        token = token_of(first(self.metadata, "authorization"))
        return check_scopes(await self._verifier.verify(token), scope) if token else None


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """A method with one request and one response. `path` is such as `/shop.v1.Catalog/Quote`."""

    path: str
    request: type[Message]
    answer: Callable[[Any, RpcCall], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class StreamMethod:
    """A method with one request and a stream of responses."""

    path: str
    request: type[Message]
    answer: Callable[[Any, RpcCall], AsyncIterator[Message]]


RpcMethod = UnaryMethod | StreamMethod


def first(metadata: Metadata, key: str) -> str:
    """Return the first value of a key, or an empty string."""
    return next(iter(metadata.get(key, ())), "")
