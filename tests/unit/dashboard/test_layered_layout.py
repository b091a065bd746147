"""The layout of the map: nodes apart, calls from left to right, cycles allowed."""

from __future__ import annotations

import random

from tools.dashboard.web.layered_layout import NODE_HEIGHT, NODE_WIDTH, path, place


def test_who_is_called_stands_right_of_the_first_caller() -> None:
    drawing = place(["feed", "gateway", "posts"], {("gateway", "posts"), ("posts", "feed")})
    x = {name: node.x for name, node in drawing.nodes.items()}
    assert x["gateway"] < x["posts"] < x["feed"]


def test_a_cycle_and_a_call_of_oneself_are_placed_too() -> None:
    links = {("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")}
    drawing = place(["a", "b", "c"], links)
    assert set(drawing.nodes) == {"a", "b", "c"}
    for source, target in links:
        assert path(drawing.nodes[source], drawing.nodes[target]).startswith("M")


def test_no_two_nodes_overlap_and_all_are_inside() -> None:
    names = [f"service{number}" for number in range(12)]
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311
        links = {(chance.choice(names), chance.choice(names)) for _ in range(30)}
        drawing = place(names, links)
        nodes = list(drawing.nodes.values())
        assert len(nodes) == len(names)
        for number, node in enumerate(nodes):
            assert 0 <= node.left <= drawing.width - NODE_WIDTH
            assert 0 <= node.top <= drawing.height - NODE_HEIGHT
            for other in nodes[number + 1 :]:
                apart = abs(node.x - other.x) >= NODE_WIDTH or abs(node.y - other.y) >= NODE_HEIGHT
                assert apart, (node, other)


def test_an_empty_map_has_a_size() -> None:
    drawing = place([], set())
    assert drawing.width > 0
    assert drawing.height > 0


def test_what_is_named_first_stands_at_the_left_of_a_cycle() -> None:
    links = {("auth", "users"), ("gateway", "auth"), ("users", "gateway")}
    drawing = place(["auth", "gateway", "users"], links, {"gateway"})
    x = {name: node.x for name, node in drawing.nodes.items()}
    assert x["gateway"] < x["auth"] < x["users"]
