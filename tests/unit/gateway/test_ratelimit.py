"""How often somebody may ask."""

from __future__ import annotations

from services.gateway.ratelimit import Limiter


class Clock:
    now = 1_000_000.25

    def __call__(self) -> float:
        return self.now


def test_the_limit_holds_until_the_window_ends() -> None:
    clock = Clock()
    limiter = Limiter(3, 60, clock=clock)
    assert [limiter.hit("a").is_over for _ in range(5)] == [False, False, False, True, True]
    clock.now += 59
    assert limiter.hit("a").is_over
    clock.now += 2
    assert not limiter.hit("a").is_over


def test_everybody_is_counted_alone() -> None:
    limiter = Limiter(1, 60)
    assert not limiter.hit("a").is_over
    assert not limiter.hit("b").is_over
    assert limiter.hit("a").is_over


def test_memory_is_bounded_and_the_ended_are_forgotten() -> None:
    clock = Clock()
    limiter = Limiter(1, 60, remembered=100, clock=clock)
    for n in range(1000):
        limiter.hit(str(n))
    assert len(limiter) <= 101
    clock.now += 61
    limiter.hit("x")
    assert len(limiter) == 1


def test_headers_say_limit_what_is_left_and_when_it_ends() -> None:
    limiter = Limiter(2, 60, clock=Clock())
    said = [dict(limiter.hit("a").headers()) for _ in range(3)]
    assert [headers[b"x-ratelimit-remaining"] for headers in said] == [b"1", b"0", b"0"]
    assert said[0][b"x-ratelimit-limit"] == b"2"
    assert said[0][b"x-ratelimit-reset"] == b"1970-01-12T13:47:41.000Z"
