"""Level 1 of docs/protocol.md: requests of other services."""

from __future__ import annotations

import pytest

from tests.conformance.contracts import DocumentedRoute, routes
from tests.conformance.kit import ARRIVES_WITHIN, NOBODY, PATIENCE, ServiceUnderTest
from tests.system.waiting import wait_until

USER = "115581273340018689"
_SCOPES = "read write follow push admin:read admin:write read:exports"


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
    stranger = subject.stranger
    for route in routes(subject.app):
        answer = subject.ask(route.example, caller=stranger)
        assert answer.status == 403, (route.name, answer)
        answer.error()


def test_the_own_sidecar_may_not_call_routes_of_others(subject: ServiceUnderTest) -> None:
    for route in routes(subject.app):
        if callers(subject, route) and not subject.access.is_public:
            answer = subject.ask(route.example, caller=NOBODY)
            assert answer.status == 403, (route.name, answer)


def test_sidecars_refuse_a_stranger(subject: ServiceUnderTest) -> None:
    stranger = subject.peers[subject.stranger]
    for route in routes(subject.app)[:5]:
        answer = stranger.call(subject.app, route.example)
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
    token = subject.auth.token(USER, _SCOPES, **claims)  # type: ignore[arg-type]
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
    found = routes_with_token(subject)
    if not found or subject.app == "auth":
        pytest.skip("The service takes no tokens of others.")
    route, caller = found[0]
    token = subject.auth.token(USER, _SCOPES)
    assert subject.ask(route.example, caller=caller, token=token, body={}).status != 401
    subject.revoke(token)
    wait_until(
        lambda: subject.ask(route.example, caller=caller, token=token, body={}).status == 401,
        deadline=ARRIVES_WITHIN + PATIENCE,
        what="a revoked token",
    )


def test_an_answer_names_the_request(subject: ServiceUnderTest) -> None:
    named = next(
        (min(callers(subject, route)), route)
        for route in routes(subject.app)
        if callers(subject, route) and route.name.startswith("GET")
    )
    sent = subject.ask(named[1].example, caller=named[0], headers={"x-request-id": "abc-123"})
    assert sent.headers["x-request-id"] == "abc-123"
    assert subject.ask(named[1].example, caller=named[0]).headers["x-request-id"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"{" + b'"a":[' * 2_000])
def test_a_malformed_body_is_the_fault_of_the_caller(
    subject: ServiceUnderTest, body: bytes
) -> None:
    token = subject.auth.token(USER, _SCOPES)
    for route in routes(subject.app):
        named = sorted(callers(subject, route))
        if named and route.name.startswith(("POST", "PUT", "PATCH")):
            answer = subject.ask(route.example, caller=named[0], token=token, body=body)
            assert answer.status < 500 or answer.status in (503, 504), (route.name, body, answer)


def test_a_path_that_is_no_route_is_refused(subject: ServiceUnderTest) -> None:
    answer = subject.ask("GET /no/such/route", caller="gateway")
    assert answer.status in (403, 404)
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
