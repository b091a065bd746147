"""Groups of notifications of one UTC day: favourites of a post, its boosts, new followers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.chassis.ids import first_id_at, id_time, is_id
from services.notifications.domain.notifications import ACCOUNT, ID, POST, TYPE, Row

GROUPED_TYPES = frozenset({"favourite", "reblog", "follow"})

MAX_SAMPLE = 8
"""How many accounts a group shows, as in Mastodon."""

_KEY = re.compile(r"(?:(favourite|reblog)-(\d{1,20})|(follow))-(\d{1,5})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def group_key(id: str, type: str, post: str, group_rows: Collection[str] = GROUPED_TYPES) -> str:
    """Return the key of a notification's group. A type that is not grouped has groups of one."""
    if type not in GROUPED_TYPES or type not in group_rows:
        return f"ungrouped-{id}"
    day = (id_time(id) - _EPOCH) // _DAY
    return f"{type}-{post}-{day}" if type != "follow" else f"follow-{day}"


@dataclass(frozen=True, slots=True)
class GroupBounds:
    """The exclusive bounds of the ids of a group's members, and their type and post."""

    above: str
    below: str
    type: str = ""
    post: str = ""

    def contains(self, row: Row) -> bool:
        """Return whether a row within the bounds is a member."""
        return not self.type or (row[TYPE] == self.type and self.post in ("", row[POST]))


def parse_group_key(key: str) -> GroupBounds | None:
    """Return the bounds of a group, or None for an invalid key."""
    if key.startswith("ungrouped-"):
        id = key.removeprefix("ungrouped-")
        if not is_id(id):
            return None
        return GroupBounds(_plus(id, -1), _plus(id, 1))
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    day = _EPOCH + int(match[4]) * _DAY
    type, post = match[1] or match[3], match[2] or ""
    above, below = first_id_at(day), first_id_at(day + _DAY)
    return GroupBounds(_plus(above, -1), _plus(below, 0), type, post)


def _plus(id: str, step: int) -> str:
    return str(max(0, int(id) + step)).rjust(18, "0")


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The rows of one group, newest first."""

    key: str
    rows: list[Row]

    @property
    def newest(self) -> Row:
        """The newest row."""
        return self.rows[0]

    @property
    def sample(self) -> list[str]:
        """The accounts of the newest rows."""
        return list(dict.fromkeys(row[ACCOUNT] for row in self.rows))[:MAX_SAMPLE]


def group_rows(rows: Iterable[Row], types: Collection[str] = GROUPED_TYPES) -> list[RowGroup]:
    """Return rows, newest first, as groups in the order of their newest rows."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group_key(row[ID], row[TYPE], row[POST], types), []).append(row)
    return [RowGroup(key, members) for key, members in groups.items()]
