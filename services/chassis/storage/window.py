"""Windows on lists sorted by id, newest first: the four paging parameters of the client API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import is_id

Row = list[Any]
"""A row of a list: first the id by which it is sorted, then its other columns."""

_DIGITS = 18
_AFTER_ALL_IDS = ":"  # sorts after every digit


def normalize_id(id: str) -> str:
    """A client's id, padded to the width in which ids sort as strings.

    An id that is too wide becomes the highest one: clients send such bounds for "the newest".
    Raises `Invalid`.
    """
    if not is_id(id):
        raise Invalid(f'"{id[:40]}" is not an id. Send up to 20 digits.')
    digits = id.lstrip("0")
    return digits.rjust(_DIGITS, "0") if len(digits) <= _DIGITS else "9" * _DIGITS


def normalize_or_missing(id: str, message: str) -> str:
    """Normalize an id from a path. Raises `NotFound` with the message if nothing can have it."""
    if not is_id(id) or len(id.lstrip("0")) > _DIGITS:
        raise NotFound(message)
    return normalize_id(id)


@dataclass(frozen=True, slots=True)
class Window:
    """The newest rows below `max_id` and above `since_id`, or the oldest above `min_id`."""

    limit: int = 20
    max_id: str = ""
    since_id: str = ""
    min_id: str = ""

    @classmethod
    def of(cls, limit: int, max_id: str | None, since_id: str | None, min_id: str | None) -> Window:
        """A window from a client's parameters. Raises `Invalid` for a malformed id."""
        bounds = (normalize_id(id) if id else "" for id in (max_id, since_id, min_id))
        return cls(limit, *bounds)

    @property
    def ascending(self) -> bool:
        """Whether the window selects the rows just above a bound, not the newest ones."""
        return bool(self.min_id)

    def admits(self, id: str) -> bool:
        """Whether an id is within the bounds."""
        if self.max_id and id >= self.max_id:
            return False
        return id > max(self.since_id, self.min_id)

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """The rows within the window, newest first."""
        low, high = max(self.since_id, self.min_id), self.max_id or _AFTER_ALL_IDS
        found = {row[0]: row for row in rows if low < row[0] < high}
        nearest = sorted(found, reverse=not self.ascending)[: self.limit]
        return [found[id] for id in sorted(nearest, reverse=True)]

    def select_sorted(
        self, rows: Sequence[Row], keeps: Callable[[Row], bool] | None = None
    ) -> list[Row]:
        """As `select`, of rows sorted newest first; only those that `keeps` admits.

        It looks at no more rows than needed.
        """
        low, high = max(self.since_id, self.min_id), self.max_id or _AFTER_ALL_IDS
        nearest_first = reversed(rows) if self.ascending else rows
        admitted = (row for row in nearest_first if low < row[0] < high)
        found = list(islice(filter(keeps, admitted) if keeps else admitted, self.limit))
        return found[::-1] if self.ascending else found

    def next_cursor(self, rows: Sequence[Row]) -> str:
        """The cursor of the page after these rows; empty if the page is not full.

        A list that ends exactly at the page's end gets a cursor too: to an empty page.
        """
        if len(rows) < self.limit:
            return ""
        return str(rows[0][0] if self.ascending else rows[-1][0])

    def beyond(self, rows: Sequence[Row]) -> Window:
        """The window that continues after these rows."""
        if self.ascending:
            return replace(self, min_id=rows[0][0])
        return replace(self, max_id=rows[-1][0])

    def params(self) -> dict[str, str]:
        """The window as query parameters for another service."""
        named = {"max_id": self.max_id, "since_id": self.since_id, "min_id": self.min_id}
        return {"limit": str(self.limit), **{name: id for name, id in named.items() if id}}


def newest_first(rows: Sequence[Row]) -> list[Row]:
    """Rows sorted newest first, each id once."""
    return sorted({row[0]: row for row in rows}.values(), key=lambda row: row[0], reverse=True)
