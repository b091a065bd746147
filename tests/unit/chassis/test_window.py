from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window, newest_first, normalize_id

ids = st.integers(1, 40).map(lambda n: f"{n:018}")
bounds = st.one_of(st.just(""), ids)


@given(st.lists(ids), st.integers(1, 10), bounds, bounds, bounds)
def test_a_window_selects_rows_as_mastodon_does(
    present: list[str], limit: int, max_id: str, since_id: str, min_id: str
) -> None:
    rows = [[id, "x"] for id in present]
    window = Window(limit, max_id, since_id, min_id)
    inside = sorted({id for id in present if window.admits(id)})
    assert all(not max_id or id < max_id for id in inside)
    assert all(id > since_id and id > min_id for id in inside)
    nearest = inside[:limit] if min_id else inside[-limit:]
    assert [row[0] for row in window.select(rows)] == nearest[::-1]


def test_ids_sort_as_numbers_do() -> None:
    given = ["7", "0", "116123456789012345", "999999999999999999", "1000000000000000000"]
    given += ["99999999999999999999"]
    ordered = sorted(given, key=lambda id: min(int(id), 10**18 - 1))
    assert [normalize_id(id) for id in ordered] == sorted(normalize_id(id) for id in given)
    # A page below any larger number is the newest page: our ids have at most 18 digits.
    window = Window.of(5, "1000000000000000000", None, None)
    assert window.admits("116123456789012345")


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "٣", "1 ", "1" * 21, "²"])
def test_a_malformed_id_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        Window.of(20, bad, None, None)


def test_an_empty_bound_is_ignored() -> None:
    assert Window.of(20, "", None, "") == Window(20)


def test_a_window_gives_its_own_query_parameters() -> None:
    window = Window.of(7, "12", None, "3")
    sent = window.params()
    assert Window.of(int(sent.pop("limit")), sent.get("max_id"), None, sent.get("min_id")) == window


def test_newest_first_keeps_the_last_row_of_each_id() -> None:
    assert newest_first([["1", "a"], ["3"], ["1", "b"], ["2"]]) == [["3"], ["2"], ["1", "b"]]
