"""Trends: sets of accounts in bounded buckets, weighted by recency."""

from __future__ import annotations

import random

import pytest

from services.feed.domain.trending import (
    HALF_LIFE_HOURS,
    MAX_ENTRIES,
    MAX_FINGERPRINTS,
    WINDOW_HOURS,
    TrendBucket,
    estimate,
    fingerprint,
    rank,
    smallest_fingerprints,
)

NOW = 500_000


def prints(*accounts: object) -> set[int]:
    return {fingerprint(str(account)) for account in accounts}


def hours(**uses: dict[str, set[int]]) -> dict[int, dict[str, list[int]]]:
    """Return uses by their age in hours: `ago3={...}`."""
    return {
        NOW - int(ago.removeprefix("ago")): dict(TrendBucket().with_uses(names).entries)
        for ago, names in uses.items()
    }


def test_repeated_or_reordered_events_count_once() -> None:
    parts = [{"sea": prints(n, n + 1)} for n in range(20)] + [{"sun": prints(n)} for n in range(9)]
    once = TrendBucket()
    for part in parts:
        once = once.with_uses(part)
    again = TrendBucket()
    for part in random.Random(3).sample(parts * 2, len(parts) * 2):  # noqa: S311
        again = again.with_uses(part)
    assert again.entries == once.entries
    assert once.with_uses(parts[0]) is once


@pytest.mark.parametrize("accounts", [1, MAX_FINGERPRINTS - 1, 200, 5_000])
def test_the_number_of_accounts_is_exact_when_few_and_close_when_many(accounts: int) -> None:
    guesses = [
        estimate(smallest_fingerprints(prints(*(f"{seed}.{n}" for n in range(accounts)))))
        for seed in range(30)
    ]
    assert sum(guesses) / 30 == pytest.approx(
        accounts, rel=0.1 if accounts >= MAX_FINGERPRINTS else 0
    )


def test_a_bucket_keeps_what_most_used_and_of_the_rest_the_newest() -> None:
    bucket = TrendBucket().with_uses({"big": prints(*range(9))})
    bucket = bucket.with_uses({f"old{n}": prints(n) for n in range(MAX_ENTRIES)})
    bucket = bucket.with_uses({"new": prints(1)})
    assert len(bucket.entries) == MAX_ENTRIES
    assert {"big", "new"} <= bucket.entries.keys()


def test_nobody_makes_a_trend_alone() -> None:
    alone = hours(ago0={"sea": prints(1)}, ago1={"sea": prints(1)}, ago2={"sea": prints(1)})
    assert rank(alone, NOW) == []
    assert rank(hours(ago0={"sea": prints(1)}, ago1={"sea": prints(2)}), NOW) == ["sea"]


def test_what_is_older_weighs_less_and_what_is_too_old_nothing() -> None:
    assert rank(hours(ago0={"now": prints(1, 2)}, ago1={"before": prints(1, 2)}), NOW) == [
        "now",
        "before",
    ]
    much = {"much": prints(*range(5))}
    few = {"few": prints(8, 9)}
    assert rank(hours(ago0=few, **{f"ago{HALF_LIFE_HOURS}": much}), NOW)[0] == "much"
    assert rank(hours(ago0=few, **{f"ago{2 * HALF_LIFE_HOURS}": much}), NOW)[0] == "few"
    assert rank(hours(**{f"ago{WINDOW_HOURS}": much}), NOW) == []


def test_an_account_counts_once_when_it_was_last() -> None:
    busy = {f"ago{ago}": {"busy": prints(1, 2)} for ago in range(WINDOW_HOURS)}
    several = {"several": prints(3, 4, 5)}
    busy["ago0"] |= several
    assert rank(hours(**busy), NOW) == ["several", "busy"]


def test_many_more_accounts_weigh_more_than_are_kept() -> None:
    crowd = {
        "crowd": prints(*range(40 * MAX_FINGERPRINTS)),
        "group": prints(*range(MAX_FINGERPRINTS)),
    }
    assert rank(hours(ago0=crowd), NOW) == ["crowd", "group"]
