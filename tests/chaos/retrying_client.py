"""A client for a system under faults: single requests, retries, and paged reads."""

from __future__ import annotations

from typing import Any

import requests

from tests.system import DEADLINE, LoggedInUser, wait_until


def request_until_answered(
    person: LoggedInUser, method: str, path: str, body: Any = None, *, key: str = ""
) -> requests.Response:
    """Repeat a request until the outcome is known."""

    def answered() -> list[requests.Response]:  # a response is false when it is a refusal
        answer = request_once(person, method, path, body, key=key)
        return [] if answer is None else [answer]

    return wait_until(answered, what=f"{method} {path} answered")[0]


def request_once(
    person: LoggedInUser, method: str, path: str, body: Any = None, *, key: str = ""
) -> requests.Response | None:
    """Send a request once; return None if the outcome is unknown."""
    headers = {"Idempotency-Key": key} if key else {}
    try:
        answer = requests.request(
            method,
            f"{person.base}{path}",
            json=body,
            headers={"Authorization": f"Bearer {person.token}", **headers},
            timeout=DEADLINE,
        )
    except requests.RequestException:
        return None
    return answer if answer.status_code < 500 else None


def read_page(person: LoggedInUser, path: str) -> requests.Response:
    """Read a page; raise `AssertionError` if that fails."""
    url = path if path.startswith("http") else f"{person.base}{path}"
    headers = {"Authorization": f"Bearer {person.token}"}
    try:
        answer = requests.get(url, headers=headers, timeout=DEADLINE)
    except requests.RequestException as error:
        raise AssertionError(f"{url}: {error}") from error
    assert answer.ok, f"{url}: {answer.status_code} {answer.text[:200]}"
    return answer


def read_all_pages(person: LoggedInUser, path: str) -> list[dict[str, Any]]:
    """Return all items of a list, page by page."""
    found: list[dict[str, Any]] = []
    url = f"{path}?limit=40"
    while True:
        answer = read_page(person, url)
        page = answer.json()
        found += page
        url = answer.links.get("next", {}).get("url", "")
        if not page or not url:
            return found
