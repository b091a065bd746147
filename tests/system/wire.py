"""A session that looks at every answer: the shape of errors, the request id, each entity whole."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from tests.system import shapes


class CheckedSession(requests.Session):
    """As `requests.Session`, and fails on any answer of the API that no client should have to bear.

    What it finds is also kept in `faults`, because Mastodon.py wraps what is raised in here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.hooks["response"].append(self._look)

    def _look(self, response: requests.Response, *_: Any, **__: Any) -> None:
        path = urlsplit(response.url).path
        if not path.startswith(("/api/", "/oauth/token", "/oauth/revoke", "/.well-known/nodeinfo")):
            return
        try:
            check(response)
        except AssertionError as fault:
            method = response.request.method
            self.faults.append(f"{method} {response.url} ({response.status_code}): {fault}")
            raise AssertionError(self.faults[-1]) from None


def check(response: requests.Response) -> None:
    """Assert that an answer of the API is one that clients can read."""
    traced = response.headers.get("X-Request-Id") or response.status_code == 429
    assert traced, "the answer has no request id"
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    assert kind == "application/json", (
        f"the answer is {kind or 'of no type'}: {response.text[:200]}"
    )
    body = response.json()
    if response.ok:
        method = response.request.method or "GET"
        shapes.check(method, urlsplit(response.url).path, body)
    else:
        assert_refusal(response, body)


def assert_refusal(response: requests.Response, body: Any) -> None:
    """Assert that an answer is an error in the shape that clients show to people."""
    assert isinstance(body, dict), f"not an object: {body!r}"
    error = body.get("error")
    assert error, f"no error in it: {body!r}"
    assert isinstance(error, str), f"the error is no text: {error!r}"
    assert "detail" not in body, f"FastAPI's own shape: {body!r}"
    assert "Traceback" not in response.text, "it shows a traceback"
