"""What conditions say: every form of RFC 9110, 13.1, and of what is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.chassis.http.preconditions import Condition, EntityTags

OPAQUE = st.text(st.sampled_from("!#,;=*/W abc123é\\".replace(" ", "")), max_size=8)
BLANK = st.sampled_from(["", " ", "\t", "  "])
TAG = st.tuples(OPAQUE, st.booleans())


def written(tags: list[tuple[str, bool]], blanks: list[str]) -> str:
    quoted = [f'{"W/" if weak else ""}"{opaque}"' for opaque, weak in tags]
    return ",".join(f"{blank}{tag}{blank}" for tag, blank in zip(quoted, blanks, strict=False))


@given(st.lists(TAG, min_size=1, max_size=8), st.lists(BLANK, min_size=8, max_size=8))
@example([("1", False), ("2", True)], [" "] * 8)
@example([("a,b", False), ("W/", False), ("", True)], [""] * 8)
def test_each_entity_tag_of_a_list_is_parsed(
    tags: list[tuple[str, bool]], blanks: list[str]
) -> None:
    read = EntityTags.of(written(tags, blanks))
    strong = {opaque for opaque, weak in tags if not weak}
    assert read.strong == strong
    assert not read.any
    assert read.weak == {opaque for opaque, weak in tags if weak}
    for opaque, _ in tags:
        assert read.has(opaque) == (opaque in strong)
        assert read.resembles(opaque)
    assert not read.resembles("another")


@pytest.mark.parametrize("text", ["*", " * ", "\t*"])
def test_a_star_matches_any_version(text: str) -> None:
    read = EntityTags.of(text)
    assert read.has("7")
    assert read.resembles("7")


@pytest.mark.parametrize(
    ("text", "strong", "weak"),
    [
        ("3", {"3"}, set()),
        ("3, 4", {"3", "4"}, set()),
        ('"3",,, ,"4",', {"3", "4"}, set()),
        ("", set(), set()),
        (",", set(), set()),
        ('w/"3"', set(), set()),
        ('"3', set(), set()),
        ('"3" "4"', set(), set()),
        ('"1", rubbish"', {"1"}, set()),
        ('W/"3"', set(), {"3"}),
        ('"*"', {"*"}, set()),
    ],
)
def test_unquoted_tags_count_and_malformed_ones_do_not(
    text: str, strong: set[str], weak: set[str]
) -> None:
    read = EntityTags.of(text)
    assert read == EntityTags(frozenset(strong), frozenset(weak))


@given(st.text(max_size=200))
def test_any_header_can_be_parsed(text: str) -> None:
    read = EntityTags.of(text)
    assert read.any == (text.strip(" \t") == "*")


@pytest.mark.parametrize("text", ['"' * 40_000, " ," * 40_000, "a" * 40_000 + '"', 'W/"' * 20_000])
def test_parsing_takes_linear_time(text: str) -> None:
    began = time.process_time()
    EntityTags.of(text)
    assert time.process_time() - began < 1


def test_a_condition_is_satisfied_by_some_versions() -> None:
    def holds(match: str | None, none: str | None) -> bool:
        given = (None if text is None else EntityTags.of(text) for text in (match, none))
        return 3 in Condition(*given)

    assert holds('"3"', None)
    assert holds('"1", "3"', None)
    assert holds("*", None)
    assert holds(None, '"1", W/"2"')
    assert holds("*", '"4"')
    assert not holds('W/"3"', None)
    assert not holds('"4"', None)
    assert not holds("", None)
    assert not holds(None, "*")
    assert not holds(None, 'W/"3"')
    assert not holds('"3"', '"3"')
    assert 3 in Condition.on(3)
    assert 4 not in Condition.on(3)
