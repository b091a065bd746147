"""The routes that share what FastAPI read of them behave as those that FastAPI makes."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, routing

from tests import route_cache
from tests.fakes import asgi


def _router(answer: str, *, limit: int = 3, status: int = 200, guard: Any = None) -> APIRouter:
    router = APIRouter(tags=["things"])

    @router.get("/things/{id}", status_code=status, dependencies=[Depends(guard)] if guard else [])
    async def read(id: int, most: Annotated[int, Query(le=9)] = limit) -> dict[str, Any]:
        """One thing."""
        return {"answer": answer, "id": id, "most": most}

    return router


def _app(router: APIRouter) -> FastAPI:
    app = FastAPI()
    app.router.routes.extend(router.routes)
    return app


async def _ask(router: APIRouter, target: str = "/things/7") -> Any:
    return (await asgi.call(_app(router), "GET", target)).json()


async def test_each_route_calls_its_own_function() -> None:
    first, second = _router("first"), _router("second")
    assert await _ask(first) == {"answer": "first", "id": 7, "most": 3}
    assert await _ask(second) == {"answer": "second", "id": 7, "most": 3}
    assert await _ask(first) == {"answer": "first", "id": 7, "most": 3}


async def test_other_defaults_options_and_guards_are_read_again() -> None:
    await _ask(_router(""))
    assert (await _ask(_router("", limit=5)))["most"] == 5
    assert (await asgi.call(_app(_router("", status=202)), "GET", "/things/7")).status == 202

    async def guard(key: str) -> None:
        raise NotImplementedError

    detail = (await _ask(_router("", guard=guard)))["detail"]
    assert [fault["loc"] for fault in detail] == [["query", "key"]]
    assert "detail" not in await _ask(_router(""))


async def test_a_route_that_was_read_before_is_as_fastapi_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _router("")
    again = _router("")
    monkeypatch.setattr(routing, "_populate_api_route_state", route_cache._read)
    own = _router("")
    assert _app(again).openapi() == _app(own).openapi()
    bad = "/things/seven?most=10"
    assert await _ask(again, bad) == await _ask(own, bad)
    (cached,), (made,) = again.routes, own.routes
    assert vars(cached).keys() == vars(made).keys()


def test_a_change_of_one_route_is_not_seen_in_another() -> None:
    (first,) = _router("").routes
    assert isinstance(first, routing.APIRoute)
    first.tags.append("changed")
    (second,) = _router("").routes
    assert isinstance(second, routing.APIRoute)
    assert second.tags == ["things"]
