"""Lists of types of notifications, in whichever way a client writes them."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import orjson
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.clients.notifications import NotificationFilter
from services.contracts.notifications import TYPES
from services.gateway.rest.notification_filters import notification_filter

Pairs = list[tuple[str, str]]

HOW: dict[str, Callable[[str, list[str]], Pairs]] = {
    "a list": lambda name, types: [(f"{name}[]", each) for each in types],
    "a numbered list": lambda name, types: [
        (f"{name}[{turn}]", each) for turn, each in enumerate(types)
    ],
    "commas": lambda name, types: [(name, ", ".join(types))],
    "JSON": lambda name, types: [(name, orjson.dumps(types).decode())],
    "a list of one JSON": lambda name, types: [(f"{name}[]", orjson.dumps(types).decode())],
    "Python": lambda name, types: [(name, repr(types))],
}

words = st.text("abcdefmnoit:._-/2", min_size=1, max_size=60).filter(lambda w: w not in TYPES)
lists = st.lists(st.one_of(st.sampled_from(sorted(TYPES)), words), min_size=1, max_size=60)


def chosen(pairs: Pairs) -> NotificationFilter:
    """What is asked of notifications for an address with these parameters."""
    query = urlencode(pairs).encode()
    return notification_filter(Request({"type": "http", "query_string": query, "headers": []}))


@given(types=lists, how=st.sampled_from(sorted(HOW)))
def test_known_types_are_selected_and_others_ignored(types: list[str], how: str) -> None:
    for name in ("types", "exclude_types"):
        known = sorted(TYPES.intersection(types))
        assert chosen(HOW[how](name, types)) == {name: ",".join(known)}


@given(types=st.text(max_size=200), name=st.sampled_from(["types", "types[]", "types[a]"]))
def test_any_text_as_types_is_accepted(types: str, name: str) -> None:
    named = chosen([(name, types)]).get("types", "")
    assert {*named.split(",")} - {""} <= TYPES


def test_without_types_all_are_selected() -> None:
    assert chosen([("types[]", ""), ("exclude_types", "")]) == {}
