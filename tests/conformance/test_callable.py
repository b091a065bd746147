"""Level 1 of docs/protocol.md: requests of other services."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
import requests

from services.chassis.ids import SnowflakeGenerator
from tests.conformance.contracts import DocumentedRoute, routes
from tests.conformance.kit import ARRIVES_WITHIN, NOBODY, PATIENCE, ServiceUnderTest
from tests.system.waiting import wait_until

USER, OTHER_USER = "115581273340018689", "115581273340018690"
TOO_LARGE = 1_000_000
"""Bytes of a header, more than any service has to take. Bodies are bounded by the sidecar."""

SCOPES = "read write follow push admin:read admin:write read:exports"


def callers(subject: ServiceUnderTest, route: DocumentedRoute) -> frozenset[str]:
    """The services that may call a route; nobody for one of the operator or the own sidecar."""
    return subject.access.calls.get(route.name, frozenset())


def routes_with_token(subject: ServiceUnderTest) -> list[tuple[DocumentedRoute, str]]:
    """The routes that take a user's token, with a caller of each."""
    found = []
    for route in routes(subject.app):
        named = sorted(callers(subject, route))
        if route.scopes and named:
            found.append((route, named[0]))
    return found


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_open(subject: ServiceUnderTest, path: str) -> None:
    answer = subject.ask(f"GET {path}", caller=None)
    assert answer.status == 200


def test_only_the_sidecar_is_let_in(subject: ServiceUnderTest) -> None:
    if subject.access.is_public:
        pytest.skip("The routes of a public service are open.")
    for route in routes(subject.app):
        for headers in ({}, {"dapr-api-token": "wrong"}):
            answer = subject.ask(route.example, caller=None, headers=headers)
            assert answer.status == 401, (route.name, headers, answer)
            answer.error()


def test_a_caller_that_is_not_named_is_refused(subject: ServiceUnderTest) -> None:
    if subject.access.is_public:
        pytest.skip("The routes of a public service are open.")
    for route in routes(subject.app):
        if stranger := subject.stranger(route.name):  # none: every service may call it
            answer = subject.ask(route.example, caller=stranger)
            assert answer.status == 403, (route.name, answer)
            answer.error()


def test_a_caller_with_two_names_is_refused(subject: ServiceUnderTest) -> None:
    if subject.access.is_public:
        pytest.skip("The routes of a public service are open.")
    for route in routes(subject.app):
        for caller in sorted(callers(subject, route))[:1]:
            for names in ([caller, subject.stranger(route.name)], [caller, caller], [""]):
                status = status_with_callers(subject, route.example, names)
                assert status == 403, (route.name, names, status)


def status_with_callers(subject: ServiceUnderTest, route: str, names: list[str]) -> int:
    """The status of an answer to a request that names its caller in several headers."""
    method, _, path = route.partition(" ")
    connection = HTTPConnection(*subject.address, timeout=PATIENCE)
    with closing(connection):
        connection.putrequest(method, path)
        connection.putheader("dapr-api-token", subject.token)
        for name in names:
            connection.putheader("dapr-caller-app-id", name)
        connection.endheaders()
        return connection.getresponse().status


def test_the_own_sidecar_may_not_call_routes_of_others(subject: ServiceUnderTest) -> None:
    for route in routes(subject.app):
        if callers(subject, route) and not subject.access.is_public:
            answer = subject.ask(route.example, caller=NOBODY)
            assert answer.status == 403, (route.name, answer)


def test_sidecars_refuse_a_stranger(subject: ServiceUnderTest) -> None:
    for route in routes(subject.app)[:5]:
        if stranger := subject.stranger(route.name):
            answer = subject.peers[stranger].call(subject.app, route.example)
            assert "errorCode" in answer.json(), (route.name, answer)  # else it is the service's


def test_routes_of_the_operator_need_the_proof(subject: ServiceUnderTest) -> None:
    for route in subject.access.operator:
        assert subject.ask(route.replace("{", "").replace("}", "")).status == 403, route


def test_a_route_for_a_user_refuses_a_request_without_a_token(subject: ServiceUnderTest) -> None:
    for route, caller in routes_with_token(subject):
        if route.requires_token:
            answer = subject.ask(route.example, caller=caller, body={})
            assert answer.status == 401, (route.name, answer)
            answer.error()


@pytest.mark.parametrize("fault", ["expired", "from the future", "of another issuer", "forged"])
def test_a_token_that_is_not_valid_is_refused(subject: ServiceUnderTest, fault: str) -> None:
    claims = {
        "expired": {"lasts": -60.0},
        "from the future": {"iat": 4_000_000_000},
        "of another issuer": {"iss": "somebody"},
        "forged": {},
    }[fault]
    token = subject.auth.token(USER, SCOPES, **claims)  # type: ignore[arg-type]
    if fault == "forged":
        head, body, signature = token.split(".")
        token = f"{head}.{body}.{signature[:-6]}AAAAAA"
    for route, caller in routes_with_token(subject):
        answer = subject.ask(route.example, caller=caller, token=token, body={})
        assert answer.status == 401, (route.name, answer)


def test_a_token_without_the_scope_is_refused(subject: ServiceUnderTest) -> None:
    token = subject.auth.token(USER, "nothing")
    for route, caller in routes_with_token(subject):
        answer = subject.ask(route.example, caller=caller, token=token, body={})
        assert answer.status == 403, (route.name, answer)


def test_a_revoked_token_is_refused_within_seconds(subject: ServiceUnderTest) -> None:
    tokens = [subject.auth.token(USER, SCOPES) for _ in range(5)]
    assert status_with_token(subject, tokens[-1]) != 401
    subject.revoke(*tokens)  # more than auth says in one answer
    for token in tokens:
        await_refusal(subject, token)


def test_all_tokens_of_a_user_can_be_revoked(subject: ServiceUnderTest) -> None:
    user, other = SnowflakeGenerator().next(), SnowflakeGenerator().next()
    token, others = subject.auth.token(user, SCOPES), subject.auth.token(other, SCOPES)
    assert status_with_token(subject, token) != 401
    subject.revoke_all(user)
    await_refusal(subject, token)
    assert status_with_token(subject, others) != 401
    later = subject.auth.token(user, SCOPES, iat=int(time.time()) + 2)
    assert status_with_token(subject, later) != 401


def test_a_new_process_knows_what_was_revoked(subject: ServiceUnderTest) -> None:
    tokens = [subject.auth.token(USER, SCOPES) for _ in range(5)]
    assert status_with_token(subject, tokens[-1]) != 401
    subject.revoke(*tokens)
    subject.kill()
    statuses = {status_with_token(subject, token) for token in tokens}
    assert statuses <= {401, 503}
    assert status_with_token(subject, subject.auth.token(USER, SCOPES)) not in (401, 503)


def status_with_token(subject: ServiceUnderTest, token: str) -> int:
    """The status of an answer to a request with a token."""
    found = routes_with_token(subject)
    if not found or subject.app == "auth":
        pytest.skip("The service takes no tokens of others.")
    route, caller = found[0]
    return subject.ask(route.example, caller=caller, token=token, body={}).status


def await_refusal(subject: ServiceUnderTest, token: str) -> None:
    """Wait until a token is refused, on a busy machine longer than a service may take."""
    wait_until(
        lambda: status_with_token(subject, token) == 401,
        deadline=ARRIVES_WITHIN + PATIENCE,
        what="a revoked token",
    )


def test_an_answer_names_the_request(subject: ServiceUnderTest) -> None:
    route = next(each for each in routes(subject.app) if each.name.startswith("GET"))
    caller = min(callers(subject, route), default=NOBODY)
    sent = subject.ask(route.example, caller=caller, headers={"x-request-id": "abc-123"})
    assert sent.headers["x-request-id"] == "abc-123"
    assert subject.ask(route.example, caller=caller).headers["x-request-id"]


def test_a_head_that_is_too_large_is_refused(subject: ServiceUnderTest) -> None:
    """The answer is a refusal, or the end of the connection; and others are still served."""
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        answer = subject.ask("GET /healthz", caller=None, headers={"x-long": "x" * TOO_LARGE})
        assert answer.status in range(400, 500)
    assert subject.ask("GET /healthz", caller=None).status == 200


def test_a_new_field_of_a_body_is_ignored(subject: ServiceUnderTest) -> None:
    named = subject.access.calls.get("POST /bundles")
    if not named:
        pytest.skip("The service has no route whose smallest body the kit knows.")
    body = {"questions": [], "a_new_field": {"x": 1}}
    answer = subject.ask("POST /bundles", caller=min(named), body=body)
    assert (answer.status, answer.json()) == (200, [])


def test_each_part_of_a_batch_has_its_own_token(subject: ServiceUnderTest) -> None:
    """A service that ignored them would refuse all parts, since the batch has a wrong token."""
    named = subject.access.calls.get("POST /bundles", frozenset())
    reads = [route for route in routes(subject.app) if route.scopes and route.name[:4] == "GET "]
    found = [(route, min(both)) for route in reads if (both := named & callers(subject, route))]
    if not found:
        pytest.skip("The service has no batches, or no route that reads for a user.")
    route, caller = found[0]
    tokens = [subject.auth.token(user, SCOPES) for user in (USER, OTHER_USER)]
    part = {"path": route.example.removeprefix("GET /")}
    parts = [
        *(part | {"token": token} for token in (*tokens, tokens[0][:-6] + "AAAAAA")),
        *(part, part | {"anonymous": True}),
    ]
    body = {"questions": parts, "seconds": 9.5}
    answer = subject.ask("POST /bundles", caller=caller, token="none", body=body)
    statuses = [each["status"] for each in answer.json()]
    asked = (*tokens, "")
    alone = [subject.ask(route.example, caller=caller, token=token).status for token in asked]
    assert statuses == [*alone[:2], 401, 401, alone[2]]
    assert 401 not in alone[:2]


def test_a_part_of_a_batch_has_bounds(subject: ServiceUnderTest) -> None:
    named = subject.access.calls.get("POST /bundles")
    if not named:
        pytest.skip("The service has no batches.")
    for wrong in (
        {"path": "p" * 1_001},
        {"params": {f"p{n}": "" for n in range(21)}},
        {"token": "t" * 4_001},
        {"token": "t", "anonymous": True},
    ):
        body = {"questions": [{"path": "nothing"} | wrong]}
        answer = subject.ask("POST /bundles", caller=min(named), body=body)
        assert answer.status == 422, wrong
        answer.error()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"{" + b'"a":[' * 2_000])
def test_a_malformed_body_is_the_fault_of_the_caller(
    subject: ServiceUnderTest, body: bytes
) -> None:
    token = subject.auth.token(USER, SCOPES)
    for route in routes(subject.app):
        named = sorted(callers(subject, route))
        if named and route.name.startswith(("POST", "PUT", "PATCH")):
            answer = subject.ask(route.example, caller=named[0], token=token, body=body)
            assert answer.status < 500 or answer.status in (503, 504), (route.name, body, answer)


def test_a_path_that_is_no_route_is_refused(subject: ServiceUnderTest) -> None:
    answer = subject.ask("GET /no/such/route", caller="gateway")
    assert answer.status in (403, 404)
    if not subject.access.is_public:  # else its errors have the shape of its public API
        answer.error()


def test_changes_are_for_subscribers(subject: ServiceUnderTest) -> None:
    if not any(subject.access.subscribers.values()):
        pytest.skip("No service asks for events of this one.")
    for topic, subscribers in subject.access.subscribers.items():
        for caller in sorted(subject.access.calls["GET /changes"]):
            answer = subject.ask(f"GET /changes?topics={topic}", caller=caller)
            assert answer.status == (200 if caller in subscribers else 403), (caller, topic)
    caller = min(subject.access.calls["GET /changes"])
    assert subject.ask("GET /changes?topics=no-such-topic", caller=caller).status == 404
