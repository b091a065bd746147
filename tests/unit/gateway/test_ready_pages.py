"""Ready pages: bounded in bytes, and never older than what is known of their documents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.chassis.cache import DEFAULT_TTL
from services.chassis.consuming.events import Event, parse_cloud_event
from services.chassis.ids import utc_now
from services.clients.base import CacheAge
from services.contracts.events import FEED_INVALIDATED
from services.contracts.invalidations import Invalidation
from services.gateway.application import ready_pages
from services.gateway.application.ready_pages import MAX_AGE, MAX_KEPT, ReadyPage, ReadyPages


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


def pages(max_bytes: int = 1 << 20) -> tuple[ReadyPages, Clock]:
    clock = Clock()
    return ReadyPages(max_bytes, clock, frozenset({"feed"})), clock


def page(read_at: float, *documents: str, body: bytes = b"[]") -> ReadyPage:
    return ReadyPage([], body, documents, read_at, read_at)


def message(
    sequence: int,
    documents: Sequence[str] = (),
    *,
    stream: str = "a",
    everything: bool = False,
    source: str = "feed",
    seconds_ago: float = 0.0,
) -> Event[Invalidation]:
    data = Invalidation(documents=list(documents), everything=everything)
    envelope = parse_cloud_event(
        {
            "id": f"{stream}@{sequence}",
            "type": FEED_INVALIDATED.name,
            "source": source,
            "subject": stream,
            "time": (utc_now() - timedelta(seconds=seconds_ago)).isoformat(),
            "stream": stream,
            "sequence": sequence,
            "entityversion": sequence,
            "data": data.model_dump(),
        }
    )
    return Event(envelope, data)


def test_a_change_drops_the_pages_that_depend_on_it_and_no_other() -> None:
    kept, clock = pages()
    kept.put("ada", page(clock(), "home:1", "post:1"))
    kept.put("ben", page(clock(), "home:2", "post:1"))
    kept.put("eve", page(clock(), "home:3", "post:2"))
    clock.advance(0.1)
    kept.changed(["post:1"])
    assert [kept.get(key) is not None for key in ("ada", "ben", "eve")] == [False, False, True]


def test_a_page_is_not_kept_if_a_document_of_it_changed_while_it_was_read() -> None:
    kept, clock = pages()
    read_at = clock()
    clock.advance(0.1)
    kept.changed(["post:1"])
    clock.advance(0.1)
    kept.put("ada", page(read_at, "post:1"))
    assert kept.get("ada") is None
    kept.put("ada", page(read_at, "post:2"))
    assert kept.get("ada") is not None


def test_a_change_in_the_moment_of_reading_counts_as_later() -> None:
    kept, clock = pages()
    kept.changed(["post:1"])
    kept.put("ada", page(clock(), "post:1"))
    assert kept.get("ada") is None


def test_a_page_is_read_again_when_it_is_too_old() -> None:
    kept, clock = pages()
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE)
    assert kept.get("ada") is not None
    clock.advance(0.01)
    assert kept.get("ada") is None


def test_a_page_that_was_read_just_after_a_change_lives_as_long_as_caches_of_services() -> None:
    kept, clock = pages()
    kept.changed(["post:1"])
    clock.advance(DEFAULT_TTL / 2)
    kept.put("ada", page(clock(), "post:1"))
    assert kept.get("ada") is not None
    clock.advance(DEFAULT_TTL / 2)
    assert kept.get("ada") is None
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE)
    assert kept.get("ada") is not None


def test_pages_are_bounded_in_bytes_and_the_least_recently_used_go_first() -> None:
    one = page(100.0, body=b"x" * 5_000)
    kept, _ = pages(3 * one.size)
    for key in ("a", "b", "c"):
        kept.put(key, one)
    kept.get("a")
    kept.put("d", one)
    assert [kept.get(key) is not None for key in "abcd"] == [True, False, True, True]
    assert kept.bytes <= 3 * one.size
    kept.put("huge", page(100.0, body=b"x" * 50_000))
    assert kept.get("huge") is None
    assert len(kept) == 3


def test_changes_are_forgotten_with_the_pages_that_could_depend_on_them() -> None:
    kept, clock = pages()
    for number in range(100):
        kept.changed([f"post:{number}"])
        clock.advance(1.0)
    assert len(kept.changes) <= MAX_KEPT + DEFAULT_TTL + 1


def test_too_many_changes_drop_the_pages_that_are_older_than_those_that_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready_pages, "MAX_CHANGES", 3)
    kept, clock = pages()
    kept.put("ada", page(clock(), "post:x"))
    kept.changed(["post:1"])
    clock.advance(DEFAULT_TTL + 0.1)
    kept.put("ben", page(clock(), "post:y"))
    kept.changed(["post:2", "post:3"])
    assert kept.get("ada") is not None
    kept.changed(["post:4"])
    assert len(kept.changes) == 3
    assert kept.get("ada") is None, "post:1 changed after its reading, which is forgotten"
    assert kept.get("ben") is not None
    clock.advance(0.1)
    kept.put("eve", page(clock(), "post:2"))
    kept.changed(["post:5"])
    assert kept.get("eve") is None, "its service may have cached post:2 before that changed"


async def test_messages_in_order_drop_what_they_name() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(0.1)
    kept.put("ada", page(clock(), "post:1"))
    kept.put("ben", page(clock(), "post:2"))
    clock.advance(0.1)
    await kept.invalidated(message(2, ["post:1"]))
    assert kept.get("ada") is None
    assert kept.get("ben") is not None


async def test_a_missing_message_drops_everything() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(0.1)
    kept.put("ben", page(clock(), "post:2"))
    read_at = clock()
    clock.advance(0.1)
    await kept.invalidated(message(3, ["post:1"]))
    assert kept.get("ben") is None
    kept.put("ada", page(read_at, "post:3"))  # was read before it was known
    assert kept.get("ada") is None


async def test_a_late_or_repeated_message_drops_what_it_names_and_is_no_gap() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    await kept.invalidated(message(3))
    clock.advance(0.1)
    kept.put("ada", page(clock(), "post:1"))
    kept.put("ben", page(clock(), "post:2"))
    clock.advance(0.1)
    await kept.invalidated(message(2, ["post:1"]))
    assert kept.get("ada") is None
    assert kept.get("ben") is not None
    await kept.invalidated(message(3))
    await kept.invalidated(message(4))
    assert kept.get("ben") is not None


async def test_a_new_stream_drops_everything_and_several_streams_go_side_by_side() -> None:
    kept, clock = pages()
    await kept.invalidated(message(7, stream="a"))
    clock.advance(0.1)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(0.1)
    await kept.invalidated(message(1, stream="b"))  # a producer that took over from another one
    assert kept.get("ada") is None
    clock.advance(0.1)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(0.1)
    await kept.invalidated(message(8, stream="a"))
    await kept.invalidated(message(2, stream="b"))
    assert kept.get("ada") is not None


async def test_a_producer_may_say_that_everything_changed() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(0.1)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(0.1)
    await kept.invalidated(message(2, everything=True))
    assert kept.get("ada") is None


async def test_who_waits_for_a_change_goes_on_when_a_producer_reports_it() -> None:
    kept, _ = pages()
    order = []

    async def act() -> None:
        async with kept.reported("reader:ada"):
            order.append("acted")
        order.append("went on")

    waiting = asyncio.create_task(act())
    await asyncio.sleep(0)
    await kept.invalidated(message(1, ["reader:ben"]))
    await asyncio.sleep(0)
    assert order == ["acted"]
    await kept.invalidated(message(2, ["reader:ada"]))
    await waiting
    assert order == ["acted", "went on"]
    assert not kept._awaited


async def test_a_change_that_nobody_reports_is_waited_for_no_longer_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready_pages, "MAX_WAIT", 0.01)
    kept, _ = pages()
    async with kept.reported("reader:ada"):
        pass
    assert not kept._awaited


async def test_an_action_that_fails_is_not_waited_for() -> None:
    kept, _ = pages()
    with pytest.raises(RuntimeError):
        async with kept.reported("reader:ada"):
            raise RuntimeError
    assert not kept._awaited


def test_a_page_is_as_old_as_its_oldest_part() -> None:
    kept, clock = pages()
    kept.put("ada", ReadyPage([], b"[]", ("home:1",), clock(), clock() - 3.0))
    clock.advance(MAX_AGE - 3.0)
    assert kept.get("ada") is not None
    clock.advance(0.1)
    assert kept.get("ada") is None


async def test_the_service_may_have_cached_what_only_its_own_process_changed() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    await kept.invalidated(message(1, stream="b"))
    clock.advance(DEFAULT_TTL + 1)
    changes, documents = kept.changes, ["reader:1", "home:1"]
    assert changes.cache_age(documents, "feed") == CacheAge(DEFAULT_TTL, "", DEFAULT_TTL)
    await kept.invalidated(message(2, ["home:1", "home:2"]))
    clock.advance(0.5)
    assert changes.cache_age(documents, "feed") == CacheAge(DEFAULT_TTL, "a", 0.5)
    assert changes.cache_age(["reader:1"], "feed") == CacheAge(DEFAULT_TTL, "", DEFAULT_TTL)
    await kept.invalidated(message(2, ["reader:1"], stream="b"))
    clock.advance(0.25)
    assert changes.cache_age(documents, "feed") == CacheAge(0.25, "", DEFAULT_TTL), "two processes"
    await kept.invalidated(message(3, ["reader:1"], stream="b"))
    assert changes.cache_age(["reader:1"], "feed").writer == "b"


async def test_one_process_that_takes_over_a_document_has_read_it_since() -> None:
    kept, clock = pages()
    for stream in "ab":
        await kept.invalidated(message(1, stream=stream))
    clock.advance(DEFAULT_TTL + 1)
    await kept.invalidated(message(2, ["home:1"], stream="a"))
    clock.advance(0.5)
    await kept.invalidated(message(2, ["home:1"], stream="b"))
    clock.advance(0.25)
    assert kept.changes.cache_age(["home:1"], "feed") == CacheAge(0.75, "b", 0.25)


async def test_a_process_that_alone_writes_may_have_cached_everything() -> None:
    kept, clock = pages()
    changes, documents = kept.changes, ["reader:1", "home:1"]
    await kept.invalidated(message(1))
    for n in range(2, 40):
        clock.advance(2.0)
        await kept.invalidated(message(n))
        age = changes.cache_age(documents, "feed")
        assert (age.writer, age.alone) == ("a", min(MAX_KEPT, 2.0 * (n - 1)))
    assert changes.cache_age(documents, "notifications").alone == 0
    kept.changed(["reader:1"])
    assert changes.cache_age(documents, "feed").alone == 0, "another process may have done it"
    assert changes.cache_age(["home:2"], "feed").alone == MAX_KEPT
    documents = ["home:2"]
    clock.advance(MAX_AGE + 0.1)
    assert changes.cache_age(documents, "feed").alone == 0, "it is silent"
    await kept.invalidated(message(40))
    assert changes.cache_age(documents, "feed").alone == MAX_KEPT


async def test_a_process_is_alone_only_since_the_last_message_that_was_lost() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(3.0)
    await kept.invalidated(message(2))
    clock.advance(3.0)
    await kept.invalidated(message(4))
    clock.advance(1.0)
    assert kept.changes.cache_age(["home:1"], "feed").alone == 1.0


async def test_a_process_is_not_alone_beside_one_whose_clock_is_far_behind() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    await kept.invalidated(message(1, stream="b", seconds_ago=3_600.0))
    clock.advance(1.0)
    await kept.invalidated(message(2))
    assert kept.changes.cache_age(["home:1"], "feed").alone == 0


async def test_a_process_is_not_alone_until_the_other_one_was_silent_for_a_minute() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(2.0)
    await kept.invalidated(message(1, stream="b"))
    for n in range(2, 40):
        clock.advance(3.5)
        await kept.invalidated(message(n))
        age = kept.changes.cache_age(["home:1"], "feed")
        assert age.alone == (0 if 3.5 * (n - 1) <= MAX_KEPT else MAX_KEPT)


async def test_a_write_of_the_reader_and_a_lost_message_need_what_was_read_since() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL + 1)
    kept.changed(["reader:1"])
    clock.advance(0.25)
    assert kept.changes.cache_age(["reader:1", "home:1"], "feed").max_age == 0.25
    assert kept.changes.cache_age(["reader:2"], "feed").max_age == DEFAULT_TTL
    await kept.invalidated(message(3))
    clock.advance(0.125)
    assert kept.changes.cache_age(["reader:2"], "feed").max_age == 0.125


async def test_as_long_as_messages_come_a_page_is_kept_for_longer() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    read_at, sequence = clock(), 1
    while clock() + 4.0 - read_at <= MAX_KEPT:
        clock.advance(4.0)
        sequence += 1
        await kept.invalidated(message(sequence))
        assert kept.get("ada") is not None
    clock.advance(4.0)
    await kept.invalidated(message(sequence + 1))
    assert kept.get("ada") is None, "read again after a minute, whatever is known"


async def test_if_no_message_comes_for_a_while_the_last_one_may_be_lost() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(4.0)
    await kept.invalidated(message(2))
    clock.advance(MAX_AGE - 0.1)
    assert kept.get("ada") is not None
    clock.advance(0.2)
    assert kept.get("ada") is None
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE)
    assert kept.get("ada") is not None, "it is new itself"


async def test_every_producer_that_was_heard_lately_must_go_on() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1, stream="a"))
    await kept.invalidated(message(1, stream="b"))
    sequence = 1

    async def only_a_goes_on(seconds: float) -> None:
        nonlocal sequence
        for _ in range(int(seconds / 4.0)):
            clock.advance(4.0)
            sequence += 1
            await kept.invalidated(message(sequence, stream="a"))

    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    await only_a_goes_on(8.0)
    assert kept.get("ada") is None, "b has been silent"
    await only_a_goes_on(MAX_KEPT)
    kept.put("ada", page(clock(), "post:1"))
    await only_a_goes_on(8.0)
    assert kept.get("ada") is not None, "b is gone, and nothing is kept from when it was there"
    await kept.invalidated(message(3, stream="b"))
    assert kept.get("ada") is None, "it was there all the time"


async def test_every_producer_must_be_heard() -> None:
    clock = Clock()
    kept = ReadyPages(1 << 20, clock)
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE + 0.1)
    await kept.invalidated(message(2))
    assert kept.get("ada") is None, "notifications was never heard"
    await kept.invalidated(message(1, stream="b", source="notifications"))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    for sequence in (3, 4):
        clock.advance(4.0)
        await kept.invalidated(message(sequence))
        await kept.invalidated(message(sequence - 1, stream="b", source="notifications"))
    assert kept.get("ada") is not None


async def test_a_message_says_what_is_missing_until_it_was_sent() -> None:
    kept, clock = pages()
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(4.0)
    await kept.invalidated(message(2, seconds_ago=3.0))
    clock.advance(1.9)
    assert kept.get("ada") is not None
    clock.advance(0.2)
    assert kept.get("ada") is None


async def test_a_service_that_is_not_heard_any_more_is_not_replaced_by_another_one() -> None:
    clock = Clock()
    kept = ReadyPages(1 << 20, clock)
    await kept.invalidated(message(1, stream="a"))
    await kept.invalidated(message(1, stream="b", source="notifications"))
    clock.advance(MAX_KEPT + 0.1)
    await kept.invalidated(message(2, stream="b", source="notifications"))
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE)
    assert kept.get("ada") is not None
    await kept.invalidated(message(3, stream="b", source="notifications"))
    clock.advance(0.1)
    assert kept.get("ada") is None


async def test_a_late_message_does_not_say_that_none_is_missing() -> None:
    kept, clock = pages()
    await kept.invalidated(message(2))
    clock.advance(DEFAULT_TTL)
    kept.put("ada", page(clock(), "post:1"))
    clock.advance(MAX_AGE)
    await kept.invalidated(message(1))
    clock.advance(DEFAULT_TTL)
    assert kept.get("ada") is None
