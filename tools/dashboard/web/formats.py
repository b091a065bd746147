"""Values as people read them: durations, sizes, rates, times."""

from __future__ import annotations

import zlib
from datetime import datetime

HUES = 12
"""How many colours the style sheet has for services."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def duration(milliseconds: float | None) -> str:
    """Return a duration with three digits: `0.42 ms`, `12.3 ms`, `1.25 s`, `3 min`."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1:
        return f"{milliseconds:.2f} ms" if milliseconds else "0 ms"
    if milliseconds < 100:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    return age(milliseconds / 1000)


def age(seconds: float | None) -> str:
    """Return a number of seconds in its largest unit: `8 s`, `3 min`, `2 h`, `5 d`."""
    if seconds is None:
        return "-"
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(count: float | None) -> str:
    """Return a number of bytes in MB, or a smaller unit: `812 kB`, `64 MB`."""
    if count is None:
        return "-"
    for unit, unit_size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= unit_size:
            return (
                f"{count / unit_size:.3g} {unit}"
                if unit == "GB"
                else _whole(count, unit_size, unit)
            )
    return f"{count:.0f} B"


def _whole(count: float, unit_size: float, unit: str) -> str:
    return f"{count / unit_size:.0f} {unit}"


def cores(share: float | None) -> str:
    """Return a share of one core in percent: `3.2 %`, `120 %`."""
    if share is None:
        return "-"
    return f"{100 * share:.1f} %" if share < 1 else f"{100 * share:.0f} %"


def percent(share: float | None) -> str:
    """Return a share in percent without needless digits: `0 %`, `0.4 %`, `12 %`."""
    if share is None:
        return "-"
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"


def number(value: float | None) -> str:
    """Return a number with three digits, and thousands apart: `0.25`, `12.3`, `1,204`."""
    if value is None:
        return "-"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def clock(at: float | None) -> str:
    """Return the local time of a Unix time in seconds: `14:03:07.120`."""
    if not at:
        return "-"
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]


def moment(at: float | None) -> str:
    """Return the local date and time of a Unix time in seconds: `2026-11-29 14:03:07`."""
    if not at:
        return "-"
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def hue(service: str) -> int:
    """Return the number of a service's colour: the same on every page and at each start."""
    return _KNOWN.get(service, zlib.crc32(service.encode()) % HUES)


_KNOWN = {
    name: number
    for number, name in enumerate(
        (
            *("gateway", "posts", "orders", "users", "notifications", "media"),
            *("feed", "catalog", "comments", "dashboard", "payments", "auth"),
        )
    )
}
