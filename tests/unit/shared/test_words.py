"""The words and parts of words by which a text is found."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import limits
from services.shared.words import folded, has_no_blanks, index_terms, query_terms, words

JAPANESE = st.text("青いマグカップ日本語のー々", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Für KAFFEE, für Tee", ["fur", "kaffee", "tee"]),
        ("iPhoneケース 2個", ["iphone", "ケース", "2", "個"]),
        ("青い・マグ。", ["青い", "マク"]),
        ("हिन्दी में", ["हिनदी", "में"]),
        ("❤️ 1️⃣ mug\ufe0f !?", ["1", "mug"]),
        ("ＦＵＬＬ ﾏｸﾞ", ["full", "マク"]),  # noqa: RUF001
        ("a" * 40, ["a" * 30]),
    ],
)
def test_words_are_without_case_and_accents(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(JAPANESE, st.data())
def test_every_part_of_a_run_without_blanks_is_found_by_its_terms(
    run: str, data: st.DataObject
) -> None:
    (whole,) = words(run)
    start = data.draw(st.integers(0, len(whole) - 1))
    part = whole[start : data.draw(st.integers(start + 1, len(whole)))]
    assert has_no_blanks(part)
    assert set(query_terms(part)) <= set(index_terms(whole))


@given(st.text(max_size=60))
def test_words_of_any_text_are_in_it_and_folded_once(text: str) -> None:
    plain = folded(text)
    for word in words(text):
        assert word in plain
        assert words(word) == [word]
        assert set(query_terms(word)) <= set(index_terms(word))


@pytest.mark.parametrize(
    "hostile", ["a", "\u0301\u0316", "\ufdfa", "青", "क्", "a青", "\u0e31", "_ "]
)
def test_no_text_takes_more_than_a_moment(hostile: str) -> None:
    text = ("a" + hostile * limits.MAX_TEXT_CODE_POINTS)[: limits.MAX_TEXT_CODE_POINTS]
    took = []
    for _ in range(3):  # the machine may be busy
        began = thread_time()
        words(text)
        took.append(thread_time() - began)
    assert min(took) < 0.05
