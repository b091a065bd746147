"""Every route of every service, called by every app: admitted exactly if the access file says it.

The routes come from the apps, the rules from the YAML as it stands, and not from its loader.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from fastapi import FastAPI
from starlette.routing import Route

from services.chassis.errors import Forbidden
from services.chassis.security.access_rules import OPERATOR_HEADER, ServiceAccess, read_access
from services.chassis.security.route_guards import AccessMismatch
from services.chassis.service import Service
from tests.fakes import APP_TOKEN, METRICS_TOKEN, OPERATOR_TOKEN, FakeCluster, call
from tools.contracts.__main__ import SERVICES, settings_of

FILE = Path("services/access.yaml")
OUTSIDE, OWN_SIDECAR = "outside", "own sidecar"
OPEN = {"GET /healthz", "GET /readyz"}
METRICS = "GET /metrics"
DEAD_LETTERS = {"GET /deadletters", "POST /deadletters/replay"}
CALLERS = (*SERVICES, "stranger", OUTSIDE, OWN_SIDECAR)


@dataclass(frozen=True)
class Subject:
    """A service whose routes are called."""

    name: str
    app: FastAPI

    def routes(self) -> Iterator[str]:
        for route in self.app.routes:
            if isinstance(route, Route):
                yield from (f"{m} {route.path}" for m in sorted(route.methods or ()) if m != "HEAD")

    async def admits(
        self, route: str, caller: str, operator_token: str = "", metrics_token: str = ""
    ) -> bool:
        method, _, path = route.partition(" ")
        headers = {} if caller == OUTSIDE else {"dapr-api-token": APP_TOKEN}
        if caller not in (OUTSIDE, OWN_SIDECAR):
            headers["dapr-caller-app-id"] = caller
        if operator_token:
            headers[OPERATOR_HEADER] = operator_token
        if metrics_token:
            headers["authorization"] = f"Bearer {metrics_token}"
        target = path.replace("{", "").replace("}", "").replace(":path", "")
        answer = await call(self.app, method, target, headers=headers, deadline=20.0)
        return not (answer.status in (401, 403) and _is_refusal(answer.text))


def _is_refusal(text: str) -> bool:
    said = (
        "does not name the caller",
        "is for the sidecar",
        "is for the operator",
        "has the token of metrics",
    )
    return any(words in text for words in said)


def start(cluster: FakeCluster, name: str, access: ServiceAccess | None = None) -> Subject:
    """A service on a fake sidecar, with the rules of the file or with others."""
    module = importlib.import_module(f"services.{name}.app")
    settings = settings_of(module, name).model_copy(
        update={"app_api_token": type(settings_of(module, name).app_api_token)(APP_TOKEN)}
    )
    rules = {**read_access(), **({name: access} if access else {})}
    with (
        mock.patch("services.chassis.service.DaprClient", return_value=cluster.sidecar(name)),
        mock.patch("services.chassis.service.read_access", return_value=rules),
    ):
        return Subject(name, module.create_app(Service(settings)))


@cache
def said(name: str) -> Mapping[str, Any]:
    """What the file says of a service."""
    found: Mapping[str, Any] = yaml.safe_load(FILE.read_text())["services"][name]
    return found


def expected_callers(name: str, route: str) -> set[str]:
    """Who may call a route, without the operator's token."""
    own = said(name)
    calls = own.get("calls") or {}
    named = set(SERVICES) - {name} if calls.get(route) == "all" else set(calls.get(route, ()))
    if route in OPEN:
        return named | {OUTSIDE, OWN_SIDECAR}
    if route in {*own.get("operator", ()), *DEAD_LETTERS, METRICS}:
        return set()
    if route.startswith(("GET /dapr/", "POST /events")):
        return {OWN_SIDECAR}
    if route.startswith("GET /changes"):
        return _subscribers(name)
    return named | ({OUTSIDE, OWN_SIDECAR} if own.get("public") else set())


def _subscribers(name: str) -> set[str]:
    topics = set(said(name).get("publishes", ()))
    return {
        other
        for other in SERVICES
        if other != name
        and "pubsub" in said(other)["components"]
        and topics & set(said(other).get("subscribes", ()))
    }


async def deviations(subject: Subject) -> list[str]:
    """The calls that are admitted and should not be, or the other way round."""
    is_public = said(subject.name).get("public")
    found = []
    for route in subject.routes():
        expected = expected_callers(subject.name, route)
        for caller in CALLERS:
            if is_public and caller == OUTSIDE and OUTSIDE in expected:
                continue  # tests/services/gateway calls what is public
            if is_public and caller == OWN_SIDECAR and OWN_SIDECAR in expected:
                continue
            if await subject.admits(route, caller) != (caller in expected):
                found.append(f"{caller}: {route}")
    return found


@pytest.mark.parametrize("name", SERVICES)
async def test_a_route_admits_exactly_the_callers_that_the_file_names(name: str) -> None:
    async with FakeCluster() as cluster:
        assert await deviations(start(cluster, name)) == []


@pytest.mark.parametrize("name", SERVICES)
async def test_operators_routes_need_the_token_and_the_own_sidecar(name: str) -> None:
    routes = {*said(name).get("operator", ()), *DEAD_LETTERS}
    async with FakeCluster() as cluster:
        subject = start(cluster, name)
        for route in routes:
            assert await subject.admits(route, OWN_SIDECAR, OPERATOR_TOKEN), route
            for token in ("wrong", OPERATOR_TOKEN[:-1], OPERATOR_TOKEN.upper()):
                assert not await subject.admits(route, OWN_SIDECAR, token), route
            for caller in (*SERVICES, "stranger", OUTSIDE):
                assert not await subject.admits(route, caller, OPERATOR_TOKEN), (route, caller)


@pytest.mark.parametrize("name", SERVICES)
async def test_the_token_of_metrics_opens_metrics_and_nothing_else(name: str) -> None:
    async with FakeCluster() as cluster:
        subject = start(cluster, name)
        for caller in CALLERS:
            may = caller in (OUTSIDE, OWN_SIDECAR)
            assert await subject.admits(METRICS, caller, metrics_token=METRICS_TOKEN) == may
            assert not await subject.admits(METRICS, caller, OPERATOR_TOKEN)
            assert not await subject.admits(METRICS, caller, metrics_token=OPERATOR_TOKEN)
        for route in set(subject.routes()) - {METRICS}:
            if OUTSIDE not in expected_callers(name, route):
                for caller in (OUTSIDE, "stranger"):
                    assert not await subject.admits(route, caller, METRICS_TOKEN, METRICS_TOKEN)


@pytest.mark.parametrize("name", [name for name in SERVICES if _subscribers(name)])
async def test_events_are_fetched_by_the_subscribers_of_their_topic_alone(name: str) -> None:
    async with FakeCluster() as cluster:
        app = start(cluster, name).app
        for topic in said(name)["publishes"]:
            for caller in _subscribers(name):
                headers = {"dapr-api-token": APP_TOKEN, "dapr-caller-app-id": caller}
                is_subscriber = topic in said(caller)["subscribes"]
                for path in (f"/changes?topics={topic}", f"/changes/{topic}/x?after=0"):
                    answer = await call(app, "GET", path, headers=headers)
                    if "invalidations" not in topic:
                        assert (answer.status == 200) == is_subscriber, (caller, path)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_gets_only_its_own_secrets_and_topics(name: str) -> None:
    secrets = {secret for each in SERVICES for secret in said(each)["secrets"]}
    topics = {topic for each in SERVICES for topic in said(each).get("publishes", ())}
    async with FakeCluster() as cluster:
        cluster.secrets = dict.fromkeys(secrets, "x")
        sidecar = cluster.sidecar(name)
        event = {"id": "1", "source": name, "type": "x"}
        granted = {s for s in secrets if await _works(sidecar.secret(s))}
        published = {t for t in topics if await _works(sidecar.publish(t, [event]))}
    assert granted == set(said(name)["secrets"])
    assert published == set(said(name).get("publishes", ()))


async def _works(call: Awaitable[object]) -> bool:
    try:
        await call
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("name", SERVICES)
async def test_the_matrix_notices_each_rule_that_is_changed(name: str) -> None:
    """Each rule in turn admits a stranger instead of those whom it names."""
    own = read_access()[name]
    async with FakeCluster() as cluster:
        for route in own.calls:
            if route.startswith("GET /changes"):
                continue
            changed = replace(own, calls={**own.calls, route: frozenset({"stranger"})})
            subject = start(cluster, name, changed)
            assert await subject.admits(route, "stranger"), route
            for caller in expected_callers(name, route) - {OUTSIDE, OWN_SIDECAR}:
                assert not await subject.admits(route, caller), route


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_does_not_start_with_a_rule_missing_or_left_over(name: str) -> None:
    own = read_access()[name]
    cluster = FakeCluster()
    some = next(iter(own.calls))
    without = {route: callers for route, callers in own.calls.items() if route != some}
    if not own.is_public:
        with pytest.raises(AccessMismatch) as missing:
            start(cluster, name, replace(own, calls=without))
        assert f'"{some}" has no rule: add it to services.{name}.calls' in str(missing.value)
    with pytest.raises(AccessMismatch, match=r'"GET /gone" is no route: take it out of services'):
        start(cluster, name, replace(own, calls={**own.calls, "GET /gone": frozenset()}))
    for key in ("publishes", "subscribes"):
        topics: frozenset[str] = getattr(own, key)
        change: Any
        change = {key: topics | {"weather"}}
        with pytest.raises(AccessMismatch, match=r'the topic "weather" is unused|"POST /events'):
            start(cluster, name, replace(own, **change))
        if topics:
            change = {key: frozenset()}
            with pytest.raises(AccessMismatch, match="is missing: add it to"):
                start(cluster, name, replace(own, **change))
