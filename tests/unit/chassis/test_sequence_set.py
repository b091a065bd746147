from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.consuming.sequence_set import SequenceSet

numbers = st.lists(st.integers(1, 60), max_size=40)


def members(seen: SequenceSet, last: int = 80) -> set[int]:
    missing = {n for low, high in seen.missing(last) for n in range(low, high + 1)}
    return set(range(1, last + 1)) - missing


@given(st.lists(numbers, max_size=5))
def test_a_sequence_set_has_what_was_added_in_any_order(batches: list[list[int]]) -> None:
    seen = SequenceSet()
    for batch in batches:
        seen = seen.add(batch)
    assert members(seen) == {n for batch in batches for n in batch}


@given(numbers, numbers, st.integers(0, 60))
def test_a_merge_is_the_union(ours: list[int], theirs: list[int], upto: int) -> None:
    merged = SequenceSet().add(ours).merge(SequenceSet().add(theirs).upto(upto))
    assert members(merged) == {*ours, *theirs, *range(1, upto + 1)}


@given(numbers, st.integers(0, 80))
def test_gaps_are_sorted_disjoint_and_within_the_limit(added: list[int], last: int) -> None:
    gaps = SequenceSet().add(added).missing(last)
    assert all(1 <= low <= high <= last for low, high in gaps)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(gaps))
    assert {n for low, high in gaps for n in range(low, high + 1)} == {
        n for n in range(1, last + 1) if n not in added
    }


def test_numbers_in_order_are_stored_as_one_number() -> None:
    seen = SequenceSet()
    for n in range(1, 1000):
        seen = seen.add([n])
    assert seen == SequenceSet(999)
    assert seen.add([1001]) == SequenceSet(999, ((1001, 1001),))


def test_the_top_is_the_highest_number() -> None:
    assert SequenceSet().top == 0
    assert SequenceSet(3).top == 3
    assert SequenceSet(3, ((5, 6), (9, 9))).top == 9
