"""What is known of somebody's archive, and how it goes on.

One document per person, and a replica that works on it holds a lease. Every piece is made under a
number of its own (`tries`), taken before anything is written: so all that was ever written is found
by counting, and no attempt overwrites another's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import RateLimited

ARCHIVE_TTL = 7 * 24 * 3600
"""For how many seconds a finished archive is kept."""

REQUEST_INTERVAL = 24 * 3600
"""After how many seconds somebody may ask for another one."""

RETRY_TIMEOUT = 24 * 3600
"""For how many seconds it is tried to make one."""

LEASE_TTL = 90.0
"""For how many seconds a replica has the work to itself; a piece takes less."""

_MAX_RETRY_DELAY = 300.0
_WRITING_PERCENT = 50


@dataclass(frozen=True, slots=True)
class ExportPosition:
    """Where in the work it goes on: a step, a cursor, the number of the file; how much is done."""

    step: int = 0
    after: str = ""
    page: int = 1
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """The document `export:USER`. Times in seconds since 1970.

    `state` is running, ready, ending (what was made is being removed; then it is `ending`), failed,
    expired or gone. `parts` are the numbers of the pieces in order; what was made under numbers up
    to `swept` is removed already, and those up to `stale` are of an earlier archive.
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
        """Whether some replica has it, or its next try waits."""
        return now < self.held_until

    def progress(self, steps: int) -> int:
        """Percent: half for what is written, half for pictures, which are the last step."""
        if self.state == "ready":
            return 100
        part = min(1.0, self.place.done / self.place.total) if self.place.total else 0.0
        if self.place.step >= steps - 1:
            return min(99, int(_WRITING_PERCENT + _WRITING_PERCENT * part))
        return int(_WRITING_PERCENT * (self.place.step + part) / (steps - 1))


@dataclass(frozen=True, slots=True)
class ExportPart:
    """What an attempt has made: how many bytes, and where the work goes on after it."""

    number: int
    size: int
    place: ExportPosition
    records: int = 0
    pictures: int = 0
    is_last: bool = False


def request(kept: ExportRecord | None, id: str, now: float) -> ExportRecord:
    """Ask for an archive: the one being made, if there is one. Raises `RateLimited`."""
    if kept is None:
        return ExportRecord(id, "running", now)
    if kept.state == "running":
        return kept
    was_made = kept.state == "ready" or kept.ending == "expired"
    if was_made and now < kept.requested + REQUEST_INTERVAL:
        hours = int((kept.requested + REQUEST_INTERVAL - now) / 3600) + 1
        raise RateLimited(f"There was one today already. Ask again in {hours} hours.")
    number = kept.tries + 1  # so that no piece of the earlier one fits
    return ExportRecord(
        id, "running", now, tries=number, stale=number, swept=kept.swept,
        holder=kept.holder, held_until=kept.held_until,
    )  # fmt: skip


def upgrade_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """The shop's kinds came among the steps: one that is being made begins anew."""
    if data["state"] != "running":
        return data
    number = data["tries"] + 1
    begin_part = {"id": data["id"], "state": "running", "requested": data["requested"]}
    return begin_part | {"tries": number, "stale": number, "swept": data["swept"]}


def lease(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Take the work, unless somebody else has it."""
    if kept.is_held(now) and kept.holder != holder:
        return kept
    return replace(kept, holder=holder, held_until=now + LEASE_TTL)


def begin_part(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """Take a number for the next piece; as it is, if the work is somebody else's by now."""
    if kept.state != "running" or kept.holder != holder or not kept.is_held(now):
        return kept
    return replace(kept, tries=kept.tries + 1, held_until=now + LEASE_TTL)


def add_part(kept: ExportRecord, piece: ExportPart, now: float) -> ExportRecord:
    """With a piece; as it is, if somebody else went on meanwhile, or it is not wanted any more."""
    if kept.state != "running" or kept.tries != piece.number:
        return kept
    done = replace(
        kept,
        place=piece.place,
        parts=(*kept.parts, piece.number) if piece.size else kept.parts,
        size=kept.size + piece.size,
        records=kept.records + piece.records,
        pictures=kept.pictures + piece.pictures,
        troubles=0,
    )
    return replace(done, state="ready", finished=now) if piece.is_last else done


def retry_later(kept: ExportRecord, holder: str, now: float) -> ExportRecord:
    """A piece could not be made: try again later, and at last give up."""
    if kept.state != "running" or kept.holder != holder:
        return kept
    if now > kept.requested + RETRY_TIMEOUT:
        return end(release(kept, holder), "failed")
    wait = min(_MAX_RETRY_DELAY, 2.0**kept.troubles)
    return replace(kept, holder="", held_until=now + wait, troubles=kept.troubles + 1)


def release(kept: ExportRecord, holder: str) -> ExportRecord:
    """Let others have the work."""
    return replace(kept, holder="", held_until=0.0) if kept.holder == holder else kept


def expire_if_due(kept: ExportRecord, now: float) -> ExportRecord:
    """To be removed, if its time is over."""
    over = kept.state == "ready" and now >= kept.expires()
    return end(kept, "expired") if over else kept


def end(kept: ExportRecord, why: str) -> ExportRecord:
    """To be removed: because it failed, expired, or its owner is gone."""
    if kept.state == "gone" or kept.ending == "gone":
        return kept
    return replace(kept, state="ending", ending=why)


def mark_swept(kept: ExportRecord, upto: int) -> ExportRecord:
    """With what was made up to a number removed; nothing of one that ends is left then."""
    kept = replace(kept, swept=max(upto, kept.swept))
    if kept.state != "ending" or kept.swept < kept.tries:
        return kept
    return ExportRecord(
        kept.id, kept.ending, kept.requested, kept.finished, kept.ending,
        tries=kept.tries, stale=kept.tries, swept=kept.swept,
    )  # fmt: skip


def leftover_parts(export: ExportRecord) -> range:
    """The numbers under which there is something to be removed."""
    upto = export.tries if export.state == "ending" else export.stale
    return range(export.swept + 1, upto + 1)
