from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.refusals import Throttled
from services.auth.domain.throttle import MOST, WINDOW, Attempts


def hammered(times: list[int]) -> tuple[Attempts, int]:
    attempts, let_in = Attempts(), 0
    for now in sorted(times):
        try:
            attempts, let_in = attempts.another(now), let_in + 1
        except Throttled:
            continue
    return attempts, let_in


@given(st.lists(st.integers(1000, 1000 + WINDOW - 1), max_size=60))
def test_no_window_lets_in_more_than_ten_guesses(times: list[int]) -> None:
    assert hammered(times)[1] == min(len(times), MOST)


@given(st.lists(st.integers(1000, 5000), min_size=1, max_size=200))
def test_nobody_is_locked_out_longer_than_a_window_by_hammering(times: list[int]) -> None:
    attempts, _ = hammered(times)
    assert attempts.another(max(attempts.at) + WINDOW)


def test_the_wait_that_is_told_is_the_wait() -> None:
    attempts, _ = hammered(list(range(1000, 1000 + MOST)))
    with pytest.raises(Throttled) as refusal:
        attempts.another(1100)
    wait = refusal.value.details["retry_after"]
    with pytest.raises(Throttled):
        attempts.another(1100 + wait - 1)
    assert attempts.another(1100 + wait)
