"""Batches: several requests in one invocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request

from services.chassis.errors import NotFound
from services.chassis.http.batch import MAX_PARAMS, MAX_PATH_LENGTH, MAX_TOKEN_LENGTH
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.clients.shared_calls import NOBODY
from tests.fakes import FakeCluster, RunningReplica, open_access

GOES_ON = asyncio.Event()


def create_app(settings: Settings) -> FastAPI:
    router = APIRouter()

    @router.get("/things/{id}")
    async def thing(
        id: str,
        request: Request,
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
        q: str = "",
    ) -> dict[str, Any]:
        if id == "0":
            raise NotFound("There is no such thing.")
        who = request.headers["dapr-caller-app-id"]
        if id == "slow":
            await GOES_ON.wait()
        return {"id": id, "q": q, "me": caller.user_id if caller else "", "asks": who}

    @router.post("/own")
    async def own(
        given: dict[str, Any], caller: Annotated[Caller, Depends(require_user("read:statuses"))]
    ) -> dict[str, Any]:
        return {"given": given, "me": caller.user_id}

    @router.get("/closed")
    async def closed() -> str:
        return "for nobody of this test"

    service = Service(settings)
    access = open_access(service, router, calls={"GET /closed": ["posts"]})
    return service.create_app(router, access=access)


@pytest.fixture
async def things() -> AsyncIterator[tuple[FakeCluster, RunningReplica]]:
    async with FakeCluster() as cluster:
        yield cluster, await cluster.start(create_app, "things")


async def bundle(
    running: RunningReplica, *questions: Any, token: str = "", caller: str = "a"
) -> Any:
    body = {"questions": questions}
    return (await running.call("POST", "/bundles", json=body, token=token, caller=caller)).json()


async def test_each_request_of_a_batch_is_handled_as_if_it_came_alone(
    things: tuple[FakeCluster, RunningReplica],
) -> None:
    cluster, running = things
    said = await bundle(
        running,
        {"path": "things/1", "params": {"q": "a b&c"}},
        {"path": "things/2", "anonymous": True},
        {"path": "things/0"},
        {"path": "things/%2E%2E"},
        {"path": "nothing"},
        {"path": "own", "method": "POST", "body": {"a": [1]}},
        {"path": "own", "method": "POST", "body": {}, "anonymous": True},
        token=cluster.token("7"),
    )
    assert [part["status"] for part in said] == [200, 200, 404, 200, 404, 200, 401]
    assert said[0]["body"] == {"id": "1", "q": "a b&c", "me": "7", "asks": "a"}
    assert said[1]["body"]["me"] == ""
    assert said[2]["body"] == {"code": "not_found", "message": "There is no such thing."}
    assert said[5]["body"] == {"given": {"a": [1]}, "me": "7"}


async def test_a_request_of_a_batch_may_have_a_token_of_its_own(
    things: tuple[FakeCluster, RunningReplica],
) -> None:
    cluster, running = things
    said = await bundle(
        running,
        {"path": "things/1", "token": cluster.token("8")},
        {"path": "things/1"},
        {"path": "things/1", "token": "forged"},
        {"path": "own", "method": "POST", "body": {}, "token": cluster.token("8", "write")},
        token=cluster.token("7"),
    )
    assert [part["status"] for part in said] == [200, 200, 401, 403]
    assert [part["body"]["me"] for part in said[:2]] == ["8", "7"]


async def test_a_part_without_a_token_has_that_of_the_batch_also_if_it_is_invalid(
    things: tuple[FakeCluster, RunningReplica],
) -> None:
    cluster, running = things
    own = {"path": "things/1", "token": cluster.token("8")}
    said = await bundle(running, {"path": "things/1"}, own, token=NOBODY)
    assert [part["status"] for part in said] == [401, 200]


async def test_a_part_that_hangs_delays_the_others_no_longer_than_the_caller_says(
    things: tuple[FakeCluster, RunningReplica],
) -> None:
    _, running = things
    GOES_ON.clear()
    body = {"questions": [{"path": "things/slow"}, {"path": "things/2"}], "seconds": 0.05}
    said = (await running.call("POST", "/bundles", json=body, caller="a")).json()
    assert [part["status"] for part in said] == [504, 200]
    assert said[0]["body"]["code"] == "outcome_unknown"
    GOES_ON.set()
    said = (await running.call("POST", "/bundles", json=body | {"seconds": 10}, caller="a")).json()
    assert [part["status"] for part in said] == [200, 200]


async def test_a_batch_gives_no_more_rights(things: tuple[FakeCluster, RunningReplica]) -> None:
    cluster, running = things
    said = await bundle(
        running,
        {"path": "bundles", "method": "POST", "body": {"questions": []}},
        {"path": "//bundles/", "method": "POST", "body": {"questions": []}},
        {"path": "deadletters"},
        {"path": "closed"},
        {"path": "dapr/subscribe"},
        {"path": "own", "method": "POST", "body": {}},
        token=cluster.token("7", "write"),
    )
    assert [part["status"] for part in said] == [404, 404, 403, 403, 403, 403]
    (said,) = await bundle(running, {"path": "closed"}, caller="posts")
    assert said["status"] == 200
    assert (await running.public("POST", "/bundles", json={"questions": []})).status == 401


async def test_batches_are_limited(things: tuple[FakeCluster, RunningReplica]) -> None:
    _, running = things
    many = [{"path": "things/1"}] * 101
    answered = await running.call("POST", "/bundles", json={"questions": many}, caller="a")
    assert answered.status == 422
    for wrong in (
        {"method": "DELETE"},
        {"anonymous": True, "token": "t"},
        {"path": "p" * (MAX_PATH_LENGTH + 1)},
        {"params": {f"p{n}": "" for n in range(MAX_PARAMS + 1)}},
        {"token": "t" * (MAX_TOKEN_LENGTH + 1)},
    ):
        body = {"questions": [{"path": "things/1"}, {"path": "things/1"} | wrong]}
        assert (await running.call("POST", "/bundles", json=body, caller="a")).status == 422
    for seconds in (0, 11):
        idle: dict[str, object] = {"questions": [], "seconds": seconds}
        assert (await running.call("POST", "/bundles", json=idle, caller="a")).status == 422
