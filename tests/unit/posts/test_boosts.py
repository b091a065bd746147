"""The rules of boosts and pins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Forbidden, Invalid
from services.chassis.storage.list_head import ListHead
from services.contracts import limits
from services.posts.domain.boosts import (
    apply_boost_state,
    boost_post,
    boost_visibility,
    with_boost,
    without_boost,
)
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import BoostState, Interaction, count_for_viewer
from services.posts.domain.pins import PinnedPosts, check_pinnable
from services.posts.domain.posts import PostRecord

NOW = "2026-05-10T05:12:31.402Z"
MARK = Interaction("2", "5", "1", reblog=BoostState(on=True, id="9", visibility="unlisted"))
BOOST = boost_post(MARK, NOW)


def a_post(**parts: Any) -> PostRecord:
    return PostRecord(**{"id": "5", "author": "1", "created_at": NOW, **parts})


@pytest.mark.parametrize(
    ("original", "user", "wanted", "got"),
    [
        ("public", "2", None, "public"),
        ("public", "2", "private", "private"),
        ("unlisted", "2", None, "public"),
        ("unlisted", "2", "unlisted", "unlisted"),
        ("private", "1", None, "private"),
        ("private", "1", "public", "private"),
    ],
)
def test_who_sees_a_boost(original: Any, user: str, wanted: Any, got: str) -> None:
    assert boost_visibility(a_post(visibility=original), user, wanted) == got


@pytest.mark.parametrize(("original", "user"), [("private", "2"), ("direct", "1"), ("direct", "2")])
def test_what_is_for_few_is_not_passed_on(original: Any, user: str) -> None:
    with pytest.raises(Forbidden):
        boost_visibility(a_post(visibility=original), user, "public")


def test_a_boost_is_a_post_that_names_what_it_shows() -> None:
    assert (BOOST.id, BOOST.author, BOOST.visibility, BOOST.text) == ("9", "2", "unlisted", "")
    assert (BOOST.reblog_of_id, BOOST.reblog_of_account_id) == ("5", "1")
    deleted_boost = tombstone(BOOST)
    assert (deleted_boost.reblog_of_id, deleted_boost.deleted) == ("5", True)


def test_a_boost_that_is_over_never_comes_back() -> None:
    assert apply_boost_state(None, BOOST, on=True) == BOOST
    assert apply_boost_state(None, BOOST, on=False) == tombstone(BOOST)
    assert apply_boost_state(BOOST, BOOST, on=False) == tombstone(BOOST)
    assert apply_boost_state(tombstone(BOOST), BOOST, on=True) == tombstone(BOOST)


def test_a_mark_names_another_boost_only_if_none_was_named_meanwhile() -> None:
    other = BoostState(on=True, id="11")
    assert with_boost(MARK, "1", MARK.reblog, other).reblog == other
    assert with_boost(MARK, "1", BoostState(), other) is MARK
    assert without_boost(MARK, "8") is MARK
    off = without_boost(MARK, "9")
    assert (off.reblog.on, off.reblog.removed_ids) == (False, ("9",))
    assert without_boost(off, "9") == off


@pytest.mark.parametrize(
    ("rows", "boost", "total"),
    [
        ([], BoostState(), 0),
        ([], MARK.reblog, 1),
        (["9"], MARK.reblog, 1),
        (["9", "8"], MARK.reblog.unset(), 1),
        (["8"], MARK.reblog.unset(), 1),
    ],
)
def test_people_see_their_own_boost_counted_before_the_list_knows(
    rows: list[str], boost: BoostState, total: int
) -> None:
    head = ListHead([[id, "u", "public"] for id in rows], total=len(rows))
    assert count_for_viewer(head, boost) == total


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), max_size=40))
def test_pins_are_few_each_there_once_newest_first(turns: list[tuple[bool, int]]) -> None:
    pins, expected = PinnedPosts("1"), list[str]()
    for on, number in turns:
        post = str(number)
        if not on:
            pins, expected = pins.without_posts({post}), [id for id in expected if id != post]
        elif post in expected:
            assert pins.with_post(post) is pins
        elif len(expected) < limits.MAX_PINS:
            pins, expected = pins.with_post(post), [post, *expected]
        else:
            with pytest.raises(Invalid):
                pins.with_post(post)
        assert list(pins.posts) == expected


@pytest.mark.parametrize(
    ("parts", "user"), [({}, "2"), ({"visibility": "direct"}, "1"), ({"reblog_of_id": "4"}, "1")]
)
def test_what_cannot_be_pinned(parts: dict[str, Any], user: str) -> None:
    with pytest.raises(Invalid):
        check_pinnable(a_post(**parts), user)
    check_pinnable(a_post(visibility="private"), "1")
