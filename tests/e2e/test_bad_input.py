"""Invalid requests are refused with a clear 4xx, and change nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.system import LoggedInUser, System

NOWHERE = "999999999999999999"
MIB = 1024 * 1024


@dataclass(frozen=True)
class InvalidRequest:
    """One invalid request, and its acceptable statuses."""

    method: str
    path: str
    given: dict[str, Any] = field(default_factory=dict)
    clear: tuple[int, ...] = (422,)

    def __str__(self) -> str:
        what = json.dumps(self.given, default=str)[:60]
        return f"{self.method} {self.path.removeprefix('/api/v1')} {what}"


POSTS = "/api/v1/statuses"
ME = "/api/v1/accounts/update_credentials"
HOME = "/api/v1/timelines/home"
JSON = {"Content-Type": "application/json"}


MALFORMED = [
    InvalidRequest("POST", POSTS, {"data": body, "headers": JSON}, (400, 422))
    for body in (
        b"",
        b"{",
        b'{"status": ',
        b"\xff\xfe",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"[" * 50_000,
    )
]
WRONG_TYPES = [
    InvalidRequest("POST", POSTS, {"json": {"status": "x", **body}})
    for body in (
        {"status": {"a": 1}},
        {"status": ["x", "y"]},
        {"media_ids": {"a": {"b": 1}}},
        {"media_ids": [["x"]]},
        {"visibility": "everyone"},
        {"visibility": 7},
        {"in_reply_to_id": {"x": 1}},
    )
] + [
    InvalidRequest("PATCH", ME, {"json": {"fields_attributes": "x"}}),
    InvalidRequest("PATCH", ME, {"json": {"source": {"privacy": "everyone"}}}),
    InvalidRequest("GET", f"{HOME}?max_id=abc", {}, (400, 422)),
    InvalidRequest("GET", f"{HOME}?min_id=-1", {}, (400, 422)),
    InvalidRequest("GET", f"{HOME}?limit=many", {}, (400, 422)),
    InvalidRequest("GET", f"{HOME}?since_id={'9' * 400}", {}, (400, 422)),
]
TOO_LONG = [
    InvalidRequest("POST", POSTS, {"json": {"status": "x" * 2_201}}),
    InvalidRequest("POST", POSTS, {"json": {"status": "😀" * 2_201}}),
    InvalidRequest("POST", POSTS, {"json": {"status": "x" * 50_000}}),
    InvalidRequest("POST", POSTS, {"json": {"status": "x" * (2 * MIB)}}, (413, 422)),
    InvalidRequest("POST", POSTS, {"json": {"status": "x", "spoiler_text": "y" * 2_201}}),
    InvalidRequest("POST", POSTS, {"json": {"status": "x", "media_ids": ["1"] * 1_000}}),
    InvalidRequest(
        "POST", POSTS, {"json": {"status": "x", "media_ids": [str(n) for n in range(1, 12)]}}
    ),
    InvalidRequest("PATCH", ME, {"json": {"display_name": "x" * 31}}),
    InvalidRequest("PATCH", ME, {"json": {"note": "x" * 501}}),
    InvalidRequest("PATCH", ME, {"json": {"fields_attributes": [{"name": "a", "value": "b"}] * 5}}),
    InvalidRequest(
        "PATCH", ME, {"json": {"fields_attributes": [{"name": "x" * 256, "value": "b"}]}}
    ),
    InvalidRequest(
        "GET", "/api/v1/accounts/relationships", {"params": {"id[]": list(range(1, 500))}}
    ),
]
EMPTY = [
    InvalidRequest("POST", POSTS, {"json": {}}),
    InvalidRequest("POST", POSTS, {"json": {"status": "  \n\t "}}),
    InvalidRequest("POST", POSTS, {"data": {"status": ""}}),
    InvalidRequest("POST", "/api/v2/media", {"data": {"description": "no file"}}),
    InvalidRequest("POST", "/api/v2/media", {"files": {"file": ("a.jpg", b"", "image/jpeg")}}),
]
UNKNOWN = [
    InvalidRequest(method, path.format(id=id), {}, (404, 405))
    for id in (NOWHERE, "0", "x", "1" * 40, "%00", "..%2f1", "1%2F..%2Fchanges", "-1", "1.5")
    for method, path in (
        ("GET", POSTS + "/{id}"),
        ("PUT", POSTS + "/{id}"),
        ("DELETE", POSTS + "/{id}"),
        ("POST", POSTS + "/{id}/favourite"),
        ("GET", POSTS + "/{id}/context"),
        ("GET", "/api/v1/accounts/{id}"),
        ("POST", "/api/v1/accounts/{id}/follow"),
        ("GET", "/api/v1/accounts/{id}/statuses"),
        ("GET", "/api/v1/media/{id}"),
    )
] + [
    InvalidRequest("PUT", f"{POSTS}/{NOWHERE}", {"json": {"status": "x"}}, (404,)),
    InvalidRequest("PUT", f"/api/v1/media/{NOWHERE}", {"json": {"description": "x"}}, (404,)),
    InvalidRequest("POST", POSTS, {"json": {"status": "x", "in_reply_to_id": NOWHERE}}, (404, 422)),
    InvalidRequest("POST", POSTS, {"json": {"status": "x", "media_ids": [NOWHERE]}}, (404, 422)),
    InvalidRequest("POST", POSTS, {"json": {"status": "x", "media_ids": ["one"]}}, (404, 422)),
    InvalidRequest("GET", "/api/v1/accounts/lookup?acct=nobody_here", {}, (404,)),
    InvalidRequest("GET", "/api/v1/accounts/lookup", {}, (404, 422)),
    InvalidRequest("GET", "/api/v1/no/such/route", {}, (404,)),
    InvalidRequest("PUT", "/api/v1/timelines/home", {}, (404, 405)),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("bad", [*MALFORMED, *WRONG_TYPES, *TOO_LONG, *EMPTY, *UNKNOWN], ids=str)
def test_it_is_refused_and_changes_nothing(victim: LoggedInUser, bad: InvalidRequest) -> None:
    answer = victim.call(bad.method, bad.path, **bad.given)
    assert answer.status_code in bad.clear, answer.text[:300]


@pytest.mark.parametrize("path", [POSTS, f"{POSTS}/{NOWHERE}/favourite", "/api/v2/media"])
def test_a_request_without_a_login_is_refused(system: System, path: str) -> None:
    import requests

    answer = requests.post(f"{system.base}{path}", json={"status": "x"}, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["error"]


@pytest.mark.usefixtures("unchanged")
def test_somebody_elses_post_cannot_be_touched(victim: LoggedInUser, anna: LoggedInUser) -> None:
    post = victim.client.account_statuses(victim.id)[0]
    edit = anna.call("PUT", f"{POSTS}/{post.id}", json={"status": "mine now"})
    delete = anna.call("DELETE", f"{POSTS}/{post.id}")
    assert {edit.status_code, delete.status_code} <= {403, 404}
    assert victim.client.status(post.id).content == post.content
