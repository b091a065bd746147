"""What a page of GraphQL says of where it lies."""

from __future__ import annotations

import pytest

from services.chassis.storage.window import Window
from services.gateway.graphql.connections import page, probe

DOWN = Window(2, max_id="9")
UP = Window(2, min_id="1")


@pytest.mark.parametrize(
    ("ids", "more", "window", "shown", "newer", "older", "onward"),
    [
        ("876", "6", DOWN, "87", True, True, "7"),
        ("876", "6", Window(2), "87", False, True, "7"),
        ("87", "", DOWN, "87", True, False, "7"),
        ("7", "", DOWN, "7", True, False, "7"),
        ("7", "5", DOWN, "7", True, True, "5"),
        ("", "5", DOWN, "", True, True, "5"),
        ("", "", DOWN, "", True, False, None),
        ("432", "4", UP, "32", True, True, "3"),
        ("32", "", UP, "32", False, True, "3"),
        ("2", "4", UP, "2", True, True, "4"),
        ("", "4", UP, "", True, True, "4"),
        ("", "", UP, "", False, True, None),
    ],
)
def test_one_more_row_shows_whether_there_is_another_page(
    ids: str, more: str, window: Window, shown: str, newer: bool, older: bool, onward: str | None
) -> None:
    assert probe(window).limit == window.limit + 1
    made = page([(id, id) for id in ids], window, more)
    info = made.page_info
    assert "".join(made.nodes) == shown
    assert (info.has_previous_page, info.has_next_page) == (newer, older)
    assert (info.start_cursor if window.ascending else info.end_cursor) == onward


def test_a_page_ends_where_the_service_stopped() -> None:
    made = page([("5", "5")], DOWN, "", first="8", last="3")
    assert (made.page_info.start_cursor, made.page_info.end_cursor) == ("8", "3")
