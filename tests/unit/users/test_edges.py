"""The rules of relationships between accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.users.domain import edges
from services.users.domain.edge_reconciliation import reconcile_edge
from services.users.domain.edges import FollowConditions, FollowOptions, RelationshipEdge
from services.users.domain.list_membership import MAX_FORMER_IDS, ListMembership
from services.users.domain.relationship_view import relationship_view

BLANK = RelationshipEdge("1", "2")
NOW = "2025-07-24T09:12:44.120Z"


def test_following_an_open_account_takes_effect_at_once() -> None:
    edge = edges.follow(BLANK, FollowConditions(), FollowOptions(notify=True), "10")
    assert edge.following
    assert not edge.requested
    assert edge.notify
    assert edge.follow.id == "10"


def test_following_again_changes_only_the_options() -> None:
    once = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    assert edges.follow(once, FollowConditions(), FollowOptions(), "11") == once
    again = edges.follow(once, FollowConditions(), FollowOptions(reblogs=False), "11")
    assert again == replace(once, show_reblogs=False)


def test_following_a_locked_account_is_a_request() -> None:
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


def test_a_follow_remains_when_the_target_locks() -> None:
    edge = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    assert edges.follow(edge, FollowConditions(locked=True), FollowOptions(), "11") == edge


@pytest.mark.parametrize("decide", [edges.reject, lambda edge: edges.accept(edge, "1")])
def test_a_missing_follow_request_cannot_be_answered(
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
    with pytest.raises(Forbidden, match="Unblock"):
        edges.follow(edges.block(BLANK, "9", 0), FollowConditions(), FollowOptions(), "10")


def test_the_number_of_follows_is_limited() -> None:
    with pytest.raises(Invalid, match="7500"):
        edges.follow(BLANK, FollowConditions(followed=7_500), FollowOptions(), "10")
    followed = edges.follow(BLANK, FollowConditions(followed=7_499), FollowOptions(), "10")
    assert (
        edges.follow(followed, FollowConditions(followed=7_500), FollowOptions(), "11") == followed
    )


def test_the_numbers_of_blocks_and_mutes_are_limited() -> None:
    most = edges.MAX_BLOCKED
    with pytest.raises(Invalid, match="You block 5000 accounts"):
        edges.block(BLANK, "10", most)
    blocked = edges.block(BLANK, "10", most - 1)
    assert edges.block(blocked, "11", most) == blocked
    forever = partial(edges.mute, notifications=True, until=None)
    with pytest.raises(Invalid, match="You mute 5000 accounts"):
        forever(BLANK, "10", edges.MAX_MUTED)
    muted = forever(BLANK, "10", edges.MAX_MUTED - 1)
    assert forever(muted, "11", edges.MAX_MUTED) == muted


def test_a_block_ends_a_follow_for_good() -> None:
    edge = edges.block(edges.follow(BLANK, FollowConditions(), FollowOptions(), "10"), "11", 0)
    assert edge.blocking
    assert not edge.following
    assert not edges.unblock(edge).following


def test_a_mute_expires() -> None:
    edge = edges.mute(BLANK, "10", 0, notifications=True, until="2025-01-01T00:00:00.000Z")
    assert edge.muting("2024-12-31T23:59:59.999Z")
    assert not edge.muting(NOW)
    assert edges.mute(BLANK, "10", 0, notifications=False, until=None).muting(NOW)
    assert edges.unmute(edge).muted_until is None


def test_a_note_is_stored_and_limited() -> None:
    assert edges.annotate(BLANK, "x" * 2_000, "10").note == "x" * 2_000
    with pytest.raises(Invalid):
        edges.annotate(BLANK, "x" * 2_001, "10")


def test_reconciliation_applies_blocks_and_accepts_requests_of_unlocked_accounts() -> None:
    follows = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    asks = edges.follow(BLANK, FollowConditions(locked=True), FollowOptions(), "10")
    blocks = edges.block(RelationshipEdge("2", "1"), "11", 0)
    reverse = RelationshipEdge("2", "1")
    assert not reconcile_edge(follows, blocks, locked=False, id="12").following
    assert not reconcile_edge(asks, blocks, locked=True, id="12").requested
    assert reconcile_edge(asks, reverse, locked=False, id="12").following
    assert reconcile_edge(asks, reverse, locked=True, id="12") == asks
    assert reconcile_edge(follows, reverse, locked=True, id="12") == follows


def test_a_relationship_shows_a_block_at_once() -> None:
    follows = edges.follow(BLANK, FollowConditions(), FollowOptions(), "10")
    seen = relationship_view(follows, edges.block(RelationshipEdge("2", "1"), "11", 0), NOW)
    assert (seen.id, seen.following, seen.showing_reblogs, seen.blocked_by) == (
        "2",
        False,
        False,
        True,
    )


@given(st.lists(st.booleans(), max_size=30))
def test_a_list_membership_remembers_all_its_ids(takes: list[bool]) -> None:
    place, had = ListMembership(), set()
    for number, take in enumerate(takes, start=1):
        place = place.join(str(number)) if take else place.leave()
        if place.id:
            had.add(place.id)
        now = {place.id} if place.taken else set()
        assert {*place.stale_ids} | now == had
        assert not {*place.stale_ids} & now
    assert len(place.former) <= MAX_FORMER_IDS
