"""Prepared requests, and checks of their responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import orjson

Check = Callable[[int, bytes], str]
"""Returns the fault of a status and a body, or an empty text."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """The bytes to send, and the check of the response."""

    payload: bytes
    check: Check
    author: int = -1
    """The author of a post; -1 for other requests."""
    follow_up: Callable[[bytes], PreparedRequest] | None = None
    """Returns the next request of a sequence, such as the post after its picture."""


class RequestBuilder:
    """Builds requests to one address."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def get(
        self, path: str, check: Check, token: str = "", headers: Mapping[str, str] | None = None
    ) -> PreparedRequest:
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        return PreparedRequest(f"{self._head('GET', path, token)}{more}\r\n".encode(), check)

    def post(
        self,
        path: str,
        body: bytes,
        kind: str,
        check: Check,
        token: str,
        *,
        author: int = -1,
        then: Callable[[bytes], PreparedRequest] | None = None,
    ) -> PreparedRequest:
        head = self._head("POST", path, token)
        head += f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        return PreparedRequest(head.encode() + body, check, author, then)

    def _head(self, method: str, path: str, token: str) -> str:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}", "accept: application/json"]
        if token:
            lines.append(f"authorization: Bearer {token}")
        return "".join(f"{line}\r\n" for line in lines)


def form(**fields: str) -> bytes:
    """Return a body of the content type `FORM`."""
    return urlencode(fields).encode()


FORM = "application/x-www-form-urlencoded"
STATUS = b'"spoiler_text":'
NOTIFICATION = b'"type":"'
_FULL_CHECK_INTERVAL = 64


def is_empty_object(status: int, body: bytes) -> str:
    """Check the response of the floor."""
    return "" if status == 200 and body == b"{}" else describe_response(status, body)


def is_object(status: int, body: bytes) -> str:
    """Check a response with any JSON object."""
    return "" if status == 200 and body.startswith(b"{") else describe_response(status, body)


def is_post(status: int, body: bytes) -> str:
    """Check a response with one status."""
    fine = status == 200 and body.startswith(b'{"id":"') and body.count(STATUS) == 1
    return "" if fine else describe_response(status, body)


def is_relationship(status: int, body: bytes) -> str:
    """Check a response with a relationship."""
    fine = status == 200 and body.startswith(b'{"id":"') and b'"following":' in body
    return "" if fine else describe_response(status, body)


def finds_people(status: int, body: bytes) -> str:
    """Check a search result with at least one account."""
    fine = status == 200 and b'"accounts":[{' in body
    return "" if fine else describe_response(status, body)


@dataclass(frozen=True, slots=True)
class ContainsAtLeast:
    """Checks that a response contains a text at least so often."""

    mark: bytes
    minimum: int

    def __call__(self, status: int, body: bytes) -> str:
        if status != 200:
            return describe_response(status, body)
        count = body.count(self.mark)
        return "" if count >= self.minimum else f"{count} times {self.mark!r}, not {self.minimum}"


def is_picture(status: int, body: bytes) -> str:
    """Check a response with an uploaded picture."""
    fine = status in (200, 202) and body.startswith(b'{"id":"')
    return "" if fine else describe_response(status, body)


class IsPage:
    """Checks a page with a minimum number of statuses; some pages are parsed completely."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._seen = 0

    def __call__(self, status: int, body: bytes) -> str:
        if status != 200 or not (body.startswith(b"[{") and body.endswith(b"}]")):
            return describe_response(status, body)
        count = body.count(STATUS)
        if count < self._least:
            return f"a page of {count} statuses, not of {self._least}"
        self._seen += 1
        return "" if self._seen % _FULL_CHECK_INTERVAL else _fault(body)


def _fault(body: bytes) -> str:
    page = orjson.loads(body)
    ids = [status["id"] for status in page]
    if ids != sorted(set(ids), key=id_order, reverse=True):
        return "a page that is not newest first, each once"
    if not all(status["account"]["acct"] and status["created_at"] for status in page):
        return "a page with a status of nobody"
    return ""


def id_order(id: str) -> tuple[int, str]:
    """Return a key by which ids sort from the oldest to the newest: numbers, or ULIDs."""
    return len(id), id


def describe_response(status: int, body: bytes) -> str:
    """Return a description of an unexpected response."""
    return f"{status} {body[:200].decode(errors='replace')}"
