from __future__ import annotations

from pathlib import Path

import pytest

from bench.social_graph import EDGES, LARGEST, PEOPLE, SocialGraph, make_graph, read_graph


def test_the_best_connected_comes_first() -> None:
    graph = SocialGraph.from_edges([(7, 8), (9, 7), (7, 5), (5, 9)])
    assert [len(friends) for friends in graph.friends()] == [3, 2, 2, 1]


def test_loops_and_repeats_are_left_out() -> None:
    graph = SocialGraph.from_edges([(1, 2), (2, 1), (1, 1), (1, 2)])
    assert (graph.people, len(graph.edges)) == (2, 1)


def test_an_edge_is_a_follow_both_ways() -> None:
    assert SocialGraph.from_edges([(4, 3)]).follows() == [(0, 1), (1, 0)]


def test_friends_and_follows_agree() -> None:
    graph = make_graph(3, people=40, edges=120, largest=25)
    friends = graph.friends()
    assert sorted(graph.follows()) == sorted(
        (person, friend) for person in range(graph.people) for friend in friends[person]
    )


def test_the_best_connected_are_those_with_most_friends_and_the_edges_among_them() -> None:
    star_and_triangle = [(0, 1), (0, 2), (1, 2), (0, 3), (0, 4), (1, 5)]
    best = SocialGraph.from_edges(star_and_triangle).best_connected(3)
    assert (best.people, len(best.edges)) == (3, 3)


@pytest.mark.parametrize("count", [0, 6, 7])
def test_a_selection_of_all_or_more_is_the_whole_graph(count: int) -> None:
    graph = SocialGraph.from_edges([(0, 1), (2, 3), (4, 5)])
    assert graph.best_connected(count) is graph


def test_a_file_is_read_with_its_comments_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.edges"
    path.write_text("% a comment\n\n# another\n1 0\n15 0 1.0\n")
    assert read_graph(path).edges == {(0, 1), (0, 2)}


def test_an_invalid_edge_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.edges"
    path.write_text("1 0\none two\n")
    with pytest.raises(ValueError, match=r"a\.edges:2: not an edge"):
        read_graph(path)


def test_a_generated_graph_has_the_requested_size_and_hub() -> None:
    graph = make_graph(1)
    degrees = [len(friends) for friends in graph.friends()]
    assert len(graph.edges) == EDGES
    assert PEOPLE * 0.97 <= graph.people <= PEOPLE
    assert LARGEST * 0.9 <= degrees[0] <= LARGEST * 1.1
    assert degrees[graph.people // 2] < sum(degrees) / graph.people < degrees[0] / 4


def test_a_generated_graph_depends_only_on_its_seed() -> None:
    assert make_graph(5, 60, 200, 30) == make_graph(5, 60, 200, 30)
    assert make_graph(5, 60, 200, 30) != make_graph(6, 60, 200, 30)


def test_an_impossible_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot have"):
        make_graph(1, people=10, edges=40, largest=9)
