"""The archive of a user, and how its creation proceeds.

There is one document for each user. A replica that works on it holds a lease. Every part is made
under a number of its own (`tries`), which is taken before anything is written. So counting finds
everything that was ever written, and no attempt overwrites another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import RateLimited

ARCHIVE_TTL = 7 * 24 * 3600
"""Seconds for which a finished archive is kept."""

REQUEST_INTERVAL = 24 * 3600
"""Seconds after which a user may request another archive."""

RETRY_TIMEOUT = 24 * 3600
"""Seconds after which an archive that cannot be made fails."""

LEASE_TTL = 20.0
"""Seconds for which a replica holds the lease unless it renews it: an archive waits so long after
its replica died. A part that is made twice has two numbers, so a lost lease costs only work."""

_MAX_RETRY_DELAY = 300.0
_WRITING_PERCENT = 50

FINAL_STATES = ("ready", "failed", "expired", "gone")


@dataclass(frozen=True, slots=True)
class ExportPosition:
    """Where the work continues: a step, a cursor, the number of the file; how much is done."""

    step: int = 0
    after: str = ""
    page: int = 1
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """The stored document. Times are in seconds since 1970.

    `state` is running, ready, ending (its parts are being removed; then it becomes `ending`),
    failed, expired or gone. `parts` are the numbers of the parts in order. Parts with numbers up to
    `swept` are removed already, those up to `stale` are of an earlier archive.
    """

    id: str
    state: str
    requested: float
    finished: float = 0.0
    ending: str = ""
    place: ExportPosition = ExportPosition()
    parts: tuple[int, ...] = ()
    size: int = 0
    records: int = 0
    pictures: int = 0
    tries: int = 0
    stale: int = 0
    swept: int = 0
    holder: str = ""
    held_until: float = 0.0
    troubles: int = 0

    def expires(self) -> float:
        """When it is removed."""
        return self.finished + ARCHIVE_TTL

    def is_held(self, now: float) -> bool:
        """Whether a replica holds the lease, or the next attempt waits."""
        return now < self.held_until

    def progress(self, steps: int) -> int:
        """Return the progress in percent: half for records, half for pictures, the last step."""
        if self.state == "ready":
            return 100
        part = min(1.0, self.place.done / self.place.total) if self.place.total else 0.0
        if self.place.step >= steps - 1:
            return min(99, int(_WRITING_PERCENT + _WRITING_PERCENT * part))
        return int(_WRITING_PERCENT * (self.place.step + part) / (steps - 1))


@dataclass(frozen=True, slots=True)
class ExportPart:
    """The result of an attempt: its size in bytes, and where the work continues."""

    number: int
    size: int
    place: ExportPosition
    records: int = 0
    pictures: int = 0
    is_last: bool = False


def request(kept: ExportRecord | None, id: str, now: float) -> ExportRecord:
    """Request an archive: returns the one that is being made, if any. Raises `RateLimited`."""
    if kept is None:
        return ExportRecord(id, "running", now)
    if kept.state == "running":
        return kept
    was_made = kept.state == "ready" or kept.ending == "expired"
    if was_made and now < kept.requested + REQUEST_INTERVAL:
        hours = int((kept.requested + REQUEST_INTERVAL - now) / 3600) + 1
        raise RateLimited(f"You already requested an archive. Try again in {hours} hours.")
    number = kept.tries + 1  # no part of the earlier archive has this number
    return ExportRecord(
        id, "running", now, tries=number, stale=number, swept=kept.swept,
        holder=kept.holder, held_until=kept.held_until,
    )  # fmt: skip


def upgrade_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no steps of the shop: an archive that is being made starts again."""
    if data["state"] != "running":
        return data
    number = data["tries"] + 1
    restarted = {"id": data["id"], "state": "running", "requested": data["requested"]}
    return restarted | {"tries": number, "stale": number, "swept": data["swept"]}


def lease(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Take the lease, unless another replica holds it."""
    if kept.is_held(now) and kept.holder != holder:
        return kept
    return replace(kept, holder=holder, held_until=now + LEASE_TTL)


def renew(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Keep the lease, if nobody else has taken it."""
    if kept.holder != holder or kept.state in FINAL_STATES:
        return kept
    return replace(kept, held_until=now + LEASE_TTL)


def begin_part(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Take the number of the next part, if the replica still holds the lease."""
    if kept.state != "running" or kept.holder != holder or not kept.is_held(now):
        return kept
    return replace(kept, tries=kept.tries + 1, held_until=now + LEASE_TTL)


def add_part(kept: ExportRecord, part: ExportPart, now: float) -> ExportRecord:
    """Add a part, unless another replica continued meanwhile, or the archive is not wanted."""
    if kept.state != "running" or kept.tries != part.number:
        return kept
    done = replace(
        kept,
        place=part.place,
        parts=(*kept.parts, part.number) if part.size else kept.parts,
        size=kept.size + part.size,
        records=kept.records + part.records,
        pictures=kept.pictures + part.pictures,
        troubles=0,
    )
    return replace(done, state="ready", finished=now) if part.is_last else done


def retry_later(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Record that a part could not be made: retry with backoff, and fail after RETRY_TIMEOUT."""
    if kept.state != "running" or kept.holder != holder:
        return kept
    if now > kept.requested + RETRY_TIMEOUT:
        return end(release(kept, holder), "failed")
    delay = min(_MAX_RETRY_DELAY, 2.0**kept.troubles)
    return replace(kept, holder="", held_until=now + delay, troubles=kept.troubles + 1)


def release(kept: ExportRecord, holder: str) -> ExportRecord:
    """Give the lease back."""
    return replace(kept, holder="", held_until=0.0) if kept.holder == holder else kept


def expire_if_due(kept: ExportRecord, now: float) -> ExportRecord:
    """End a finished archive whose time is over."""
    is_over = kept.state == "ready" and now >= kept.expires()
    return end(kept, "expired") if is_over else kept


def end(kept: ExportRecord, why: str) -> ExportRecord:
    """Have all parts removed: the archive failed, expired, or its owner is gone."""
    if kept.state == "gone" or kept.ending == "gone":
        return kept
    return replace(kept, state="ending", ending=why)


def mark_swept(kept: ExportRecord, upto: int) -> ExportRecord:
    """Record that parts up to a number are removed. An archive that ends has ended then."""
    kept = replace(kept, swept=max(upto, kept.swept))
    if kept.state != "ending" or kept.swept < kept.tries:
        return kept
    return ExportRecord(
        kept.id, kept.ending, kept.requested, kept.finished, kept.ending,
        tries=kept.tries, stale=kept.tries, swept=kept.swept,
    )  # fmt: skip


def leftover_parts(export: ExportRecord) -> range:
    """Return the numbers of parts that must be removed."""
    upto = export.tries if export.state == "ending" else export.stale
    return range(export.swept + 1, upto + 1)
