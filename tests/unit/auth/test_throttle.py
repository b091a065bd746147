from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.refusals import Throttled
from services.auth.domain.throttle import FORGET, FREE, LONGEST, Attempts


def hammered(times: list[int]) -> tuple[Attempts, int]:
    attempts, let_in = Attempts(), 0
    for now in sorted(times):
        try:
            attempts, let_in = attempts.another(now), let_in + 1
        except Throttled:
            continue
    return attempts, let_in


def test_a_few_guesses_are_free_and_then_each_wait_is_twice_the_last() -> None:
    attempts, waits, now = Attempts(), [], 1000
    for _ in range(FREE + 12):
        attempts = attempts.another(now)
        waits.append(attempts.wait)
        now += attempts.wait
    assert waits[: FREE - 1] == [0] * (FREE - 1)
    assert waits[FREE - 1 :] == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[LONGEST] * 4]


def test_who_hammers_for_a_day_gets_few_guesses() -> None:
    _, let_in = hammered(list(range(1000, 1000 + 24 * 3600)))
    assert let_in <= FREE + 10 + 24 * 3600 // LONGEST


@given(st.lists(st.integers(1000, 20_000), min_size=1, max_size=200))
def test_nobody_is_locked_out_longer_than_the_longest_wait(times: list[int]) -> None:
    attempts, _ = hammered(times)
    assert attempts.another(attempts.last + LONGEST)


@given(st.lists(st.integers(1000, 2000), min_size=FREE, max_size=60))
def test_the_wait_that_is_told_is_the_wait(times: list[int]) -> None:
    attempts, _ = hammered(times)
    if attempts.wait == 0:
        return
    with pytest.raises(Throttled) as refusal:
        attempts.another(attempts.last)
    wait = refusal.value.details["retry_after"]
    with pytest.raises(Throttled):
        attempts.another(attempts.last + wait - 1)
    assert attempts.another(attempts.last + wait)


def test_an_hour_of_peace_forgets_all() -> None:
    attempts, _ = hammered(list(range(1000, 3000)))
    assert attempts.another(attempts.last + FORGET) == Attempts(1, attempts.last + FORGET)
