"""Statistics of the instance, from one record for each account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.chassis.ids import first_id_at, id_time

SHARDS = 256
_WEEKS = 12
_MAX_DIRECTORY = 1_000


@dataclass(frozen=True, slots=True)
class AuthorPostCount:
    """The document `posted:ID`: the number and the newest of an account's posts.

    `version` is the version of the count in the posts service.
    """

    total: int = 0
    last_post: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class AccountStatistics:
    """An account: its number of posts, the newest, and whether the directory lists it.

    `counted` is the version of the post count.
    """

    posts: int = 0
    last_post: str = ""
    listed: bool = True
    counted: int = 0

    @property
    def count(self) -> AuthorPostCount:
        """The post count."""
        return AuthorPostCount(self.posts, self.last_post, self.counted)

    def with_count(self, count: AuthorPostCount) -> AccountStatistics:
        """Return the account with a post count, unless it has one that is as new."""
        if count.version <= self.counted:
            return self
        return replace(self, posts=count.total, last_post=count.last_post, counted=count.version)

    def merged_with(self, other: AccountStatistics) -> AccountStatistics:
        """Return the account of two records, which is listed only if both say so."""
        return replace(self.with_count(other.count), listed=self.listed and other.listed)


@dataclass(frozen=True, slots=True)
class StatisticsShard:
    """The document `census:SHARD`: some of the accounts."""

    lines: dict[str, AccountStatistics] = field(default_factory=dict)

    def with_account(self, id: str, account: AccountStatistics | None) -> StatisticsShard:
        """Return the shard with the state of an account; None removes it.

        A newer post count, which came since the account was read, stays.
        """
        kept = self.lines.get(id)
        if account is not None and kept is not None:
            account = account.with_count(kept.count)
        if kept == account:
            return self
        others = {other: kept for other, kept in self.lines.items() if other != id}
        return replace(self, lines=others if account is None else {**others, id: account})

    def with_post_count(self, id: str, count: AuthorPostCount) -> StatisticsShard:
        """Return the shard with a newer post count, if it has the account."""
        account = self.lines.get(id)
        return self.with_account(id, account.with_count(count)) if account else self


def shard_key(id: str) -> str:
    """Return the shard of an account, by the millisecond in which its id was made."""
    return str((int(id) >> 16) % SHARDS)


def former_shard_key(id: str) -> str:
    """Return the shard in which 0.1.0 kept an account: one for all that a process of auth made."""
    return str((int(id) >> 6) % SHARDS)


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
    def of(cls, shards: Iterable[StatisticsShard], now: datetime) -> InstanceStatistics:
        """Compute the statistics."""
        accounts = _merged(shards)
        listed = {id: account for id, account in accounts.items() if account.listed}
        by_post = {account.last_post: id for id, account in listed.items() if account.last_post}
        return cls(
            users=len(accounts),
            posts=sum(account.posts for account in accounts.values()),
            active_month=_active_since(accounts.values(), now - timedelta(days=30)),
            active_half_year=_active_since(accounts.values(), now - timedelta(days=180)),
            weeks=_weekly_registrations(accounts, now),
            newest=tuple(sorted(listed, reverse=True)[:_MAX_DIRECTORY]),
            active=tuple(by_post[post] for post in sorted(by_post, reverse=True)[:_MAX_DIRECTORY]),
        )


def _merged(shards: Iterable[StatisticsShard]) -> dict[str, AccountStatistics]:
    """Return all accounts. One that moves to another shard is in both for a moment.

    A replica of the release before may change the record in the former one later.
    """
    accounts: dict[str, AccountStatistics] = {}
    for shard in shards:
        for id, account in shard.lines.items():
            kept = accounts.get(id)
            accounts[id] = account.merged_with(kept) if kept else account
    return accounts


def _active_since(accounts: Iterable[AccountStatistics], moment: datetime) -> int:
    first = first_id_at(moment)
    return sum(account.last_post >= first for account in accounts)


def _weekly_registrations(ids: Iterable[str], now: datetime) -> tuple[tuple[datetime, int], ...]:
    """Return the start and the registrations of each past week, the present week first."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight - timedelta(days=now.weekday(), weeks=ago) for ago in range(_WEEKS)]
    registered = [id_time(id) for id in ids]
    return tuple(
        (start, sum(start <= moment < start + timedelta(weeks=1) for moment in registered))
        for start in starts
    )
