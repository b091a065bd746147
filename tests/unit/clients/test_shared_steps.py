"""Steps of a saga that wait at the same time share a call: requests without a user."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import NotFound, OutcomeUnknown, ServiceError, Unavailable
from services.clients.base import JsonResponse, ParsedResponse
from services.clients.shared_calls import SharedCalls, steps
from tests.unit.clients.batching_service import outcomes

DEADLINE = 5.0
"""Seconds, of each step."""


class Stock:
    """A service that does steps. `busy` are the paths that it refuses once with 503."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.done: list[tuple[str, Any]] = []
        self.busy: set[str] = set()
        self.outage: ServiceError | None = None
        self.shared = SharedCalls(self, steps(DEADLINE))

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
        self.calls.append((path, deadline))
        if path != "bundles":
            return ParsedResponse(self._do(path, json))
        assert token == ""
        assert json["seconds"] < deadline
        if self.outage:
            raise self.outage
        return ParsedResponse([self._part(**part) for part in json["questions"]])

    def _part(
        self, method: str, path: str, params: Mapping[str, str], body: Any, anonymous: bool
    ) -> dict[str, Any]:
        assert (method, params, anonymous) == ("POST", {}, True)
        if path in self.busy:
            self.busy.remove(path)
            return {"status": 503, "body": {"code": "unavailable", "message": "Not now."}}
        try:
            return {"status": 200, "body": self._do(path, body)}
        except ServiceError as refusal:
            return {"status": refusal.status, "body": refusal.body()}

    def _do(self, path: str, body: Any) -> str:
        if path == "nothing":
            raise NotFound("There is no such thing.")
        self.done.append((path, body))
        return path

    async def step(self, path: str, body: Any = None, **given: Any) -> Any:
        response = await self.shared.invoke(
            "stock", path, method="POST", json=body, **{"deadline": DEADLINE, **given}
        )
        return response.json()


async def test_steps_at_the_same_time_share_a_call(stock: Stock) -> None:
    assert [*await asyncio.gather(stock.step("a", {"n": 1}), stock.step("b"))] == ["a", "b"]
    assert stock.calls == [("bundles", DEADLINE)]
    assert stock.done == [("a", {"n": 1}), ("b", None)]


async def test_a_lone_step_is_sent_as_it_is(stock: Stock) -> None:
    assert await stock.step("a") == "a"
    assert stock.calls == [("a", DEADLINE)]


@pytest.mark.parametrize("given", [{"token": "mine"}, {"deadline": 1.0}, {"headers": {"a": "b"}}])
async def test_other_requests_are_sent_by_themselves(stock: Stock, given: dict[str, Any]) -> None:
    await asyncio.gather(stock.step("a", **given), stock.step("b", **given))
    assert [path for path, _ in stock.calls] == ["a", "b"]


async def test_what_is_refused_fails_one_step(stock: Stock) -> None:
    found = await outcomes(stock.step("a"), stock.step("nothing"))
    assert found[0] == "a"
    assert isinstance(found[1], NotFound)


async def test_a_step_that_has_not_begun_is_sent_again(stock: Stock) -> None:
    stock.busy.add("b")
    assert [*await asyncio.gather(stock.step("a"), stock.step("b"))] == ["a", "b"]
    assert [path for path, _ in stock.calls] == ["bundles", "b"]


@pytest.mark.parametrize("failure", [Unavailable, OutcomeUnknown])
async def test_a_call_that_fails_is_the_failure_of_its_steps(
    stock: Stock, failure: type[ServiceError]
) -> None:
    stock.outage = failure("not now")
    found = await outcomes(stock.step("a"), stock.step("b"))
    assert [type(each) for each in found] == [failure, failure]
    assert stock.done == []


@pytest.fixture
def stock() -> Stock:
    return Stock()
