"""Relations, follower shards and projections, in any order of events."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.ids import SnowflakeGenerator
from services.feed.domain.interactions import PINNED
from services.feed.domain.projections import PostProjection, VersionedCount
from services.feed.domain.reader import Reader
from services.feed.domain.relations import (
    FOLLOWER_SHARDS,
    LARGE_AUTHOR,
    FollowerShard,
    ReaderRelations,
    follower_shard,
    follower_shards,
    followers_of,
)
from services.feed.domain.rows import (
    LISTED,
    MEDIA,
    PRIVATE,
    REBLOG,
    REPLY,
    home_owners,
    row_of,
    timelines_of,
    without_repeated_boosts,
)
from services.feed.settings import FeedSettings
from services.shared.block_list import MAX_BLOCKERS, BlockState


def a_post(**changes: Any) -> dict[str, Any]:
    return {
        "id": "100000000000000001",
        "author": "1",
        "visibility": "public",
        "attachments": [],
        "tags": [],
        "mentions": [],
        "in_reply_to_id": None,
        "reblog_of_id": None,
        "reblog_of_account_id": None,
        "deleted": False,
        **changes,
    }


edges = st.lists(
    st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=1, max_size=12
)


@given(edges, st.data())
def test_relations_converge_whatever_the_order_of_events(
    edge_changes: list[tuple[str, bool, bool]], data: st.DataObject
) -> None:
    numbered = [(person, f, h, n) for n, (person, f, h) in enumerate(edge_changes, start=1)]
    jumbled = data.draw(st.permutations(numbered + data.draw(st.lists(st.sampled_from(numbered)))))

    in_order = apply_changes(numbered)
    any_order = apply_changes(jumbled)

    assert any_order.follows.keys() == in_order.follows.keys()
    assert any_order.hidden.keys() == in_order.hidden.keys()


def apply_changes(edge_changes: list[tuple[str, bool, bool, int]]) -> ReaderRelations:
    stance = ReaderRelations()
    for person, follows, hides, version in edge_changes:
        stance = stance.apply_edge(person, follows=follows, hides=hides, version=version)
    return stance


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12), st.data())
def test_a_shard_of_followers_converges_whatever_the_order_of_events(
    edge_changes: list[tuple[str, bool]], data: st.DataObject
) -> None:
    numbered = [(person, follows, n) for n, (person, follows) in enumerate(edge_changes, start=1)]
    expected = {person: follows for person, follows, _ in numbered}

    shard = FollowerShard()
    for person, follows, version in data.draw(st.permutations(numbered)):
        shard = shard.apply(person, follows=follows, version=version)

    assert set(followers_of([shard])) == {person for person, follows in expected.items() if follows}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=12))
def test_of_a_follower_in_two_shards_the_newer_edge_counts(
    edge_changes: list[tuple[str, bool, bool]],
) -> None:
    shards = [FollowerShard(), FollowerShard()]
    for version, (person, follows, other) in enumerate(edge_changes, start=1):
        shards[other] = shards[other].apply(person, follows=follows, version=version)
    follows_now = {person: follows for person, follows, _ in edge_changes}
    followers = followers_of(shards)
    assert sorted(followers) == sorted(person for person in follows_now if follows_now[person])


def test_followers_that_one_process_registered_are_in_all_shards() -> None:
    made, now = SnowflakeGenerator(), 1_796_000_000_000
    ids = [str((now + 37 * n << 16) | (int(made.next()) & 0xFFC0)) for n in range(400)]
    found = Counter(map(follower_shard, ids))
    assert len(found) == FOLLOWER_SHARDS
    assert max(found.values()) < 2 * len(ids) / FOLLOWER_SHARDS
    assert all(follower_shard(id) in follower_shards(id) for id in ids)
    former = {shard for id in ids for shard in {*follower_shards(id)} - {follower_shard(id)}}
    assert len(former) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_a_block_converges_whatever_the_order_of_events(
    edge_changes: list[bool], data: st.DataObject
) -> None:
    stance = ReaderRelations()
    for version in data.draw(st.permutations(range(1, len(edge_changes) + 1))):
        stance = stance.apply_block("b", blocks=edge_changes[version - 1], version=version)
    assert stance.can_see("b") is not edge_changes[-1]


def test_a_block_hides_its_author_until_it_is_taken_back() -> None:
    stance = ReaderRelations().apply_block("b", blocks=True, version=3)
    assert not stance.can_see("b")
    assert not stance.apply_block("b", blocks=False, version=2).can_see("b")
    assert stance.apply_block("b", blocks=False, version=4).can_see("b")


def test_an_older_version_of_a_post_changes_nothing() -> None:
    card = PostProjection().apply(a_post(deleted=True), 2)
    assert card.apply(a_post(), 1) is card
    assert not card.exists


def test_a_counter_keeps_the_newest_count_not_the_largest() -> None:
    assert VersionedCount(5, 7).apply(9, 6) == VersionedCount(5, 7)
    assert VersionedCount(5, 7).apply(4, 8) == VersionedCount(4, 8)


@pytest.mark.parametrize(
    ("visibility", "stranger", "follower", "mentioned", "author"),
    [
        ("public", True, True, True, True),
        ("unlisted", True, True, True, True),
        ("private", False, True, True, True),
        ("direct", False, False, True, True),
    ],
)
def test_visibility(
    visibility: str,
    stranger: bool,
    follower: bool,
    mentioned: bool,
    author: bool,
) -> None:
    post = a_post(visibility=visibility, mentions=[{"id": "9", "username": "nine"}])
    assert Reader().can_see(post) is stranger
    assert Reader("2").can_see(post) is stranger
    assert Reader("3", ReaderRelations(follows={"1": 1})).can_see(post) is follower
    assert Reader("9").can_see(post) is mentioned
    assert Reader("1").can_see(post) is author


def test_nobody_sees_an_author_they_hide_or_who_blocks_them() -> None:
    assert not Reader("2", ReaderRelations(follows={"1": 1}, hidden={"1": 2})).can_see(a_post())
    assert not Reader("2", ReaderRelations(follows={"1": 1}, blocked_by={"1": 2})).can_see(a_post())


def test_a_row_says_what_timelines_filter_by() -> None:
    post = a_post(attachments=[{}], in_reply_to_id="7")
    assert row_of(post)[2] == LISTED | MEDIA | REPLY
    assert row_of(a_post(visibility="private"))[2] == PRIVATE


def test_only_public_posts_are_shared_and_replies_not_with_everybody() -> None:
    assert timelines_of(a_post(tags=["sea"])) == {
        "author": {"1"},
        "public": {"all"},
        "tag": {"sea"},
    }
    assert timelines_of(a_post(in_reply_to_id="7"))["public"] == set()
    assert timelines_of(a_post(visibility="unlisted", tags=["sea"]))["tag"] == set()


def test_a_direct_post_goes_to_those_it_mentions_alone() -> None:
    post = a_post(visibility="direct", mentions=[{"id": "9", "username": "nine"}])
    assert home_owners(post, ["2", "3"]) == ["1", "9"]
    assert home_owners(a_post(), ["2", "1", "2"]) == ["1", "2"]


def test_a_boost_is_for_homes_and_its_maker_s_timeline_with_what_it_shows_in_its_row() -> None:
    post = a_post(reblog_of_id="100000000000000000", reblog_of_account_id="2")
    assert row_of(post) == [
        "100000000000000001",
        "1",
        LISTED | REBLOG,
        "100000000000000000",
        "2",
    ]
    assert timelines_of(post) == {"author": {"1"}, "public": set(), "tag": set()}


def test_rows_show_a_post_once_and_boosts_not_before_it() -> None:
    post, first, second = ["1", "a", 0], ["2", "b", REBLOG, "1", "a"], ["3", "c", REBLOG, "9", "d"]
    again = ["4", "b", REBLOG, "9", "d"]
    assert without_repeated_boosts([again, second, first, post]) == [second, post]
    assert without_repeated_boosts([again, first]) == [again, first]


def test_followers_may_do_without_boosts() -> None:
    stance = ReaderRelations().apply_edge("2", follows=True, hides=False, reblogs=False, version=1)
    boost, post = ["5", "2", REBLOG, "1", "9"], ["6", "2", 0]
    assert not Reader("1", stance).belongs_at_home(boost)
    assert Reader("1", stance).belongs_at_home(post)
    stance = stance.apply_edge("2", follows=True, hides=False, reblogs=True, version=2)
    assert Reader("1", stance).belongs_at_home(boost)


def test_the_default_setting_is_that_of_a_large_author() -> None:
    assert FeedSettings(app_id="feed", app_port=1).microgram_feed_large == LARGE_AUTHOR


def test_pins_are_the_newest_received() -> None:
    stance = ReaderRelations().apply_pins(["5"], 2).apply_pins(["6"], 1)
    post = a_post(id="5", author="1")
    assert Reader("1", stance).interaction_flags(post, 0) == PINNED
    assert Reader("2", stance).interaction_flags(post, 0) == 0


def test_who_is_blocked_by_very_many_knows_that_there_are_more() -> None:
    stance = ReaderRelations()
    for number in range(MAX_BLOCKERS):
        stance = stance.apply_block(str(number), blocks=True, version=1)
    assert not stance.shunned
    full = stance.apply_block("a", blocks=True, version=1)
    assert (full.shunned, full.blocked_by) == (True, stance.blocked_by)
    assert full.is_stored_separately("a")
    assert not full.is_stored_separately("7")
    assert full.can_see("a")
    assert not full.with_separate({"a": BlockState(2)}).can_see("a")
    assert full.with_separate({"a": BlockState(-3)}).can_see("a")
    lifted = full.apply_block("7", blocks=False, version=2)
    assert lifted.can_see("7")
    assert lifted.apply_block("b", blocks=True, version=1).blocked_by == lifted.blocked_by


def test_of_blocks_kept_apart_the_newest_event_counts() -> None:
    blocked = BlockState().apply(2, blocks=True)
    assert blocked.apply(1, blocks=False) == blocked
    assert blocked.apply(3, blocks=False).apply(2, blocks=True) == BlockState(-3)
