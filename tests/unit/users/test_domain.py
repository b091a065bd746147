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
from services.users.domain.edges import (
    MAX_FORMER_IDS,
    FollowConditions,
    FollowOptions,
    ListMembership,
    RelationshipEdge,
)
from services.users.domain.name_index import (
    MAX_BUCKET_ENTRIES,
    MAX_KEY_CHARACTERS,
    IndexedNames,
    NameBucket,
    NameEntry,
    NameQuery,
    bucket_keys,
    index_entries,
    matches_query,
    rank_matches,
)
from services.users.domain.profiles import (
    ProfileEdit,
    UserProfile,
    UserProfileField,
    apply_edit,
    new_profile,
    tombstone,
)

ANNA = new_profile("114906321984512345", "Anna_B")
BLANK = RelationshipEdge("1", "2")
NOW = "2025-07-24T09:12:44.120Z"


# ── profiles ────────────────────────────────────────────────────────────────────────────────


def test_a_profile_was_made_when_its_id_was() -> None:
    made = new_profile(first_id_at(datetime(2025, 7, 24, 9, 12, 44, 120_000, UTC)), "x")
    assert made.created_at == "2025-07-24T09:12:44.120Z"


def test_only_what_is_given_changes() -> None:
    said = apply_edit(ANNA, ProfileEdit(display_name="Anna", note="Hi", locked=True))
    assert said == replace(ANNA, display_name="Anna", note="Hi", locked=True)
    assert apply_edit(said, ProfileEdit()) == said
    assert apply_edit(said, ProfileEdit(locked=False, note="")) == replace(
        said, locked=False, note=""
    )


@pytest.mark.parametrize(
    "changes",
    [
        ProfileEdit(display_name="x" * 31),
        ProfileEdit(note="x" * 501),
        ProfileEdit(note="x" * 477 + " https://example.org/"),
        ProfileEdit(fields=tuple(UserProfileField(str(n), "v") for n in range(5))),
        ProfileEdit(fields=(UserProfileField("x" * 256, "v"),)),
        ProfileEdit(fields=(UserProfileField("n", "x" * 256),)),
        ProfileEdit(avatar="../../etc/passwd"),
        ProfileEdit(avatar="a/b.png"),
        ProfileEdit(header=".hidden"),
        ProfileEdit(avatar="x" * 101),
        ProfileEdit(default_visibility="everybody"),
        ProfileEdit(default_language="klingon!"),
    ],
)
def test_what_breaks_a_rule_is_refused(changes: ProfileEdit) -> None:
    with pytest.raises(Invalid):
        apply_edit(ANNA, changes)


@pytest.mark.parametrize(
    "changes",
    [
        ProfileEdit(display_name="x" * 30),
        ProfileEdit(note="é" * 500),
        ProfileEdit(note="x" * 476 + " https://example.org/" + "y" * 500),
        ProfileEdit(
            note="@anna@example.org " + "x" * 494, display_name="\U0001f1e9\U0001f1ea" * 30
        ),
        ProfileEdit(fields=tuple(UserProfileField(str(n), "x" * 255) for n in range(4))),
        ProfileEdit(avatar="9f2c4e-small.webp", header=""),
        ProfileEdit(default_visibility="private", default_language="pt-BR"),
    ],
)
def test_what_keeps_the_rules_is_taken(changes: ProfileEdit) -> None:
    apply_edit(ANNA, changes)


def test_text_loses_what_cannot_be_seen_and_keeps_lines_where_there_may_be_some() -> None:
    said = apply_edit(
        ANNA, ProfileEdit(display_name=" A\n\x00na ", note="one\r\ntwo\x07 ", fields=())
    )
    assert said.display_name == "A na"
    assert said.note == "one\ntwo"


def test_empty_fields_are_left_out() -> None:
    said = apply_edit(
        ANNA,
        ProfileEdit(
            fields=(
                UserProfileField("", " "),
                UserProfileField("Home", "x"),
                UserProfileField("", ""),
            )
        ),
    )
    assert said.fields == (UserProfileField("Home", "x"),)


@given(st.text(max_size=40))
def test_any_text_is_either_refused_or_fit_to_be_shown(text: str) -> None:
    try:
        said = apply_edit(ANNA, ProfileEdit(display_name=text))
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
    edge = edges.follow(BLANK, FollowConditions(), FollowOptions(notify=True), "10")
    assert edge.following
    assert not edge.requested
    assert edge.notify
    assert edge.follow.id == "10"


def test_following_again_changes_nothing_but_the_manner() -> None:
    once = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    assert edges.follow(once, FollowConditions(), FollowOptions(), "11") == once
    again = edges.follow(once, FollowConditions(), FollowOptions(reblogs=False), "11")
    assert again == replace(once, show_reblogs=False)


def test_following_somebody_locked_is_asking() -> None:
    asked = edges.follow(BLANK, FollowConditions(locked=True), FollowOptions(), "10")
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
    edge = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    assert edges.follow(edge, FollowConditions(locked=True), FollowOptions(), "11") == edge


@pytest.mark.parametrize("decide", [edges.reject, lambda edge: edges.accept(edge, "1")])
def test_nobody_is_let_in_or_turned_down_who_did_not_ask(
    decide: Callable[[RelationshipEdge | None], RelationshipEdge],
) -> None:
    for edge in (None, BLANK):
        with pytest.raises(NotFound):
            decide(edge)


def test_nobody_follows_themself_or_across_a_block() -> None:
    with pytest.raises(Forbidden, match="yourself"):
        edges.reject_self("1", "1", "follow")
    with pytest.raises(Forbidden, match="blocked you"):
        edges.follow(BLANK, FollowConditions(blocked=True), FollowOptions(), "10")
    with pytest.raises(Forbidden, match="unblock"):
        edges.follow(edges.block(BLANK, "9", 0), FollowConditions(), FollowOptions(), "10")


def test_there_is_an_end_to_following() -> None:
    with pytest.raises(Invalid, match="7500"):
        edges.follow(BLANK, FollowConditions(followed=7_500), FollowOptions(), "10")
    followed = edges.follow(BLANK, FollowConditions(followed=7_499), FollowOptions(), "10")
    assert (
        edges.follow(followed, FollowConditions(followed=7_500), FollowOptions(), "11") == followed
    )


def test_there_is_an_end_to_blocking_and_muting() -> None:
    most = edges.MAX_BLOCKED
    with pytest.raises(Invalid, match="You block 5000 people"):
        edges.block(BLANK, "10", most)
    blocked = edges.block(BLANK, "10", most - 1)
    assert edges.block(blocked, "11", most) == blocked
    forever = partial(edges.mute, notifications=True, until=None)
    with pytest.raises(Invalid, match="You mute 5000 people"):
        forever(BLANK, "10", edges.MAX_MUTED)
    muted = forever(BLANK, "10", edges.MAX_MUTED - 1)
    assert forever(muted, "11", edges.MAX_MUTED) == muted


def test_a_block_ends_a_follow_and_unblocking_does_not_bring_it_back() -> None:
    edge = edges.block(edges.follow(BLANK, FollowConditions(), FollowOptions(), "10"), "11", 0)
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
    follows = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    asks = edges.follow(BLANK, FollowConditions(locked=True), FollowOptions(), "10")
    blocks = edges.block(RelationshipEdge("2", "1"), "11", 0)
    reverse = RelationshipEdge("2", "1")
    assert not edges.reconcile(follows, blocks, locked=False, id="12").following
    assert not edges.reconcile(asks, blocks, locked=True, id="12").requested
    assert edges.reconcile(asks, reverse, locked=False, id="12").following
    assert edges.reconcile(asks, reverse, locked=True, id="12") == asks
    assert edges.reconcile(follows, reverse, locked=True, id="12") == follows


def test_a_relationship_shows_a_block_at_once() -> None:
    follows = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    seen = edges.relationship_view(follows, edges.block(RelationshipEdge("2", "1"), "11", 0), NOW)
    assert (seen.id, seen.following, seen.showing_reblogs, seen.blocked_by) == (
        "2",
        False,
        False,
        True,
    )


@given(st.lists(st.booleans(), max_size=30))
def test_a_place_never_forgets_an_id_it_had(takes: list[bool]) -> None:
    place, had = ListMembership(), set()
    for number, take in enumerate(takes, start=1):
        place = place.join(str(number)) if take else place.leave()
        if place.id:
            had.add(place.id)
        now = {place.id} if place.taken else set()
        assert {*place.stale_ids} | now == had
        assert not {*place.stale_ids} & now
    assert len(place.former) <= MAX_FORMER_IDS


# ── names ───────────────────────────────────────────────────────────────────────────────────


def person(id: str, username: str, display_name: str = "") -> UserProfile:
    return replace(new_profile(id, username), display_name=display_name)


def found(text: str, *people: UserProfile) -> list[str]:
    buckets: dict[str, NameBucket] = {}
    for one in people:
        for entry in index_entries(one):
            first = bucket_keys(entry.term)[0]
            buckets[first] = buckets.get(first, NameBucket()).with_entry(entry)
    query = NameQuery.parse(text)
    exact = [one.id for one in people if one.username.lower() == query.handle]
    by_id = {one.id: one for one in people}
    ids = rank_matches(query, buckets, exact[0] if exact else "")
    assert all(matches_query(query, by_id[id]) for id in ids)
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
    assert index_entries(tombstone("1")) == ()


def test_a_bucket_is_bounded() -> None:
    bucket = NameBucket()
    for number in range(MAX_BUCKET_ENTRIES + 5):
        bucket = bucket.with_entry(NameEntry(str(number), "anna", handle=False))
    assert len(bucket.entries) == MAX_BUCKET_ENTRIES
    assert bucket.without(bucket.entries[0]).entries == bucket.entries[1:]


@given(st.text(alphabet="abc", min_size=1, max_size=12))
def test_the_buckets_of_what_is_typed_hold_every_longer_term(term: str) -> None:
    for length in range(1, len(term) + 1):
        typed = term[:length]
        if length >= min(2, len(term)):
            assert set(bucket_keys(typed)) <= set(bucket_keys(term))
            assert bucket_keys(typed) == bucket_keys(term)[: len(bucket_keys(typed))]
    assert len(bucket_keys(term)) < MAX_KEY_CHARACTERS


def test_what_is_indexed_is_noted_before_and_cleared_after() -> None:
    old, new, newer = (NameEntry("1", term, handle=False) for term in ("old", "new", "newer"))
    before = IndexedNames((old,), 1, whole=True)
    begun = before.begin_update((new,), 2)
    assert begun.entries == (old, new)
    assert begun.finish_update((new,), 2) == IndexedNames((new,), 2, whole=True)
    overtaken = begun.begin_update((newer,), 3)
    assert overtaken.finish_update((new,), 2) == overtaken
    assert before.begin_update((old,), 5) == before
