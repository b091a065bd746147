"""What the chassis requires of service invocation."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

import pytest

from services.chassis import telemetry
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    TooLarge,
    Unavailable,
)
from services.chassis.security.access_rules import OPERATOR_HEADER
from tests.contract.systems import KILLABLE, RealSystem, SystemUnderTest, await_value
from tools.runner.supervisor.replicas import REGISTRATION_FAILURE


def headers_of(echo: dict[str, Any]) -> dict[str, str]:
    return dict(echo["headers"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_arrives_as_such(sidecar: DaprClient, method: str) -> None:
    reply = await sidecar.invoke("beta", "echo/x", method=method)
    assert reply.status == 201
    assert reply.headers["x-echo"] == "yes"
    assert reply.json()["method"] == method


async def test_paths_and_parameters_arrive_as_they_were(sidecar: DaprClient) -> None:
    params = {"q": "a b&c=ü", "empty": "", "plus": "1+1"}
    reply = await sidecar.invoke("beta", "/echo/1/gr%C3%B6%C3%9Fe", params=params)
    assert reply.json()["path"] == "1/größe"
    assert reply.json()["params"] == params


async def test_a_body_of_json_arrives(sidecar: DaprClient) -> None:
    reply = await sidecar.invoke("beta", "echo/x", method="POST", json={"text": "ü"})
    assert headers_of(reply.json())["content-type"] == "application/json"
    assert reply.json()["size"] == len('{"text":"ü"}'.encode())


@pytest.mark.parametrize("size", [0, 1, 100_000, 16 * 2**20])
async def test_a_body_of_any_size_arrives_whole(sidecar: DaprClient, size: int) -> None:
    data = secrets.token_bytes(size)
    reply = await sidecar.invoke("beta", "echo/x", method="POST", data=data)
    assert reply.json()["size"] == size
    assert reply.json()["sha256"] == hashlib.sha256(data).hexdigest()


async def test_an_answer_of_16_mb_arrives_whole(sidecar: DaprClient) -> None:
    reply = await sidecar.invoke("beta", f"bytes/{16 * 2**20}")
    assert reply.body == bytes(16 * 2**20)


async def test_a_body_beyond_the_bound_is_refused(
    system: SystemUnderTest, sidecar: DaprClient
) -> None:
    if not system.is_real:
        pytest.skip("the fakes take everything")
    with pytest.raises(TooLarge):
        await sidecar.invoke("beta", "echo/x", method="POST", data=bytes(25 * 2**20))


async def test_the_users_token_and_the_trace_are_handed_on(sidecar: DaprClient) -> None:
    trace = telemetry.start_trace({"x-request-id": "request-7", "tracestate": "a=b"})
    reply = await sidecar.invoke("beta", "echo/x", token="t.o.k-en", headers={"x-own": "mine"})
    headers = headers_of(reply.json())
    assert headers["authorization"] == "Bearer t.o.k-en"
    assert headers["traceparent"] == trace.traceparent
    assert headers["tracestate"] == "a=b"
    assert headers["x-request-id"] == "request-7"
    assert headers["x-own"] == "mine"
    assert reply.headers["x-request-id"] == "request-7"


async def test_long_headers_arrive(sidecar: DaprClient) -> None:
    token = "x" * 6_000
    reply = await sidecar.invoke("beta", "echo/x", token=token)
    assert headers_of(reply.json())["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 500, 503, 504])
async def test_a_callees_failure_comes_back_as_it_was(sidecar: DaprClient, status: int) -> None:
    with pytest.raises(ServiceError) as raised:
        await sidecar.invoke("beta", f"fail/{status}")
    assert raised.value.status == status
    assert raised.value.code == "on_purpose"
    assert raised.value.message == f"Failing with {status}."
    assert raised.value.details == {"why": "asked to"}


async def test_a_failure_has_its_own_type_and_details(sidecar: DaprClient) -> None:
    with pytest.raises(RateLimited) as raised:
        await sidecar.invoke("beta", "fail/429")
    assert raised.value.code == "too_fast"
    assert raised.value.details == {"wait": 3}


async def test_a_route_that_is_not_there_is_not_found(sidecar: DaprClient) -> None:
    with pytest.raises(NotFound):
        await sidecar.invoke("beta", "tally/nothing/here")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_empty_answer_is_no_failure(sidecar: DaprClient, status: int) -> None:
    reply = await sidecar.invoke("beta", f"empty/{status}")
    assert (reply.status, reply.body) == (status, b"")


async def test_an_app_that_is_not_there_is_unavailable(sidecar: DaprClient) -> None:
    with pytest.raises(Unavailable):
        await sidecar.invoke("nobody", "echo/x")


async def test_an_app_that_is_down_beside_its_sidecar_is_unavailable(
    system: SystemUnderTest,
) -> None:
    if not system.is_real:
        pytest.skip("fakes have no sidecar that outlives its app")
    async with system.sidecar() as sidecar:
        await await_value(lambda: _answers(sidecar), bool)
        # Cut off in the middle, so it may have happened.
        with pytest.raises(OutcomeUnknown):
            await sidecar.invoke(KILLABLE, "die", method="POST")
        try:
            assert await _first_certainty(sidecar) is Unavailable
        finally:
            await await_value(lambda: _answers(sidecar), bool)


async def _first_certainty(sidecar: DaprClient) -> type[Exception]:
    """Return the failure of a call once it is certain: a stopping process still accepts calls."""
    while True:
        with pytest.raises(ServiceError) as raised:
            await sidecar._call("POST", f"/invoke/{KILLABLE}/method/echo/x", deadline=5)
        if raised.type is not OutcomeUnknown:
            return raised.type


async def _answers(sidecar: DaprClient) -> bool:
    try:
        await sidecar.invoke(KILLABLE, "echo/x")
    except ServiceError:
        return False
    return True


async def test_a_sidecar_that_could_not_enter_its_name_is_started_again(
    system: SystemUnderTest,
) -> None:
    if not isinstance(system, RealSystem):
        pytest.skip("the fakes need no names")
    entry = await system.entry(KILLABLE)
    with system.no_new_entries():
        await system.kill(f"{KILLABLE}.daprd")
        await await_value(
            lambda: system.log(f"{KILLABLE}.daprd"), lambda log: REGISTRATION_FAILURE in log
        )
    await await_value(lambda: system.entry(KILLABLE), lambda found: found != entry)
    async with system.sidecar() as sidecar:
        await await_value(lambda: _answers(sidecar), bool)


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("app", ["beta", KILLABLE])
async def test_a_call_that_may_have_happened_is_not_made_again(
    system: SystemUnderTest, sidecar: DaprClient, app: str, status: int
) -> None:
    name = secrets.token_hex(6)
    with pytest.raises(ServiceError):
        await sidecar.invoke(app, f"tally/{name}", method="POST", params={"status": str(status)})
    counts = [(await r.ask("GET", f"/tally/{name}")).json() for r in system.replicas(app)]
    assert sum(counts) == 1


async def test_a_slow_callee_is_an_unknown_outcome_at_the_deadline(sidecar: DaprClient) -> None:
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await sidecar.invoke("beta", "slow", params={"seconds": "3"}, deadline=0.3)
    assert time.monotonic() - began < 1.5


async def test_the_callee_learns_who_calls(system: SystemUnderTest) -> None:
    async with system.sidecar("alpha") as alpha, system.sidecar("beta") as beta:
        assert (await alpha.invoke("beta", "for-alpha")).json() == {"welcome": "alpha"}
        with pytest.raises(Forbidden):
            await beta.invoke("beta", "for-alpha")


async def test_nobody_can_call_under_another_name(system: SystemUnderTest) -> None:
    forged = {"dapr-caller-app-id": "beta"}
    async with system.sidecar("alpha") as alpha:
        reply = await alpha.invoke("beta", "echo/x", headers=forged)
        callers = [value for name, value in reply.json()["headers"] if name == "dapr-caller-app-id"]
        assert callers == ["alpha"]
        # Past our client too: whoever says so to the sidecar itself is refused.
        for _ in range(8):
            with pytest.raises(Forbidden):
                await alpha._call(
                    "GET", "/invoke/beta/method/deadletters", deadline=5, headers=forged
                )


@pytest.mark.parametrize(
    "name", ["dapr-caller-app-id", "Dapr-Caller-App-Id", "DAPR-CALLER-APP-ID", "dapr_caller_app_id"]
)
async def test_a_made_up_name_in_any_case_is_refused_or_ignored(
    system: SystemUnderTest, name: str
) -> None:
    async with system.sidecar("beta") as beta:
        path = "/invoke/posts/method/for-alpha"
        with pytest.raises(Forbidden):
            await beta._call("GET", path, deadline=5, headers={name: "alpha"})


async def test_an_app_that_calls_itself_is_nobody(system: SystemUnderTest) -> None:
    async with system.sidecar("alpha") as alpha:
        for path in ("echo/x", "for-alpha", "deadletters"):
            with pytest.raises(Forbidden):
                await alpha.invoke("alpha", path)


async def test_the_operator_calls_a_service_through_its_own_sidecar_with_the_token(
    system: SystemUnderTest,
) -> None:
    proof = system.operator_headers()
    async with system.sidecar("alpha") as alpha, system.sidecar("beta") as beta:
        answer = await alpha.invoke("alpha", "deadletters", headers=proof)
        assert isinstance(answer.json(), list)
        with pytest.raises(Forbidden):
            await beta.invoke("alpha", "deadletters", headers=proof)
        with pytest.raises(Forbidden):
            await alpha.invoke("alpha", "deadletters", headers={OPERATOR_HEADER: "wrong"})
