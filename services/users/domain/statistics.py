"""Who is here, and how much they post: numbers for the whole place, from a line for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.chassis.ids import first_id_at, id_time

SHARDS = 256
_WEEKS = 12
_MAX_DIRECTORY = 1_000


@dataclass(frozen=True, slots=True)
class AccountStatistics:
    """One person: how many posts they have, the newest, and whether they want to be found.

    `counted` is the version of the count.
    """

    posts: int = 0
    last_post: str = ""
    listed: bool = True
    counted: int = 0


@dataclass(frozen=True, slots=True)
class StatisticsShard:
    """The document `census:SHARD`: some of the people who are here."""

    lines: dict[str, AccountStatistics] = field(default_factory=dict)

    def with_account(self, person: str, line: AccountStatistics | None) -> StatisticsShard:
        """With what is true of somebody now; None for who is not here."""
        if self.lines.get(person) == line:
            return self
        others = {id: kept for id, kept in self.lines.items() if id != person}
        return replace(self, lines=others if line is None else {**others, person: line})

    def with_post_count(
        self, person: str, posts: int, last_post: str, version: int
    ) -> StatisticsShard:
        """With a newer count of somebody who is here."""
        line = self.lines.get(person)
        if line is None or version <= line.counted:
            return self
        counted = replace(line, posts=posts, last_post=last_post, counted=version)
        return self.with_account(person, counted)


def shard_key(person: str) -> str:
    """On which sheet somebody is. Above the sequence, the low bits of ids are random."""
    return str((int(person) >> 6) % SHARDS)


@dataclass(frozen=True, slots=True)
class InstanceStatistics:
    """Totals over all shards. `newest` and `active` list at most `_MAX_DIRECTORY` accounts."""

    users: int
    posts: int
    active_month: int
    active_half_year: int
    weeks: tuple[tuple[datetime, int], ...]
    newest: tuple[str, ...]
    active: tuple[str, ...]

    @classmethod
    def of(cls, sheets: Iterable[StatisticsShard], now: datetime) -> InstanceStatistics:
        """Count."""
        lines = {id: line for sheet in sheets for id, line in sheet.lines.items()}
        found = {id: line for id, line in lines.items() if line.listed}
        by_post = {line.last_post: id for id, line in found.items() if line.last_post}
        return cls(
            users=len(lines),
            posts=sum(line.posts for line in lines.values()),
            active_month=_active_since(lines.values(), now - timedelta(days=30)),
            active_half_year=_active_since(lines.values(), now - timedelta(days=180)),
            weeks=_weekly_registrations(lines, now),
            newest=tuple(sorted(found, reverse=True)[:_MAX_DIRECTORY]),
            active=tuple(by_post[post] for post in sorted(by_post, reverse=True)[:_MAX_DIRECTORY]),
        )


def _active_since(lines: Iterable[AccountStatistics], moment: datetime) -> int:
    first = first_id_at(moment)
    return sum(line.last_post >= first for line in lines)


def _weekly_registrations(people: Iterable[str], now: datetime) -> tuple[tuple[datetime, int], ...]:
    """How many came in each of the past weeks, the present one first."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight - timedelta(days=now.weekday(), weeks=ago) for ago in range(_WEEKS)]
    came = [id_time(person) for person in people]
    return tuple(
        (start, sum(start <= moment < start + timedelta(weeks=1) for moment in came))
        for start in starts
    )
