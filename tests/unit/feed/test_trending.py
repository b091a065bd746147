"""What trends: sets that count once, in buckets that stay small, and weigh less by the hour."""

from __future__ import annotations

import random

import pytest

from services.feed.trending import (
    ENTRIES,
    HALF_LIFE,
    HOURS,
    KEPT,
    Bucket,
    estimate,
    fingerprint,
    ranked,
    smallest,
)

NOW = 500_000


def prints(*accounts: object) -> set[int]:
    return {fingerprint(str(account)) for account in accounts}


def hours(**uses: dict[str, set[int]]) -> dict[int, dict[str, list[int]]]:
    """Uses by how many hours ago they were: `ago3={...}`."""
    return {
        NOW - int(ago.removeprefix("ago")): dict(Bucket().adding(names).entries)
        for ago, names in uses.items()
    }


def test_what_is_heard_twice_or_in_another_order_counts_once() -> None:
    parts = [{"sea": prints(n, n + 1)} for n in range(20)] + [{"sun": prints(n)} for n in range(9)]
    once = Bucket()
    for part in parts:
        once = once.adding(part)
    again = Bucket()
    for part in random.Random(3).sample(parts * 2, len(parts) * 2):  # noqa: S311
        again = again.adding(part)
    assert again.entries == once.entries
    assert once.adding(parts[0]) is once


@pytest.mark.parametrize("accounts", [1, KEPT - 1, 200, 5_000])
def test_the_number_of_accounts_is_exact_when_few_and_close_when_many(accounts: int) -> None:
    guesses = [
        estimate(smallest(prints(*(f"{seed}.{n}" for n in range(accounts))))) for seed in range(30)
    ]
    assert sum(guesses) / 30 == pytest.approx(accounts, rel=0.1 if accounts >= KEPT else 0)


def test_a_bucket_keeps_what_most_used_and_of_the_rest_the_newest() -> None:
    bucket = Bucket().adding({"big": prints(*range(9))})
    bucket = bucket.adding({f"old{n}": prints(n) for n in range(ENTRIES)})
    bucket = bucket.adding({"new": prints(1)})
    assert len(bucket.entries) == ENTRIES
    assert {"big", "new"} <= bucket.entries.keys()


def test_nobody_makes_a_trend_alone() -> None:
    alone = hours(ago0={"sea": prints(1)}, ago1={"sea": prints(1)}, ago2={"sea": prints(1)})
    assert ranked(alone, NOW) == []
    assert ranked(hours(ago0={"sea": prints(1)}, ago1={"sea": prints(2)}), NOW) == ["sea"]


def test_what_is_older_weighs_less_and_what_is_too_old_nothing() -> None:
    assert ranked(hours(ago0={"now": prints(1, 2)}, ago1={"before": prints(1, 2)}), NOW) == [
        "now",
        "before",
    ]
    much = {"much": prints(*range(5))}
    few = {"few": prints(8, 9)}
    assert ranked(hours(ago0=few, **{f"ago{HALF_LIFE}": much}), NOW)[0] == "much"
    assert ranked(hours(ago0=few, **{f"ago{2 * HALF_LIFE}": much}), NOW)[0] == "few"
    assert ranked(hours(**{f"ago{HOURS}": much}), NOW) == []


def test_an_account_counts_once_when_it_was_last() -> None:
    busy = {f"ago{ago}": {"busy": prints(1, 2)} for ago in range(HOURS)}
    several = {"several": prints(3, 4, 5)}
    busy["ago0"] |= several
    assert ranked(hours(**busy), NOW) == ["several", "busy"]


def test_many_more_accounts_weigh_more_than_are_kept() -> None:
    crowd = {"crowd": prints(*range(40 * KEPT)), "group": prints(*range(KEPT))}
    assert ranked(hours(ago0=crowd), NOW) == ["crowd", "group"]
