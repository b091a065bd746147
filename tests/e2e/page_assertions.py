"""Reads and awaits pages, from Mastodon.py's objects and from plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.system import DEADLINE, wait_until


def ids(entities: Iterable[Any] | None) -> list[str]:
    """Return the ids of entities; none without a page."""
    return [str(entity["id"]) for entity in entities or ()]


def names(accounts: Iterable[Any] | None) -> list[str]:
    """Return the usernames of accounts."""
    return [str(account["username"]) for account in accounts or ()]


def await_page(
    read: Callable[[], Iterable[Any] | None], expected: Iterable[Any], deadline: float = DEADLINE
) -> None:
    """Wait until a page contains exactly some posts (or ids), in this order."""
    wanted = [each if isinstance(each, str) else str(each["id"]) for each in expected]

    def same() -> bool:
        assert ids(read()) == wanted
        return True

    wait_until(same, deadline)


def await_presence(read: Callable[[], Iterable[Any] | None], id: str, where: str = "") -> None:
    """Wait until a page contains a post."""
    wait_until(lambda: id in ids(read()), what=f"{id} in {where or 'the page'}")


def await_absence(read: Callable[[], Iterable[Any] | None], id: str, where: str = "") -> None:
    """Wait until a page does not contain a post."""
    wait_until(lambda: id not in ids(read()), what=f"{id} gone from {where or 'the page'}")
