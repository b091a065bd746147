from __future__ import annotations

import pytest

from services.chassis.dapr.state import VersionConflict
from services.chassis.dapr.transport import is_version_conflict, service_error
from services.chassis.errors import (
    Gone,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    Unavailable,
    from_status,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (410, Gone), (429, RateLimited), (503, Unavailable), (504, OutcomeUnknown)],
)
def test_a_status_becomes_the_error_with_that_status(status: int, kind: type[ServiceError]) -> None:
    failure = from_status(status, "why", "code", limit=3)
    assert type(failure) is kind
    assert failure.body() == {"code": "code", "message": "why", "limit": 3}


def test_an_unknown_status_is_kept() -> None:
    assert from_status(418, "tea").status == 418
    assert ServiceError("x").status == 500
    assert from_status(404, "x").code == "not_found"


MISMATCH = "failed saving state in state store statestore: possible etag mismatch. error from state"


@pytest.mark.parametrize(
    ("status", "message", "lost"),
    [
        (409, f"{MISMATCH} store", True),
        (409, f"{MISMATCH} store: ERR user_script:14: failed to set key a||b script: d9", True),
        (500, "failed saving state: failed to set key a||b: ERR user_script:14: failed", True),
        (500, "error while executing state transaction: possible etag mismatch. error", True),
        (500, "failed saving state in state store statestore: no item was updated", True),
        (500, "failed saving state: Error 1062 (23000): Duplicate entry 'a||b' for key", True),
        (500, "failed saving state: Error 1213 (40001): Deadlock found", False),
        (409, f"{MISMATCH} store: dial tcp 127.0.0.1:6379: connect: connection refused", False),
        (409, f"{MISMATCH} store: read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout", False),
        (409, f"{MISMATCH} store: EOF", False),
        (500, "failed saving state: failed to set key a||b: EOF", False),
        (500, "database is locked", False),
    ],
)
def test_a_version_conflict_is_distinguished_from_a_broken_store(
    status: int, message: str, lost: bool
) -> None:
    assert is_version_conflict(ServiceError(message)) is lost
    assert status in (409, 500)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b'{"errorCode":"ERR_DIRECT_INVOKE","message":"no host found with the ID"}', 503),
        (500, b'{"errorCode":"ERR_DIRECT_INVOKE","message":"dial: connection refused"}', 503),
        (500, b'{"errorCode":"ERR_DIRECT_INVOKE","message":"POST: EOF"}', 504),
        (500, b'{"errorCode":"ERR_DIRECT_INVOKE","message":"stream too large"}', 413),
        (400, b'{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"x"}', 503),
        (400, b'{"errorCode":"ERR_MALFORMED_REQUEST","message":"x"}', 400),
        (401, b"invalid api token\n", 503),
        (401, b'{"code":"unauthenticated","message":"x"}', 401),
        (404, b"", 404),
        (500, b"not json", 500),
        (502, b"[1]", 502),
    ],
)
def test_an_error_response_becomes_a_service_error(status: int, body: bytes, expected: int) -> None:
    assert service_error(status, body, "GET /invoke/app/method/x").status == expected


def test_a_refused_connection_of_a_store_is_an_unknown_outcome() -> None:
    body = b'{"errorCode":"ERR_STATE_SAVE","message":"dial tcp: connection refused"}'
    assert type(service_error(500, body, "POST /state/statestore")) is OutcomeUnknown


def test_a_conflict_is_a_duplicate_to_clients() -> None:
    assert VersionConflict("x").status == 409
