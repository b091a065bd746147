"""Identifiers: snowflake-like integers that sort by time, and times in RFC 3339."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_NODE_BITS, _SEQUENCE_BITS = 10, 6
_SHIFT = _NODE_BITS + _SEQUENCE_BITS


class SnowflakeGenerator:
    """Ids of 48 bits of milliseconds, 10 of a random node and 6 of a sequence.

    A process makes at most 64 ids in a millisecond; beyond that it uses the next millisecond. Ids
    of two processes collide only if both drew the same node (1 in 1,024) and make an id in the same
    millisecond. Creation is a compare-and-swap, so a collision is an error and never an overwrite.
    """

    def __init__(self) -> None:
        self._node = secrets.randbelow(1 << _NODE_BITS)
        self._last = 0
        self._sequence = 0

    def next(self) -> str:
        """A new id, greater than every earlier one of this process.

        Ids are decimal strings on every wire, because JavaScript and brokers lose bits of 64-bit
        JSON numbers. All ids from 2018 to 2453 have 18 digits, so they also sort as strings.
        """
        now = max(time.time_ns() // 1_000_000, self._last)
        self._sequence = self._sequence + 1 if now == self._last else 0
        if self._sequence >> _SEQUENCE_BITS:
            now, self._sequence = now + 1, 0
        self._last = now
        return str((now << _SHIFT) | (self._node << _SEQUENCE_BITS) | self._sequence)


def id_time(snowflake: str) -> datetime:
    """When an id was made, in UTC, to the millisecond."""
    return datetime.fromtimestamp((int(snowflake) >> _SHIFT) / 1000, UTC)


def id_date(snowflake: str) -> str:
    """The date on which an id was made, in UTC (ISO 8601)."""
    return id_time(snowflake).date().isoformat()


def first_id_at(moment: datetime) -> str:
    """The smallest id that could be made at a moment: the lower bound of all later ids."""
    return str(int(moment.timestamp() * 1000) << _SHIFT)


def utc_now() -> datetime:
    """The time, as a `Clock`."""
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """A moment (by default now) as RFC 3339 in UTC with milliseconds and `Z`."""
    written = (moment or utc_now()).astimezone(UTC).isoformat(timespec="milliseconds")
    return written.removesuffix("+00:00") + "Z"


def is_id(text: str) -> bool:
    """Return whether a text can be an id as clients send it: 1 to 20 ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 20
