"""A request gets the same route with an index as without one."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi import Response as FastApiResponse

from services.chassis.http import route_index
from services.chassis.http.route_index import RouteIndex, index_routes, shape_of
from tests.fakes.asgi import Response, call

PATHS = [
    *(
        "/things",
        "/things/1",
        "/things/22",
        "/things/me",
        "/things/\N{FULLWIDTH DIGIT ONE}",
        "/things/#",
    ),
    *("/things/1/parts/2", "/things/me/parts/x", "/numbers/5", "/numbers/five", "/nothing"),
    *("/things/", "//things", "/things/1/"),
]
METHODS = ["GET", "POST", "DELETE", "HEAD"]


def app_with_routes() -> FastAPI:
    app = FastAPI(redirect_slashes=False)

    def add(method: str, path: str) -> None:
        async def respond(id: str = "", part: str = "") -> FastApiResponse:
            return FastApiResponse(f"{method} {path} {id} {part}")

        app.add_api_route(path, respond, methods=[method])

    add("GET", "/things")
    add("POST", "/things")
    add("GET", "/numbers/{id:int}")
    add("GET", "/numbers/{id}")
    add("GET", "/things/me")
    add("GET", "/things/{id}")
    add("DELETE", "/things/{id}")
    add("GET", "/things/{id}/parts/{part}")
    return app


async def answers(app: FastAPI) -> list[Any]:
    got = [await get(app, path, method) for path in PATHS for method in METHODS]
    return [(each.status, each.text, each.headers.get("allow")) for each in got]


async def get(app: FastAPI, path: str, method: str = "GET") -> Response:
    return await call(app, method, path.replace("#", "%23"))


async def test_every_request_gets_the_same_answer_the_first_time_and_later() -> None:
    plain, indexed, other = app_with_routes(), app_with_routes(), app_with_routes()
    index_routes(indexed.router)
    index_routes(other.router)
    expected = await answers(plain)
    assert await answers(indexed) == expected
    assert await answers(indexed) == expected
    for path in reversed(PATHS):
        await get(other, path)
    assert await answers(other) == expected


def test_ids_are_what_shapes_leave_out() -> None:
    assert shape_of("/things/12/parts/x") == ("", "things", None, "parts", "x")
    assert shape_of("/things/12a") != shape_of("/things/12")


async def test_the_number_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_index, "MAX_SHAPES", 10)
    app = app_with_routes()
    index_routes(app.router)
    for number in range(50):
        assert (await get(app, f"/things/name{number}")).status == 200
    index = app.router.middleware_stack
    assert isinstance(index, RouteIndex)
    assert 0 < len(index._routes) <= 10
