"""Whoever controls one service gets nothing from its sidecar that services/access.yaml withholds.

The attacker has the token of the service for its sidecar. Every pair of a service and something is
tried: a secret, a topic, a component, a Dapr API, a route of another service.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import grpc
import pytest
import requests

from services.chassis.security.access_rules import CHANGES_ROUTES, read_access
from tests.system import ProcessRow, System

ACCESS = read_access()
APPS = sorted(ACCESS)
TOPICS = sorted({topic for own in ACCESS.values() for topic in own.publishes})
TIMEOUT = 60
NO_ROUTE = "failed getting app id"
"""What a sidecar says where it has no such route: it takes the path for one of an invocation."""


class Attacker:
    """Calls the sidecar of one service as the service itself does."""

    def __init__(self, system: System, row: ProcessRow) -> None:
        self.app = row.app_id
        self.grpc_port = row.sidecar_grpc_port
        self._base = f"http://127.0.0.1:{row.sidecar_port}"
        self._session = requests.Session()
        self._session.headers["dapr-api-token"] = system.tokens(row.name).sidecar
        self.token = system.tokens(row.name).sidecar

    def call(self, method: str, path: str, **given: object) -> requests.Response:
        return self._session.request(method, self._base + path, timeout=TIMEOUT, **given)  # type: ignore[arg-type]


@pytest.fixture(params=APPS)
def attacker(system: System, request: pytest.FixtureRequest) -> Attacker:
    return Attacker(system, system.ps()[request.param])


def test_secrets(system: System, attacker: Attacker) -> None:
    allowed = ACCESS[attacker.app].secrets
    existing = json.loads((system.run_dir / "secrets.json").read_text())
    assert allowed < existing.keys()
    for name in existing:
        answer = attacker.call("GET", f"/v1.0/secrets/secretstore/{name}")
        assert answer.status_code == (200 if name in allowed else 403), name
        assert answer.ok or existing[name] not in answer.text
    bulk = attacker.call("GET", "/v1.0/secrets/secretstore/bulk")
    assert not bulk.ok or bulk.json().keys() <= allowed


def test_topics(attacker: Attacker) -> None:
    own = ACCESS[attacker.app]
    dead = [f"{app}-dead" for app in APPS if app != attacker.app or own.pubsub != "pubsub"]
    for component in ("pubsub", "broadcast"):
        for topic in [*TOPICS, *dead, "unknown"]:
            if component in own.components and topic in own.publishes:
                continue
            path = f"/v1.0/publish/{component}/{topic}"
            answer = attacker.call("POST", path, json={"deleted": True})
            expected = 403 if component in own.components and "publish" in own.apis else 404
            assert answer.status_code == expected, f"{path}: {answer.status_code} {answer.text}"


def test_components(attacker: Attacker) -> None:
    tries = {
        "statestore": ("GET", "/v1.0/state/statestore/x", {}),
        "workflowstore": ("GET", "/v1.0/state/workflowstore/x", {}),
        "blobs": ("POST", "/v1.0/bindings/blobs", {"operation": "list"}),
        "mail": ("POST", "/v1.0/bindings/mail", {"operation": "create", "data": "x"}),
    }
    for name, (method, path, body) in tries.items():
        if name not in ACCESS[attacker.app].components:
            answer = attacker.call(method, path, json=body)
            assert not answer.ok, f"{attacker.app} uses {name}"
            assert re.search(f"not found|couldn't find|{NO_ROUTE}", answer.text), answer.text


def test_dapr_apis(attacker: Attacker) -> None:
    tries = {
        "actors": ("GET", "/v1.0/actors/x/y/state/z"),
        "bindings": ("POST", "/v1.0/bindings/x"),
        "configuration": ("GET", "/v1.0/configuration/x"),
        "crypto": ("PUT", "/v1.0-alpha1/crypto/x/encrypt"),
        "jobs": ("GET", "/v1.0-alpha1/jobs/x"),
        "lock": ("POST", "/v1.0-alpha1/lock/x"),
        "metadata": ("GET", "/v1.0/metadata"),
        "publish": ("POST", "/v1.0/publish/x/y"),
        "shutdown": ("POST", "/v1.0/shutdown"),
        "workflows": ("GET", "/v1.0-beta1/workflows/dapr/x"),
    }
    for api, (method, path) in tries.items():
        if api not in ACCESS[attacker.app].apis:
            answer = attacker.call(method, path, json={})
            assert answer.status_code == 404, f"{api}: {answer.status_code} {answer.text}"
            assert NO_ROUTE in answer.text, f"{api} answered: {answer.text}"


@pytest.mark.parametrize("method", ["GetSecret", "GetState", "PublishEvent", "InvokeService"])
def test_dapr_apis_by_grpc(attacker: Attacker, method: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{attacker.grpc_port}") as channel:
        call = channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{method}")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", metadata=[("dapr-api-token", attacker.token)], timeout=TIMEOUT)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_login_at_the_broker(system: System, attacker: Attacker) -> None:
    """Somebody who stole the login of a sidecar still publishes no topic of others."""
    if system.components != "embedded":
        pytest.skip("tests/unit/runner/test_broker_logins.py holds those of other brokers")
    secrets = json.loads((system.run_dir / "secrets.json").read_text())
    url = urlsplit(secrets[f"nats-url-{attacker.app}"])
    own = ACCESS[attacker.app]
    for topic in sorted({topic for each in ACCESS.values() for topic in each.publishes}):
        if topic in own.publishes:
            continue
        login = json.dumps({"user": url.username, "pass": url.password, "verbose": False})
        sent = f"CONNECT {login}\r\nPUB {topic} 2\r\n{{}}\r\nPING\r\n"
        with socket.create_connection(("127.0.0.1", url.port or 0), TIMEOUT) as peer:
            peer.sendall(sent.encode())
            said = b""
            while b"PONG" not in said:
                said += peer.recv(65_536)
        assert b"Permissions Violation" in said, f"{topic}: {said!r}"


def denied_routes(caller: str) -> Iterator[tuple[str, str]]:
    """Routes of all other services that the service may not call."""
    for callee, own in ACCESS.items():
        routes = {**own.calls, **dict.fromkeys([*own.operator, *own.event_routes], ())}
        for route, callers in routes.items():
            if caller != callee and caller not in callers:
                yield callee, route
        if not own.publishes:
            yield from ((callee, route) for route in CHANGES_ROUTES)


def test_routes_of_others(attacker: Attacker) -> None:
    for callee, route in set(denied_routes(attacker.app)):
        method, _, path = route.partition(" ")
        path = re.sub(r"\{[^}]+\}", "1", path)
        for forged in ({}, {"dapr-caller-app-id": "gateway"}, {"Dapr-Caller-App-Id": callee}):
            answer = attacker.call(
                method, f"/v1.0/invoke/{callee}/method{path}", json={}, headers=forged
            )
            said = f"{route} of {callee}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code in (403, 404), said
            assert answer.status_code == 403 or "/changes" in path, said


def test_the_callers_that_are_named_get_through(system: System) -> None:
    """Else the matrix above could pass because nobody can call anybody."""
    for callee, own in ACCESS.items():
        for caller in {each for allowed in own.calls.values() for each in allowed}:
            route = min(r for r, allowed in own.calls.items() if caller in allowed)
            method, _, path = route.partition(" ")
            if method != "GET":
                continue
            path = re.sub(r"\{[^}]+\}", "1", path)
            answer = Attacker(system, system.ps()[caller]).call(
                method, f"/v1.0/invoke/{callee}/method{path}"
            )
            assert answer.status_code != 403, f"{caller} at {route} of {callee}: {answer.text}"
