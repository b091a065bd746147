"""What no client should have to bear in an answer of the API: the shape of errors, the entities.

It imports little: each process of `toot` in the tests loads it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from tests.mastodon import routes

_FOR_CLIENTS = ("/api/", "/oauth/token", "/oauth/revoke", "/.well-known/nodeinfo", "/nodeinfo/")


def fault_of(response: requests.Response) -> str:
    """What is wrong with an answer of the API; empty where nothing is, or where it is a page."""
    path = urlsplit(response.url).path
    method = response.request.method or "GET"
    if not path.startswith(_FOR_CLIENTS) or method in ("HEAD", "OPTIONS"):
        return ""
    try:
        check(response)
    except AssertionError as fault:
        return f"{method} {response.url} ({response.status_code}): {fault}"
    return ""


def check(response: requests.Response) -> None:
    """Assert that an answer of the API is one that clients can read."""
    traced = response.headers.get("X-Request-Id") or response.status_code == 429
    assert traced, "the answer has no request id"
    method, path = response.request.method or "GET", urlsplit(response.url).path
    if response.ok and not routes.answers_json(method, path):
        return
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if not response.ok and path.startswith("/api/shop/"):
        assert kind == "application/problem+json", f"a refusal that is {kind}"
        assert_problem(response, response.json())
        return
    assert kind == "application/json", (
        f"the answer is {kind or 'of no type'}: {response.text[:200]}"
    )
    if response.ok:
        routes.check(method, path, response.json())
    else:
        assert_refusal(response, response.json())


def assert_problem(response: requests.Response, body: Any) -> None:
    """Assert that an answer is a problem's details (RFC 9457), and what its status says."""
    assert not response.ok, f"a problem with {response.status_code}"
    for name in ("type", "title", "detail", "instance", "code"):
        assert isinstance(body.get(name), str), f"{name} is no text: {body!r}"
    assert body["status"] == response.status_code, f"it says {body['status']}"
    assert "Traceback" not in response.text, "it shows a traceback"


_REFUSAL = {"error", "error_description", "details"}


def assert_refusal(response: requests.Response, body: Any) -> None:
    """Assert that an answer is an error in the shape that clients show to people."""
    assert isinstance(body, dict), f"not an object: {body!r}"
    error = body.get("error")
    assert error, f"no error in it: {body!r}"
    assert isinstance(error, str), f"the error is no text: {error!r}"
    assert body.keys() <= _REFUSAL, f"more than an error: {body!r}"
    assert "Traceback" not in response.text, "it shows a traceback"
