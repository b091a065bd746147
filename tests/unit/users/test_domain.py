"""The rules of people, names and stances, without anything around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.chassis.ids import first_id_at
from services.shared.text import graphemes
from services.users.domain import edges
from services.users.domain.edges import REMEMBERED, Edge, Manner, Place, Terms
from services.users.domain.names import (
    LONGEST,
    MOST_IN_BUCKET,
    Bucket,
    Entry,
    Indexed,
    Query,
    answers,
    entries_of,
    keys,
    ranked,
)
from services.users.domain.profiles import (
    Changes,
    Field,
    Profile,
    changed,
    new_profile,
    tombstone,
)

ANNA = new_profile("114906321984512345", "Anna_B")
BLANK = Edge("1", "2")
NOW = "2025-07-24T09:12:44.120Z"


# ── profiles ────────────────────────────────────────────────────────────────────────────────


def test_a_profile_was_made_when_its_id_was() -> None:
    made = new_profile(first_id_at(datetime(2025, 7, 24, 9, 12, 44, 120_000, UTC)), "x")
    assert made.created_at == "2025-07-24T09:12:44.120Z"


def test_only_what_is_given_changes() -> None:
    said = changed(ANNA, Changes(display_name="Anna", note="Hi", locked=True))
    assert said == replace(ANNA, display_name="Anna", note="Hi", locked=True)
    assert changed(said, Changes()) == said
    assert changed(said, Changes(locked=False, note="")) == replace(said, locked=False, note="")


@pytest.mark.parametrize(
    "changes",
    [
        Changes(display_name="x" * 31),
        Changes(note="x" * 501),
        Changes(note="x" * 477 + " https://example.org/"),
        Changes(fields=tuple(Field(str(n), "v") for n in range(5))),
        Changes(fields=(Field("x" * 256, "v"),)),
        Changes(fields=(Field("n", "x" * 256),)),
        Changes(avatar="../../etc/passwd"),
        Changes(avatar="a/b.png"),
        Changes(header=".hidden"),
        Changes(avatar="x" * 101),
        Changes(default_visibility="everybody"),
        Changes(default_language="klingon!"),
    ],
)
def test_what_breaks_a_rule_is_refused(changes: Changes) -> None:
    with pytest.raises(Invalid):
        changed(ANNA, changes)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(display_name="x" * 30),
        Changes(note="é" * 500),
        Changes(note="x" * 476 + " https://example.org/" + "y" * 500),
        Changes(note="@anna@example.org " + "x" * 494, display_name="\U0001f1e9\U0001f1ea" * 30),
        Changes(fields=tuple(Field(str(n), "x" * 255) for n in range(4))),
        Changes(avatar="9f2c4e-small.webp", header=""),
        Changes(default_visibility="private", default_language="pt-BR"),
    ],
)
def test_what_keeps_the_rules_is_taken(changes: Changes) -> None:
    changed(ANNA, changes)


def test_text_loses_what_cannot_be_seen_and_keeps_lines_where_there_may_be_some() -> None:
    said = changed(ANNA, Changes(display_name=" A\n\x00na ", note="one\r\ntwo\x07 ", fields=()))
    assert said.display_name == "A na"
    assert said.note == "one\ntwo"


def test_empty_fields_are_left_out() -> None:
    said = changed(ANNA, Changes(fields=(Field("", " "), Field("Home", "x"), Field("", ""))))
    assert said.fields == (Field("Home", "x"),)


@given(st.text(max_size=40))
def test_any_text_is_either_refused_or_fit_to_be_shown(text: str) -> None:
    try:
        said = changed(ANNA, Changes(display_name=text))
    except Invalid:
        return
    assert graphemes(said.display_name) <= 30
    assert "\n" not in said.display_name
    assert "\x00" not in said.display_name


def test_a_tombstone_says_nothing() -> None:
    left = tombstone(ANNA.id)
    assert (left.username, left.display_name, left.note, left.deleted) == ("", "", "", True)


# ── edges ───────────────────────────────────────────────────────────────────────────────────


def test_following_somebody_open_is_following() -> None:
    edge = edges.follow(BLANK, Terms(), Manner(notify=True), "10")
    assert edge.following
    assert not edge.requested
    assert edge.notify
    assert edge.follow.id == "10"


def test_following_again_changes_nothing_but_the_manner() -> None:
    once = edges.follow(BLANK, Terms(), Manner(), "10")
    assert edges.follow(once, Terms(), Manner(), "11") == once
    again = edges.follow(once, Terms(), Manner(reblogs=False), "11")
    assert again == replace(once, show_reblogs=False)


def test_following_somebody_locked_is_asking() -> None:
    asked = edges.follow(BLANK, Terms(locked=True), Manner(), "10")
    assert asked.requested
    assert not asked.following
    let_in = edges.accept(asked, "11")
    assert let_in.following
    assert not let_in.requested
    assert edges.accept(let_in, "12") == let_in
    turned_down = edges.reject(asked)
    assert not turned_down.requested
    assert not turned_down.following
    assert edges.reject(turned_down) == turned_down


def test_who_follows_stays_so_when_the_target_locks() -> None:
    edge = edges.follow(BLANK, Terms(), Manner(), "10")
    assert edges.follow(edge, Terms(locked=True), Manner(), "11") == edge


@pytest.mark.parametrize("decide", [edges.reject, lambda edge: edges.accept(edge, "1")])
def test_nobody_is_let_in_or_turned_down_who_did_not_ask(
    decide: Callable[[Edge | None], Edge],
) -> None:
    for edge in (None, BLANK):
        with pytest.raises(NotFound):
            decide(edge)


def test_nobody_follows_themself_or_across_a_block() -> None:
    with pytest.raises(Forbidden, match="yourself"):
        edges.refuse_oneself("1", "1", "follow")
    with pytest.raises(Forbidden, match="blocked you"):
        edges.follow(BLANK, Terms(blocked=True), Manner(), "10")
    with pytest.raises(Forbidden, match="unblock"):
        edges.follow(edges.block(BLANK, "9", 0), Terms(), Manner(), "10")


def test_there_is_an_end_to_following() -> None:
    with pytest.raises(Invalid, match="7500"):
        edges.follow(BLANK, Terms(followed=7_500), Manner(), "10")
    followed = edges.follow(BLANK, Terms(followed=7_499), Manner(), "10")
    assert edges.follow(followed, Terms(followed=7_500), Manner(), "11") == followed


def test_there_is_an_end_to_blocking_and_muting() -> None:
    most = edges.MOST_BLOCKED
    with pytest.raises(Invalid, match="You block 5000 people"):
        edges.block(BLANK, "10", most)
    blocked = edges.block(BLANK, "10", most - 1)
    assert edges.block(blocked, "11", most) == blocked
    forever = partial(edges.mute, notifications=True, until=None)
    with pytest.raises(Invalid, match="You mute 5000 people"):
        forever(BLANK, "10", edges.MOST_MUTED)
    muted = forever(BLANK, "10", edges.MOST_MUTED - 1)
    assert forever(muted, "11", edges.MOST_MUTED) == muted


def test_a_block_ends_a_follow_and_unblocking_does_not_bring_it_back() -> None:
    edge = edges.block(edges.follow(BLANK, Terms(), Manner(), "10"), "11", 0)
    assert edge.blocking
    assert not edge.following
    assert not edges.unblock(edge).following


def test_a_mute_can_end_by_itself() -> None:
    edge = edges.mute(BLANK, "10", 0, notifications=True, until="2025-01-01T00:00:00.000Z")
    assert edge.muting("2024-12-31T23:59:59.999Z")
    assert not edge.muting(NOW)
    assert edges.mute(BLANK, "10", 0, notifications=False, until=None).muting(NOW)
    assert edges.unmute(edge).muted_until is None


def test_a_note_is_kept_and_bounded() -> None:
    assert edges.annotate(BLANK, "x" * 2_000, "10").note == "x" * 2_000
    with pytest.raises(Invalid):
        edges.annotate(BLANK, "x" * 2_001, "10")


def test_settling_parts_people_and_opens_what_is_no_longer_locked() -> None:
    follows = edges.follow(BLANK, Terms(), Manner(), "10")
    asks = edges.follow(BLANK, Terms(locked=True), Manner(), "10")
    blocks = edges.block(Edge("2", "1"), "11", 0)
    reverse = Edge("2", "1")
    assert not edges.settle(follows, blocks, locked=False, id="12").following
    assert not edges.settle(asks, blocks, locked=True, id="12").requested
    assert edges.settle(asks, reverse, locked=False, id="12").following
    assert edges.settle(asks, reverse, locked=True, id="12") == asks
    assert edges.settle(follows, reverse, locked=True, id="12") == follows


def test_a_relationship_shows_a_block_at_once() -> None:
    follows = edges.follow(BLANK, Terms(), Manner(), "10")
    seen = edges.relationship(follows, edges.block(Edge("2", "1"), "11", 0), NOW)
    assert (seen.id, seen.following, seen.showing_reblogs, seen.blocked_by) == (
        "2",
        False,
        False,
        True,
    )


@given(st.lists(st.booleans(), max_size=30))
def test_a_place_never_forgets_an_id_it_had(takes: list[bool]) -> None:
    place, had = Place(), set()
    for number, take in enumerate(takes, start=1):
        place = place.take(str(number)) if take else place.leave()
        if place.id:
            had.add(place.id)
        now = {place.id} if place.taken else set()
        assert {*place.stale} | now == had
        assert not {*place.stale} & now
    assert len(place.former) <= REMEMBERED


# ── names ───────────────────────────────────────────────────────────────────────────────────


def person(id: str, username: str, display_name: str = "") -> Profile:
    return replace(new_profile(id, username), display_name=display_name)


def found(text: str, *people: Profile) -> list[str]:
    buckets: dict[str, Bucket] = {}
    for one in people:
        for entry in entries_of(one):
            first = keys(entry.term)[0]
            buckets[first] = buckets.get(first, Bucket()).with_entry(entry)
    query = Query.of(text)
    exact = [one.id for one in people if one.username.lower() == query.handle]
    by_id = {one.id: one for one in people}
    ids = ranked(query, buckets, exact[0] if exact else "")
    assert all(answers(query, by_id[id]) for id in ids)
    return [by_id[id].username for id in ids]


def test_the_exact_handle_comes_first_then_handles_then_names() -> None:
    crowd = [
        person("1", "zoe", "Anna Zoe"),
        person("2", "annabel"),
        person("3", "Anna"),
        person("4", "annalisa", "Anna"),
        person("5", "ben", "Ben"),
    ]
    assert found("anna", *crowd) == ["Anna", "annabel", "annalisa", "zoe"]
    assert found("@ANNA", *crowd) == ["Anna", "annabel", "annalisa", "zoe"]
    assert found("@anna@example.org", *crowd)[0] == "Anna"
    assert found("zo", *crowd) == ["zoe"]
    assert found("anna zo", *crowd) == ["zoe"]
    assert found("nobody", *crowd) == []
    assert found("  ", *crowd) == []
    assert found("!?", *crowd) == []


def test_accents_and_case_do_not_matter() -> None:
    assert found("bergstrom", person("1", "ab", "Anna Bergström")) == ["ab"]
    assert found("BERGSTRÖM", person("1", "ab", "Anna bergstrom")) == ["ab"]
    assert found("山田", person("1", "yamada", "山田太郎")) == ["yamada"]


def test_a_part_of_a_name_is_found_in_scripts_without_blanks() -> None:
    yamada, other = person("1", "yamada", "山田太郎 Taro"), person("2", "anna", "Annabel")
    for part in ("山田", "太郎", "田", "郎", "山田太郎", "太郎 ta"):
        assert found(part, yamada, other) == ["yamada"], part
    assert found("郎太", yamada, other) == found("bel", yamada, other) == []


def test_who_does_not_want_to_be_discovered_is_found_by_the_exact_handle_alone() -> None:
    shy = replace(person("1", "anna", "Anna"), discoverable=False)
    assert found("ann", shy) == []
    assert found("anna", shy) == ["anna"]
    assert entries_of(tombstone("1")) == ()


def test_a_bucket_is_bounded() -> None:
    bucket = Bucket()
    for number in range(MOST_IN_BUCKET + 5):
        bucket = bucket.with_entry(Entry(str(number), "anna", handle=False))
    assert len(bucket.entries) == MOST_IN_BUCKET
    assert bucket.without(bucket.entries[0]).entries == bucket.entries[1:]


@given(st.text(alphabet="abc", min_size=1, max_size=12))
def test_the_buckets_of_what_is_typed_hold_every_longer_term(term: str) -> None:
    for length in range(1, len(term) + 1):
        typed = term[:length]
        if length >= min(2, len(term)):
            assert set(keys(typed)) <= set(keys(term))
            assert keys(typed) == keys(term)[: len(keys(typed))]
    assert len(keys(term)) < LONGEST


def test_what_is_indexed_is_noted_before_and_cleared_after() -> None:
    old, new, newer = (Entry("1", term, handle=False) for term in ("old", "new", "newer"))
    before = Indexed((old,), 1, whole=True)
    begun = before.begin((new,), 2)
    assert begun.entries == (old, new)
    assert begun.end((new,), 2) == Indexed((new,), 2, whole=True)
    overtaken = begun.begin((newer,), 3)
    assert overtaken.end((new,), 2) == overtaken
    assert before.begin((old,), 5) == before
