from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from services.chassis.errors import NotFound, ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.access_rules import OPERATOR_HEADER
from services.chassis.security.caller import Caller
from services.chassis.security.guards import (
    optional_user,
    require_token,
    require_user,
)
from services.chassis.security.route_guards import AccessMismatch
from services.chassis.service import Service
from services.chassis.settings import Settings
from tests.fakes import (
    APP_TOKEN,
    OPERATOR_TOKEN,
    FakeCluster,
    FakeSidecar,
    RunningReplica,
    call,
    open_access,
    until,
)


class Body(BaseModel):
    count: int


def _routes(router: APIRouter) -> None:
    @router.get("/headers")
    async def headers(request: Request) -> dict[str, str]:
        return dict(request.headers)

    @router.post("/count")
    async def count(body: Body) -> int:
        return body.count

    @router.patch("/count")
    async def more(body: Body) -> int:
        return body.count + 1

    @router.get("/fails")
    async def fails() -> None:
        raise NotFound("There is none.", hint="look elsewhere")

    @router.get("/breaks")
    async def breaks() -> None:
        raise ZeroDivisionError("a secret")

    @router.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(require_user("read:things"))]) -> str:
        return caller.user_id

    @router.get("/apps")
    async def apps(caller: Annotated[Caller, Depends(require_token("read:things"))]) -> str:
        return caller.client_id

    @router.get("/open")
    async def everybody(
        caller: Annotated[Caller | None, Depends(optional_user("read:things"))],
    ) -> str:
        return caller.user_id if caller else "nobody"

    @router.get("/for-gateway")
    async def for_gateway() -> str:
        return "welcome"


def private(settings: Settings) -> FastAPI:
    router = APIRouter()
    _routes(router)
    service = Service(settings)
    access = open_access(service, router, calls={"GET /for-gateway": ["gateway"]})
    return service.create_app(router, access=access)


def public(settings: Settings) -> FastAPI:
    router = APIRouter()
    _routes(router)

    def render(_: HTTPConnection, failure: ServiceError) -> Response:
        return OrjsonResponse({"error": failure.message}, failure.status)

    service = Service(settings)
    access = open_access(service, public=True, calls={"POST /count": ["posts"]})
    return service.create_app(router, render=render, access=access)


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
async def inside(cluster: FakeCluster) -> RunningReplica:
    return await cluster.start(private, "things")


@pytest.fixture
async def outside(cluster: FakeCluster) -> RunningReplica:
    return await cluster.start(public, "gateway")


# ── the door ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("token", ["", "wrong", APP_TOKEN + "x", APP_TOKEN.upper(), "\xff"])
async def test_only_the_sidecar_may_call_a_private_service(
    inside: RunningReplica, token: str
) -> None:
    sent = {"dapr-api-token": token, "dapr-caller-app-id": "gateway"}
    for path in ("/headers", "/for-gateway", "/events/x", "/dapr/subscribe", "/nothing"):
        answer = await call(inside.app, "GET", path, headers=sent)
        assert answer.status == 401
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["x-request-id"]


async def test_health_is_open(inside: RunningReplica) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await inside.public("GET", path)
        assert answer.status == 200
        assert answer.json() == {"status": "ok", "service": "things"}
    inside.sidecar.faults.kill()
    assert (await inside.public("GET", "/readyz")).status == 503


NAMED = {"dapr-caller-app-id": "gateway"}


@pytest.mark.parametrize("token", ["", "x"])
async def test_without_a_token_a_service_admits_nobody(cluster: FakeCluster, token: str) -> None:
    service = Service(Settings(app_id="things", app_port=1, app_api_token=""))
    router = APIRouter()
    _routes(router)
    app = service.create_app(router, access=open_access(service, router))
    for path in ("/headers", "/for-gateway", "/dapr/subscribe", "/deadletters"):
        answer = await call(app, "GET", path, headers={**NAMED, "dapr-api-token": token})
        assert answer.status == 401


async def test_with_the_development_setting_everybody_counts_as_the_sidecar() -> None:
    settings = Settings(app_id="things", app_port=1, app_api_token="", microgram_insecure=True)
    service = Service(settings)
    router = APIRouter()
    _routes(router)
    app = service.create_app(router, access=open_access(service, router))
    assert (await call(app, "GET", "/headers", headers=NAMED)).status == 200
    assert (await call(app, "GET", "/headers")).status == 403
    assert (await call(app, "GET", "/dapr/subscribe")).status == 200


async def test_a_public_service_never_trusts_an_empty_token() -> None:
    app = public(Settings(app_id="gateway", app_port=1, app_api_token="", microgram_insecure=True))
    for path in ("/dapr/subscribe", "/deadletters"):
        for headers in ({}, {"dapr-api-token": ""}, NAMED):
            assert (await call(app, "GET", path, headers=headers)).status == 401
    answer = await call(app, "GET", "/headers", headers=NAMED)
    assert "dapr-caller-app-id" not in answer.json()


@pytest.mark.parametrize("missing", ["dapr_api_token", "app_api_token"])
def test_without_both_tokens_a_service_does_not_start(missing: str) -> None:
    values: dict[str, Any] = {"app_id": "things", "app_port": 1}
    values |= {"dapr_api_token": "a", "app_api_token": "b"}
    Settings(**values).require_tokens()
    with pytest.raises(SystemExit, match=f"{missing.upper()} must be set") as fault:
        Settings(**values | {missing: ""}).require_tokens()
    assert "MICROGRAM_INSECURE=1" in str(fault.value)
    Settings(**values | {missing: "", "microgram_insecure": "1"}).require_tokens()


async def test_a_public_service_ignores_an_app_id_that_a_client_sends(
    outside: RunningReplica,
) -> None:
    forged = {"dapr-caller-app-id": "gateway", "Dapr-Api-Token": "guess", "x-own": "kept"}
    answer = await outside.public("GET", "/headers", headers=forged)
    assert answer.status == 200
    assert not [name for name in answer.json() if name.startswith("dapr-")]
    assert answer.json()["x-own"] == "kept"


async def test_services_reach_a_public_service_only_where_the_rules_say_so(
    outside: RunningReplica,
) -> None:
    body = {"count": 1}
    assert (await outside.call("POST", "/count", json=body, caller="posts")).status == 200
    assert (await outside.call("POST", "/count", json=body, caller="feed")).status == 403
    assert (await outside.public("POST", "/count", json=body)).status == 200
    assert (await outside.call("GET", "/headers", caller="posts")).status == 403
    assert (await outside.public("GET", "/headers")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/dapr/subscribe", "/deadletters", "/%64eadletters"),
        *("/events/posts", "/events-dead", "/changes?topics=x", "/changes/x/y?after=0"),
    ],
)
async def test_a_public_service_hides_the_routes_for_sidecars(
    outside: RunningReplica, path: str
) -> None:
    answer = await outside.public("GET", path)
    assert answer.status == (404 if path.startswith(("/events", "/changes")) else 401)
    assert set(answer.json()) == {"error"}


async def test_a_caller_with_two_app_ids_is_refused(inside: RunningReplica) -> None:
    cluster_sidecar = FakeSidecar("posts", network=inside.sidecar.network)
    for name in ("dapr-caller-app-id", "Dapr-Caller-App-Id"):
        reply = cluster_sidecar._call(
            "GET", "/invoke/things/method/headers", deadline=5, headers={name: "gateway"}
        )
        with pytest.raises(ServiceError, match="more than one name"):
            await reply
    answer = await inside.call("GET", "/headers", headers={"dapr-caller-app-id": ""}, caller="")
    assert answer.status == 403


def test_a_private_service_mounts_no_app_without_a_rule() -> None:
    service, router = Service(Settings(app_id="things", app_port=1)), APIRouter()
    router.routes.append(Mount("/files", app=FastAPI()))
    with pytest.raises(AccessMismatch, match="mounts an app"):
        service.create_app(router, access=open_access(service, router))


# ── guards ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "user", "scopes", "status"),
    [
        ("/mine", "7", "read:things", 200),
        ("/mine", "7", "read", 200),
        ("/mine", "7", "write read:other", 403),
        ("/mine", "", "read", 401),
        ("/apps", "", "read", 200),
        ("/apps", "", "write", 403),
        ("/open", "7", "read", 200),
        ("/open", "7", "write", 403),
    ],
)
async def test_guards_admit_the_callers_that_they_name(
    cluster: FakeCluster, inside: RunningReplica, path: str, user: str, scopes: str, status: int
) -> None:
    answer = await inside.call("GET", path, token=cluster.token(user, scopes))
    assert answer.status == status


async def test_without_a_token_only_open_routes_answer(inside: RunningReplica) -> None:
    assert (await inside.call("GET", "/open")).json() == "nobody"
    for path in ("/mine", "/apps"):
        assert (await inside.call("GET", path)).status == 401
    for path in ("/mine", "/apps", "/open"):
        assert (await inside.call("GET", path, token="bad")).status == 401


async def test_a_route_for_a_service_is_for_that_service(inside: RunningReplica) -> None:
    assert (await inside.call("GET", "/for-gateway", caller="gateway")).status == 200
    assert (await inside.call("GET", "/for-gateway", caller="posts")).status == 403


async def test_dead_letters_are_for_the_operator_with_the_token(
    inside: RunningReplica,
) -> None:
    for method, path in (("GET", "/deadletters"), ("POST", "/deadletters/replay")):
        for caller in ("gateway", "things"):
            refused = await inside.call(
                method, path, caller=caller, headers={OPERATOR_HEADER: OPERATOR_TOKEN}
            )
            assert refused.status == 403
        for token in ("", "wrong", OPERATOR_TOKEN + "x", "x" * 10_000):
            assert (await inside.operate(method, path, token=token)).status == 403
        assert (await inside.operate(method, path)).status == 200


async def test_without_its_secret_there_is_no_operator(
    cluster: FakeCluster, inside: RunningReplica
) -> None:
    cluster.secrets.clear()
    assert (await inside.operate("GET", "/deadletters")).status == 403


# ── failures ────────────────────────────────────────────────────────────────────────────────────


async def test_errors_have_one_shape(inside: RunningReplica) -> None:
    answer = await inside.call("GET", "/fails")
    assert answer.status == 404
    assert answer.json() == {
        "code": "not_found",
        "message": "There is none.",
        "hint": "look elsewhere",
    }


async def test_errors_of_unknown_routes_and_methods_have_the_same_shape(
    inside: RunningReplica,
) -> None:
    answer = await inside.call("GET", "/nothing")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    answer = await inside.call("DELETE", "/count")
    assert (answer.status, answer.headers["allow"]) == (405, "PATCH, POST")
    assert set(answer.json()) == {"code", "message"}
    assert (await inside.call("GET", "/headers/")).status == 404


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"json": {"count": "many"}}, "count"),
        ({"json": {}}, "count"),
        ({"json": [1]}, ""),
        ({"data": b"{"}, ""),
        ({"data": b""}, ""),
        ({"data": b"\xff\xfe"}, ""),
    ],
)
async def test_bad_input_is_a_422_that_says_where(
    inside: RunningReplica, content: dict[str, Any], where: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await inside.call("POST", "/count", headers=headers, **content)
    assert answer.status in (400, 422)
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["message"].startswith(where)


async def test_an_internal_error_shows_no_details_but_the_request_id(
    inside: RunningReplica, outside: RunningReplica
) -> None:
    answer = await inside.call("GET", "/breaks", headers={"x-request-id": "request-9"})
    assert answer.status == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "request-9"
    answer = await outside.public("GET", "/breaks")
    assert answer.json() == {"error": "Something went wrong on our side."}


async def test_a_public_service_renders_errors_in_its_own_shape(outside: RunningReplica) -> None:
    assert (await outside.public("GET", "/fails")).json() == {"error": "There is none."}
    assert set((await outside.public("GET", "/nothing")).json()) == {"error"}


async def test_every_answer_has_the_requests_id_once(inside: RunningReplica) -> None:
    for path in ("/headers", "/fails", "/breaks", "/nothing", "/healthz"):
        answer = await inside.call("GET", path, headers={"x-request-id": "request-7"})
        assert answer.headers.getall("x-request-id") == ["request-7"]
    answer = await inside.call("GET", "/headers", headers={"x-request-id": "bad id"})
    assert answer.headers["x-request-id"] not in ("", "bad id")


# ── life ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_service_manages_its_resources_and_runs_its_work(cluster: FakeCluster) -> None:
    life: list[str] = []

    class Resource:
        async def __aenter__(self) -> None:
            life.append("entered")

        async def __aexit__(self, *_: object) -> None:
            life.append("left")

    async def task() -> None:
        life.append("ran")
        raise RuntimeError("and fell over")

    def create(settings: Settings) -> FastAPI:
        service = Service(settings)
        service.manage(Resource())
        service.background(task)
        return service.create_app(access=open_access(service))

    running = await cluster.start(create, "things")
    await until(lambda: "ran" in life)
    assert (await running.public("GET", "/healthz")).status == 200
    await running.stop()
    assert life == ["entered", "ran", "left"]
