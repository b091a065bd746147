"""Routes that read their parameters fast answer as FastAPI alone would."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
)
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from services.chassis.http.fast_routes import accelerate
from services.chassis.http.responses import OrjsonResponse
from tests.fakes import call


async def guard(connection: HTTPConnection) -> str:
    user = connection.headers.get("user", "")
    if not user:
        raise HTTPException(401, "who are you?")
    connection.scope["state"]["asked"] = connection.scope["state"].get("asked", 0) + 1
    return user


async def window(
    limit: Annotated[int, Query(ge=1, le=80)] = 20, max_id: str | None = None
) -> tuple[int, str | None]:
    return limit, max_id


async def admin(user: Annotated[str, Depends(guard)]) -> bool:
    return user == "ada"


def router() -> APIRouter:
    made = APIRouter(prefix="/things")

    @made.get("/{id}")
    async def page(
        request: Request,
        id: Annotated[str, Path(max_length=5, pattern=r"^\d+$")],
        user: Annotated[str, Depends(guard)],
        is_admin: Annotated[bool, Depends(admin)],
        part: Annotated[tuple[int, str | None], Depends(window)],
        needed: int,
        flag: bool = False,
        text: Annotated[str, Query(max_length=3, alias="t")] = "",
    ) -> OrjsonResponse:
        asked = request.scope["state"]["asked"]
        return OrjsonResponse([id, user, is_admin, part, needed, flag, text, asked])

    return made


def other_router() -> APIRouter:
    """Routes that are not simple."""
    made = APIRouter()

    @made.get("/lists")
    async def lists(id: Annotated[list[str], Query()]) -> OrjsonResponse:
        return OrjsonResponse(id)

    @made.get("/headers")
    async def headers(if_match: Annotated[str | None, Header()] = None) -> OrjsonResponse:
        return OrjsonResponse(if_match)

    @made.get("/plain")
    async def plain() -> dict[str, int]:
        return {"a": 1}

    return made


def app(*, fast: bool) -> FastAPI:
    made = FastAPI()
    for each in (router(), other_router()):
        for route in each.routes:
            if fast:
                accelerate(route)
        made.router.routes.extend(each.routes)
    return made


@pytest.mark.parametrize(
    "target",
    [
        "/things/12?needed=1",
        "/things/12?needed=1&limit=5&max_id=7&flag=yes&t=abc",
        "/things/12?needed=1&needed=2&flag=0",
        "/things/12?needed=1&max_id=",
        "/things/12",
        "/things/12?needed=x",
        "/things/12?needed=1&limit=0",
        "/things/12?needed=1&limit=",
        "/things/12?needed=1&limit=x&flag=perhaps&t=long",
        "/things/123456?needed=1",
        "/things/ab?needed=1",
        "/lists?id=1&id=2",
        "/lists",
        "/headers",
        "/plain",
        "/nothing",
    ],
)
@pytest.mark.parametrize("user", ["ada", "ben", ""])
async def test_the_response_is_that_of_fastapi(target: str, user: str) -> None:
    fast, plain = [
        await call(app(fast=each), "GET", target, headers={"user": user}) for each in (True, False)
    ]
    assert (fast.status, fast.body) == (plain.status, plain.body)
    assert fast.headers == plain.headers


def test_simple_routes_are_fast_and_others_are_left_alone() -> None:
    for each, is_fast in ((router(), True), (other_router(), False)):
        for route in each.routes:
            assert isinstance(route, APIRoute)
            before = route.app
            accelerate(route)
            assert (route.app is not before) is is_fast


def test_the_description_is_that_of_fastapi() -> None:
    assert app(fast=True).openapi() == app(fast=False).openapi()


class _Wrapped(APIRoute):
    """A route class that does something around each call."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            response = await handle(request)
            response.headers["wrapped"] = "yes"
            return response

        return handler


async def test_what_a_route_class_does_around_a_call_stays() -> None:
    made = APIRouter(route_class=_Wrapped)

    @made.get("/simple")
    async def simple() -> OrjsonResponse:
        return OrjsonResponse("simple")

    app = FastAPI()
    app.include_router(made)
    for route in app.routes:
        accelerate(route)
    answer = await call(app, "GET", "/simple")
    assert answer.headers["wrapped"] == "yes"
