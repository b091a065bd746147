"""Entities that are kept for pages of notifications."""

from __future__ import annotations

from services.gateway.application.ready_pages import MAX_AGE, DocumentChanges
from services.gateway.application.rendered_entities import RenderedEntities, RenderedEntity


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def entities(max_bytes: int = 1 << 20) -> tuple[RenderedEntities, DocumentChanges, Clock]:
    clock = Clock()
    changes = DocumentChanges(clock)
    return RenderedEntities(changes, max_bytes), changes, clock


def entity(clock: Clock, *documents: str, body: bytes = b"{}") -> RenderedEntity:
    return RenderedEntity(body, documents, clock())


def test_an_entity_is_kept_until_one_of_its_documents_changes() -> None:
    kept, changes, clock = entities()
    kept.put("a", entity(clock, "post:1", "account:1"))
    kept.put("b", entity(clock, "post:2", "account:1"))
    assert kept.get_many(["a", "b", "a"]) == {"a": b"{}", "b": b"{}"}
    changes.add(["post:1"])
    assert kept.get_many(["a", "b"]) == {"b": b"{}"}
    assert (kept.hits, kept.misses) == (3, 1)


def test_an_entity_that_changed_while_it_was_read_is_not_kept() -> None:
    kept, changes, clock = entities()
    read = entity(clock, "post:1")
    changes.add(["post:1"])
    kept.put("a", read)
    assert kept.get_many(["a"]) == {}
    assert kept.size == 0


def test_what_is_old_is_read_again_and_what_soon_will_be_with_it() -> None:
    kept, _, clock = entities()
    kept.put("a", entity(clock, "post:1"))
    clock.time += MAX_AGE / 2 + 0.1
    kept.put("b", entity(clock, "post:2"))
    assert set(kept.get_many(["a", "b"])) == {"a", "b"}
    assert kept.oldest(["a", "b"]) == clock.time - MAX_AGE / 2 - 0.1
    assert set(kept.get_many(["a", "b", "c"])) == {"b"}
    clock.time += MAX_AGE / 2 - 0.05
    assert set(kept.get_many(["a", "b"])) == {"b"}
    assert kept.oldest([]) == clock.time


def test_the_memory_is_bounded() -> None:
    kept, _, clock = entities(max_bytes=10_000)
    for number in range(100):
        kept.put(number, entity(clock, "post:1", body=b"x" * 500))
    assert 0 < kept.size <= 10_000
    kept.put("large", entity(clock, body=b"x" * 20_000))
    assert kept.get_many(["large"]) == {}
