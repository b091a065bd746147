from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.errors import LoginThrottled
from services.auth.domain.login_throttle import (
    ATTEMPTS_TTL,
    MAX_DELAY,
    MAX_FREE_ATTEMPTS,
    LoginAttempts,
)


def hammered(times: list[int]) -> tuple[LoginAttempts, int]:
    attempts, let_in = LoginAttempts(), 0
    for now in sorted(times):
        try:
            attempts, let_in = attempts.record(now), let_in + 1
        except LoginThrottled:
            continue
    return attempts, let_in


def test_the_first_attempts_are_free_and_then_each_delay_doubles() -> None:
    attempts, waits, now = LoginAttempts(), [], 1000
    for _ in range(MAX_FREE_ATTEMPTS + 12):
        attempts = attempts.record(now)
        waits.append(attempts.delay)
        now += attempts.delay
    assert waits[: MAX_FREE_ATTEMPTS - 1] == [0] * (MAX_FREE_ATTEMPTS - 1)
    assert waits[MAX_FREE_ATTEMPTS - 1 :] == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[MAX_DELAY] * 4]


def test_a_day_of_guessing_yields_few_attempts() -> None:
    _, let_in = hammered(list(range(1000, 1000 + 24 * 3600)))
    assert let_in <= MAX_FREE_ATTEMPTS + 10 + 24 * 3600 // MAX_DELAY


@given(st.lists(st.integers(1000, 20_000), min_size=1, max_size=200))
def test_no_delay_exceeds_the_maximum(times: list[int]) -> None:
    attempts, _ = hammered(times)
    assert attempts.record(attempts.last + MAX_DELAY)


@given(st.lists(st.integers(1000, 2000), min_size=MAX_FREE_ATTEMPTS, max_size=60))
def test_the_reported_delay_is_the_actual_delay(times: list[int]) -> None:
    attempts, _ = hammered(times)
    if attempts.delay == 0:
        return
    with pytest.raises(LoginThrottled) as refusal:
        attempts.record(attempts.last)
    wait = refusal.value.details["retry_after"]
    with pytest.raises(LoginThrottled):
        attempts.record(attempts.last + wait - 1)
    assert attempts.record(attempts.last + wait)


def test_the_count_resets_after_an_hour() -> None:
    attempts, _ = hammered(list(range(1000, 3000)))
    assert attempts.record(attempts.last + ATTEMPTS_TTL) == LoginAttempts(
        1, attempts.last + ATTEMPTS_TTL
    )
