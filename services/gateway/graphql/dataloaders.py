"""Data loaders: the requests of fields are sent together, one invocation per service and level.

All requests to one service in one tick of the event loop are one invocation: ids of one kind in one
request, and several requests in one batch (`chassis/http/batch`). Responses are cached for the
duration of the operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from strawberry.dataloader import DataLoader

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import ServiceError
from services.chassis.http import batch
from services.chassis.security.caller import Caller
from services.clients.base import (
    BATCH_SIZE,
    JsonInvoker,
    JsonRequest,
    JsonResponse,
    ParsedResponse,
    batch_request,
    batch_result,
)
from services.clients.catalog import products_request
from services.clients.json_types.accounts import AccountJson, RelationshipJson
from services.clients.json_types.posts import PostViewJson
from services.clients.posts import views_request
from services.clients.users import accounts_request, relationships_request
from services.contracts.catalog import ProductView
from services.gateway.presentation.renderer import Row


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request to a service; `body` is JSON, or empty."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""
    anonymous: bool = False

    @classmethod
    def of(cls, request: JsonRequest, *, anonymous: bool) -> ReadRequest:
        """A client's request, so that equal ones are found to be equal."""
        body = b"" if request.json is None else orjson.dumps(request.json)
        params = tuple(request.params.items())
        return cls(request.path, params, request.method, body, anonymous)

    def as_request(self) -> JsonRequest:
        """The client's request."""
        body = orjson.loads(self.body) if self.body else None
        return JsonRequest(self.path, dict(self.params), self.method, body)


@dataclass(frozen=True, slots=True)
class EntityKey:
    """The key of a row that is requested with others of its kind."""

    kind: str
    id: str


Key = ReadRequest | EntityKey


class DataLoaders:
    """The requests of one operation, as one caller."""

    def __init__(self, invoker: JsonInvoker, caller: Caller | None) -> None:
        self._invoker = invoker
        self._caller = caller
        self._loaders: dict[str, DataLoader[Key, Any]] = {}

    def clear(self) -> None:
        """Forget all responses, after a change."""
        self._loaders = {}

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
        """As the sidecar's, for requests that change nothing: of the caller, or anonymous."""
        request = JsonRequest(path, params or {}, method, json)
        key = ReadRequest.of(request, anonymous=not token)
        return ParsedResponse(await self._loader(app).load(key))

    async def people(self, ids: Sequence[str]) -> dict[str, AccountJson]:
        """Accounts by id, without those that do not exist."""
        return await self._load_many("users", "person", ids)

    async def relationships(self, ids: Sequence[str]) -> dict[str, RelationshipJson]:
        """The caller's relationships to some people."""
        return await self._load_many("users", "stance", ids)

    async def posts(self, ids: Sequence[str]) -> dict[str, PostViewJson]:
        """The posts that the caller may see, of some ids."""
        return await self._load_many("posts", "post", ids)

    async def products(self, ids: Sequence[str]) -> dict[str, ProductView]:
        """The products that the caller may see, of some ids."""
        found = await self._load_many("catalog", "product", ids)
        return {id: ProductView.model_validate(row) for id, row in found.items()}

    def prime(self, people: Mapping[str, Row]) -> None:
        """Cache people that came with another response."""
        keys: dict[Key, Any] = {EntityKey("person", id): row for id, row in people.items()}
        self._loader("users").prime_many(keys)

    async def _load_many(self, app: str, kind: str, ids: Sequence[str]) -> dict[str, Any]:
        wanted = list(dict.fromkeys(ids))
        rows = await self._loader(app).load_many([EntityKey(kind, id) for id in wanted])
        return {id: row for id, row in zip(wanted, rows, strict=True) if row is not None}

    def _loader(self, app: str) -> DataLoader[Key, Any]:
        if app not in self._loaders:

            async def load(keys: list[Key]) -> Sequence[Any]:
                return await self._load(app, keys)

            self._loaders[app] = DataLoader(load)
        return self._loaders[app]

    async def _load(self, app: str, keys: list[Key]) -> list[Any]:
        """The responses of a service; a `ServiceError` for a failed request."""
        plan = _plan(keys)
        questions = list(dict.fromkeys(plan.values()))
        parts = [
            questions[at : at + batch.MAX_ITEMS] for at in range(0, len(questions), batch.MAX_ITEMS)
        ]
        batches = await asyncio.gather(*(self._invoke(app, part) for part in parts))
        answers = {question: answer for part in batches for question, answer in part.items()}
        rows: dict[ReadRequest, Any] = {}
        for key in keys:
            question = plan[key]
            if isinstance(key, EntityKey) and question not in rows:
                rows[question] = _rows_by_id(key.kind, answers[question])
        return [_result_for(key, rows.get(plan[key], answers[plan[key]])) for key in keys]

    async def _invoke(self, app: str, questions: Sequence[ReadRequest]) -> dict[ReadRequest, Any]:
        if len(questions) == 1:
            return {questions[0]: await self._invoke_one(app, questions[0])}
        items = [
            question.as_request().as_batch_item(anonymous=question.anonymous)
            for question in questions
        ]
        answers = await self._send(app, batch_request(items))
        return {
            question: batch_result(answer)
            for question, answer in zip(questions, answers, strict=True)
        }

    async def _invoke_one(self, app: str, question: ReadRequest) -> Any:
        try:
            return await self._send(app, question.as_request(), anonymous=question.anonymous)
        except ServiceError as failure:
            return failure

    async def _send(self, app: str, request: JsonRequest, *, anonymous: bool = False) -> Any:
        response = await self._invoker.invoke(
            app,
            request.path,
            method=request.method,
            token="" if anonymous or not self._caller else self._caller.token,
            json=request.json,
            params=request.params,
        )
        return response.json()


class ChangeInvoker:
    """Sends requests that change something, and forgets what was read before."""

    def __init__(self, invoker: JsonInvoker, loaders: DataLoaders) -> None:
        self._invoker = invoker
        self._loaders = loaders

    async def invoke(self, app: str, path: str, **request: Any) -> JsonResponse:
        """As the sidecar's."""
        response = await self._invoker.invoke(app, path, **request)
        self._loaders.clear()
        return response


def _plan(keys: Sequence[Key]) -> dict[Key, ReadRequest]:
    """The request of each key: ids of one kind share requests."""
    plan: dict[Key, ReadRequest] = {key: key for key in keys if isinstance(key, ReadRequest)}
    kinds: dict[str, list[EntityKey]] = {}
    for key in keys:
        if isinstance(key, EntityKey):
            kinds.setdefault(key.kind, []).append(key)
    for kind, wanted in kinds.items():
        for start in range(0, len(wanted), BATCH_SIZE):
            part = wanted[start : start + BATCH_SIZE]
            plan |= dict.fromkeys(part, _request_for(kind, [key.id for key in part]))
    return plan


_REQUESTS: Mapping[str, Callable[[Sequence[str]], JsonRequest]] = {
    "person": accounts_request,
    "stance": relationships_request,
    "post": views_request,
    "product": products_request,
}


def _request_for(kind: str, ids: Sequence[str]) -> ReadRequest:
    return ReadRequest.of(_REQUESTS[kind](ids), anonymous=kind == "person")


def _rows_by_id(kind: str, answer: Any) -> Any:
    """The rows of a response by id; a `ServiceError` as it is."""
    if isinstance(answer, ServiceError) or kind == "person":
        return answer
    if kind == "product":
        return {row["product"]["id"]: row for row in answer["products"]}
    return {row["post"]["id"] if kind == "post" else row["id"]: row for row in answer}


def _result_for(key: Key, answer: Any) -> Any:
    if isinstance(key, ReadRequest) or isinstance(answer, ServiceError):
        return answer
    return answer.get(key.id)
