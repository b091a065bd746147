"""The rules of notifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from services.chassis.ids import first_id_at, id_time
from services.notifications.domain import groups
from services.notifications.domain.markers import ReadMarkers
from services.notifications.domain.notifications import (
    MAX_PAST_IDS,
    Cause,
    NotificationCriteria,
    NotificationRecord,
    apply_cause,
    dismiss,
    document_id,
    outcome_of,
)
from services.notifications.domain.owner_relations import HiddenEdge, OwnerRelations
from services.notifications.domain.subscribers import MAX_SUBSCRIBERS, PostSubscribers
from services.shared.block_list import MAX_BLOCKERS, BlockState

LIKE = Cause("1:favourite:9:2", "1", "favourite", "2", "marks", "9", making="a")


def after(causes: Sequence[Cause]) -> NotificationRecord | None:
    known: NotificationRecord | None = None
    for number, cause in enumerate(causes, 100):
        known = apply_cause(known, cause, str(number), quiet=False)
    return known


def test_a_cause_makes_a_notification_and_a_repeat_nothing() -> None:
    made = after([LIKE])
    assert made is not None
    assert made.row(LIKE.key) == ["100", "favourite", "2", "9"]
    assert after([LIKE, LIKE]) == made
    assert after([LIKE, replace(LIKE, version=2)]) is not None


def test_what_was_never_on_is_nothing() -> None:
    assert after([replace(LIKE, on=False, making="")]) is None


def test_the_order_of_events_does_not_matter() -> None:
    story = [
        LIKE,
        replace(LIKE, version=2, on=False, making=""),
        replace(LIKE, version=3, making="b"),
        replace(LIKE, version=4, on=False, making=""),
    ]
    for count in (2, 3, 4):
        for order in permutations(story[:count]):
            made = after(order)
            assert made is not None
            assert bool(made.position) is story[count - 1].on, order


def test_what_is_made_again_has_a_new_place_and_the_old_one_is_gone() -> None:
    off = replace(LIKE, version=2, on=False, making="")
    again = after([LIKE, off, replace(LIKE, version=3, making="b")])
    assert again is not None
    assert (again.position, again.removed_ids) == ("102", ("100",))


def test_from_some_time_on_it_only_comes_back_where_it_was() -> None:
    story = [replace(LIKE, version=n, making=str(n)) for n in range(1, MAX_PAST_IDS + 5)]
    made = after(story)
    assert made is not None
    assert made.position == str(100 + MAX_PAST_IDS)
    assert len(made.past) == MAX_PAST_IDS


def test_what_is_dismissed_stays_so_until_it_is_made_again() -> None:
    away = dismiss(after([LIKE]), "100")
    assert away is not None
    assert away.position == ""
    assert apply_cause(away, replace(LIKE, version=2), "200", quiet=False) == away
    again = apply_cause(away, replace(LIKE, version=3, making="b"), "200", quiet=False)
    assert again is not None
    assert again.position == "200"
    assert dismiss(again, "100") == again


def test_what_is_made_quietly_is_never_shown() -> None:
    made = apply_cause(None, LIKE, "100", quiet=True)
    assert made is not None
    assert made.position == ""
    again = apply_cause(made, LIKE, "101", quiet=False)
    assert again is made


def test_one_reason_of_two_is_enough_and_both_are_one() -> None:
    mention = Cause("1:post:9", "1", "mention", "2", "posts", "9", making="9")
    both = after([mention, replace(mention, source="comments")])
    assert both is not None
    assert (both.position, both.past) == ("100", ())


@pytest.mark.parametrize(
    ("cause", "more"),
    [
        (LIKE, []),
        (Cause("1:reblog:9:2", "1", "reblog", "2", "marks", "9", making="a"), []),
        (Cause("1:follow:2", "1", "follow", "2", "edges", making="a"), []),
        (Cause("1:follow:2", "1", "follow_request", "2", "edges", making="a"), []),
        (Cause("1:post:9", "1", "mention", "2", "posts", "9", making="9"), []),
        (Cause("1:post:9", "1", "status", "2", "subscriptions", "9", making="9"), []),
        (
            Cause("1:order:8:completed", "1", "order", "2", "order", "8", making="completed"),
            ["1:order:8:completed"],
        ),
    ],
)
def test_a_row_names_its_document_once(cause: Cause, more: list[str]) -> None:
    made = after([cause])
    assert made is not None
    row = made.row(cause.key)
    assert row == ["100", cause.type, "2", cause.post, *more]
    assert document_id(row, "1") == cause.key
    old = [*row[:4], cause.key]
    assert document_id(old, "1") == cause.key
    assert outcome_of(row) == (made.making if more else "")


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (NotificationCriteria(), True),
        (NotificationCriteria(types=frozenset({"favourite", "follow"})), True),
        (NotificationCriteria(types=frozenset({"follow"})), False),
        (NotificationCriteria(without=frozenset({"favourite"})), False),
        (NotificationCriteria(account="2"), True),
        (NotificationCriteria(account="3"), False),
    ],
)
def test_a_filter_keeps_what_is_wanted(wanted: NotificationCriteria, kept: bool) -> None:
    assert wanted.matches(["100", "favourite", "2", "9", LIKE.key]) is kept


# ── stances ─────────────────────────────────────────────────────────────────────────────────────


def test_a_mute_ends_by_itself() -> None:
    stance = OwnerRelations().apply_edge("2", HiddenEdge(3, hides=True, until="2026-01-02"))
    assert not stance.admits("2", "2026-01-01")
    assert stance.admits("2", "2026-01-02")


def test_a_late_event_of_an_edge_is_ignored() -> None:
    stance = (
        OwnerRelations().apply_edge("2", HiddenEdge(3, hides=False)).apply_edge("2", HiddenEdge(2))
    )
    assert stance.admits("2", "")
    stance = OwnerRelations().apply_block("2", 3, blocks=False).apply_block("2", 2, blocks=True)
    assert stance.admits("2", "")
    assert OwnerRelations().apply_edge("2", HiddenEdge(1, hides=False)) == OwnerRelations()
    assert not OwnerRelations().apply_block("2", 1, blocks=True).admits("2", "")


def test_stances_forget_the_oldest_that_are_over_and_nobody_that_is_hidden() -> None:
    stance = OwnerRelations().apply_edge("0", HiddenEdge(2))
    for n in range(1, 700):
        stance = stance.apply_edge(str(n), HiddenEdge(2, hides=False))
        stance = stance.apply_block(str(n), 2, blocks=n == 1)
    assert len(stance.hidden) == len(stance.blocked_by) == 501
    assert not stance.admits("0", "")
    assert not stance.admits("1", "")


def test_who_is_blocked_by_very_many_knows_that_there_are_more() -> None:
    stance = OwnerRelations()
    for number in range(MAX_BLOCKERS):
        stance = stance.apply_block(str(number), 1, blocks=True)
    assert not stance.shunned
    full = stance.apply_block("a", 1, blocks=True)
    assert (full.shunned, full.blocked_by) == (True, stance.blocked_by)
    assert full.is_stored_separately("a")
    assert not full.is_stored_separately("7")
    assert not full.with_separate({"a": BlockState(2)}).admits("a", "")
    assert full.with_separate({"a": BlockState(-3)}).admits("a", "")
    assert not full.with_separate({"7": BlockState(-3)}).admits("7", "")
    assert full.apply_block("7", 2, blocks=False).apply_block("b", 1, blocks=True).shunned
    assert BlockState(3).apply(2, blocks=False) == BlockState(3)
    assert BlockState(3).apply(4, blocks=False) == BlockState(-4)


def test_subscribers_are_notified_from_their_request_on_and_are_bounded() -> None:
    people = PostSubscribers().apply("2", 1, "2026-01-02").apply("2", 2, "2026-01-05")
    assert people.subscribed_at("2026-01-01") == []
    assert people.subscribed_at("2026-01-03") == ["2"]
    assert people.apply("2", 3, "").apply("2", 2, "2026").subscribed_at("2027") == []
    for n in range(MAX_SUBSCRIBERS + 50):
        people = people.apply(f"p{n}", 1, "2026")
    assert len(people.subscribed_at("2027")) == MAX_SUBSCRIBERS


# ── groups and markers ──────────────────────────────────────────────────────────────────────────

NOON = first_id_at(id_time("116548273934401537").replace(hour=12))


def test_groups_are_of_one_type_post_and_day() -> None:
    soon, next_day = (str(int(NOON) + (hours * 3_600_000 << 16)) for hours in (5, 13))
    key = groups.group_key(NOON, "favourite", "9")
    assert groups.group_key(soon, "favourite", "9") == key
    assert groups.group_key(next_day, "favourite", "9") != key
    assert groups.group_key(NOON, "favourite", "8") != key
    assert groups.group_key(NOON, "reblog", "9") != key
    assert groups.group_key(NOON, "mention", "9") == f"ungrouped-{NOON}"
    assert groups.group_key(NOON, "follow", "", ("favourite",)) == f"ungrouped-{NOON}"


@pytest.mark.parametrize("type", ["favourite", "follow", "mention"])
def test_a_key_says_where_its_members_are(type: str) -> None:
    row = [NOON, type, "2", "" if type == "follow" else "9", "key"]
    where = groups.parse_group_key(groups.group_key(NOON, type, row[3]))
    assert where is not None
    assert where.above < NOON < where.below
    assert where.contains(row)


@pytest.mark.parametrize(
    "key", ["", "x", "ungrouped-", "ungrouped-" + "9" * 30, "follow-1-2", "favourite-1", "follow-x"]
)
def test_what_is_no_key_is_nowhere(key: str) -> None:
    assert groups.parse_group_key(key) is None


def test_a_marker_counts_its_moves() -> None:
    markers = ReadMarkers().apply({"home": "5"}, "then").apply({"home": "5"}, "now")
    assert (markers.timelines["home"].version, markers.timelines["home"].updated_at) == (0, "then")
    moved = markers.apply({"home": "4", "notifications": "1"}, "now")
    assert (moved.last_read("home"), moved.timelines["home"].version) == ("4", 1)
    assert (moved.last_read("notifications"), moved.last_read("public")) == ("1", "")
