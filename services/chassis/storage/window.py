"""Windows on lists that are sorted by id, newest first: the client API's four paging parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import is_id

Row = list[Any]
"""A row of a list: the id it is sorted by, then whatever belongs to it."""

_DIGITS = 18
_BEYOND = ":"  # sorts after every digit


def normalize_id(id: str) -> str:
    """An id as a client gives it, in the width that makes ids sort as strings.

    Of those that are too wide, the highest there is: clients send such bounds for «the newest».
    """
    if not is_id(id):
        raise Invalid(f"«{id[:40]}» is not an id.")
    digits = id.lstrip("0")
    return digits.rjust(_DIGITS, "0") if len(digits) <= _DIGITS else "9" * _DIGITS


def normalize_or_missing(id: str, message: str) -> str:
    """Normalize an id from a path. Raises `NotFound` with the message if nothing can have it."""
    if not is_id(id) or len(id.lstrip("0")) > _DIGITS:
        raise NotFound(message)
    return normalize_id(id)


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are wanted: below `max_id`, above `since_id`, or the oldest above `min_id`."""

    limit: int = 20
    max_id: str = ""
    since_id: str = ""
    min_id: str = ""

    @classmethod
    def of(cls, limit: int, max_id: str | None, since_id: str | None, min_id: str | None) -> Window:
        """From what a client sent. Raises `Invalid` for ids that are none."""
        bounds = (normalize_id(id) if id else "" for id in (max_id, since_id, min_id))
        return cls(limit, *bounds)

    @property
    def ascending(self) -> bool:
        """Whether the rows next above a bound are wanted, not the newest ones."""
        return bool(self.min_id)

    def admits(self, id: str) -> bool:
        """Whether an id lies within the bounds."""
        if self.max_id and id >= self.max_id:
            return False
        return id > max(self.since_id, self.min_id)

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are wanted, newest first."""
        low, high = max(self.since_id, self.min_id), self.max_id or _BEYOND
        found = {row[0]: row for row in rows if low < row[0] < high}
        nearest = sorted(found, reverse=not self.ascending)[: self.limit]
        return [found[id] for id in sorted(nearest, reverse=True)]

    def next_cursor(self, rows: Sequence[Row]) -> str:
        """Where a list goes on, of which these rows are in the window; empty if that was all.

        A list that ends just there is taken for one that goes on.
        """
        if len(rows) < self.limit:
            return ""
        return str(rows[0][0] if self.ascending else rows[-1][0])

    def beyond(self, rows: Sequence[Row]) -> Window:
        """Return the window that continues after the last of these rows."""
        if self.ascending:
            return replace(self, min_id=rows[0][0])
        return replace(self, max_id=rows[-1][0])

    def params(self) -> dict[str, str]:
        """As query parameters for another service."""
        named = {"max_id": self.max_id, "since_id": self.since_id, "min_id": self.min_id}
        return {"limit": str(self.limit), **{name: id for name, id in named.items() if id}}


def newest_first(rows: Sequence[Row]) -> list[Row]:
    """Rows sorted newest first, each id once."""
    return sorted({row[0]: row for row in rows}.values(), key=lambda row: row[0], reverse=True)
