"""The rules of comments and threads."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.comments.domain.comments import (
    CommentRecord,
    apply_post,
    comment_from_post,
    end,
    reparent,
    to_public,
)
from services.comments.domain.threads import ancestors, descendants
from services.contracts.comments import Comment as CommentContract
from services.contracts.limits import MAX_PATH

COMMENT = CommentRecord("3", "9", "1", "2", ("7",), "public", "2026-05-10T05:12:31.402Z")
POST: dict[str, Any] = {
    "id": "3",
    "author": "9",
    "in_reply_to_id": "2",
    "path": [("1", "7"), ("2", "8")],
    "visibility": "public",
    "mentions": [],
    "created_at": COMMENT.created_at,
    "deleted": False,
    "with_replies": False,
}


def audience(**changes: Any) -> tuple[str, ...]:
    return comment_from_post(POST | changes).audience


def test_a_comment_is_for_everybody_above_it_once_but_its_author() -> None:
    comment = comment_from_post(POST)
    assert (comment.root, comment.parent, comment.audience) == ("1", "2", ("7", "8"))
    assert audience(path=[("1", "7"), ("2", "9"), ("4", "7")]) == ("7",)


def test_a_direct_comment_is_for_those_it_mentions() -> None:
    assert audience(visibility="direct", mentions=[{"id": "8"}, {"id": "6"}]) == ("8",)


def test_events_have_all_fields_of_the_contract_and_no_other() -> None:
    exported = to_public({name: getattr(COMMENT, name) for name in CommentRecord.__slots__})
    assert set(exported) == set(CommentContract.model_fields)


def test_a_comment_ends_once_and_for_good() -> None:
    gone = end(COMMENT, with_replies=True)
    assert gone.deleted
    assert end(gone, with_replies=False) is apply_post(gone, COMMENT) is gone
    assert reparent(gone, "1") is gone
    assert apply_post(COMMENT, replace(COMMENT, audience=())) is COMMENT
    assert apply_post(None, gone) is gone
    assert apply_post(COMMENT, replace(COMMENT, deleted=True)).deleted


def test_only_what_everybody_may_see_is_counted() -> None:
    counted = {v: replace(COMMENT, visibility=v).is_counted for v in ("public", "unlisted")}
    assert all(counted.values())
    assert not replace(COMMENT, visibility="private").is_counted
    assert not replace(COMMENT, visibility="direct").is_counted


# ── above ───────────────────────────────────────────────────────────────────────────────────


def chain(length: int) -> tuple[list[str], list[list[str]]]:
    """Return the ids of a chain of posts and the rows of its comments."""
    ids = [f"{n:04}" for n in range(length)]
    return ids, [[low, high, "9"] for high, low in itertools.pairwise(ids)]


@given(st.integers(1, 3 * MAX_PATH))
def test_all_that_is_above_is_found_however_deep(depth: int) -> None:
    ids, rows = chain(depth)
    path = [(id, "9") for id in ids]
    cut = path if depth <= MAX_PATH else [path[0], *path[1 - MAX_PATH :]]
    assert ancestors(cut, rows, 1000) == ids


def test_of_too_many_above_the_topmost_and_the_nearest_are_shown() -> None:
    path = [(str(n), "9") for n in range(10)]
    assert ancestors(path, [], 3) == ["0", "8", "9"]
    assert ancestors(path, [], 10) == [str(n) for n in range(10)]


def test_a_gap_that_cannot_be_filled_is_left_open() -> None:
    path = [(f"{n:04}", "9") for n in (0, *range(50, 50 + MAX_PATH - 1))]
    assert ancestors(path, [["0050", "0049", "9"]], 1000) == [
        "0000",
        "0049",
        *(i for i, _ in path[1:]),
    ]


# ── below ───────────────────────────────────────────────────────────────────────────────────


@given(st.data(), st.integers(1, 12))
def test_a_thread_reads_depth_first_oldest_first(data: st.DataObject, size: int) -> None:
    parents = {f"{n:02}": f"{data.draw(st.integers(0, n - 1)):02}" for n in range(1, size + 1)}
    rows = [[id, parent, "9"] for id, parent in parents.items()]
    ordered = descendants("00", data.draw(st.permutations(rows)), most=100, depth=100)
    assert sorted(ordered) == sorted(parents)
    places = {id: place for place, id in enumerate(ordered)}
    for id, parent in parents.items():
        assert parent == "00" or places[parent] < places[id]
    for one, other in itertools.pairwise(id for id in ordered if parents[id] == "00"):
        assert one < other
    for id, parent in parents.items():  # nothing of another branch in between
        branch = ordered[places.get(parent, 0) : places[id]]
        assert parent == "00" or all(_is_below(each, parent, parents) for each in branch)


def _is_below(id: str, top: str, parents: dict[str, str]) -> bool:
    while id in parents and id != top:
        id = parents[id]
    return id == top


@given(st.data(), st.integers(1, 12))
def test_what_answers_a_removed_comment_is_read_below_the_nearest_that_is_left(
    data: st.DataObject, size: int
) -> None:
    parents = {f"{n:02}": f"{data.draw(st.integers(0, n - 1)):02}" for n in range(1, size + 1)}
    gone = data.draw(st.sets(st.sampled_from(sorted(parents))))
    left = {id: parent for id, parent in parents.items() if id not in gone}
    for id in left:
        while left[id] in gone:
            left[id] = parents[left[id]]
    rows = [[id, parent, "9"] for id, parent in parents.items()]
    as_if = [[id, parent, "9"] for id, parent in left.items()]
    depth = data.draw(st.integers(1, 12))
    shown = descendants("00", data.draw(st.permutations(rows)), most=100, depth=depth, removed=gone)
    assert shown == descendants("00", as_if, most=100, depth=depth)


def test_strays_are_left_out_of_a_thread() -> None:
    stray, child = ["09", "08", "9"], ["01", "00", "9"]
    assert descendants("00", [stray, child], most=10, depth=10) == ["01"]


def test_a_thread_is_bounded_in_number_and_depth() -> None:
    ids, rows = chain(50)
    assert descendants(ids[0], rows, most=100, depth=20) == ids[1:21]
    assert descendants(ids[0], rows, most=5, depth=20) == ids[1:6]
    broad = [[id, "0000", "9"] for id in ids[1:]]
    assert descendants(ids[0], broad, most=7, depth=20) == ids[1:8]
