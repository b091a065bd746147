"""Language tags of clients."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.languages import language_code


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        *((none, None) for none in (None, "", " ", "C", "POSIX", "C.UTF-8", "e", "english", "e1")),
        *((none, None) for none in ("xx", "und", "mul", "!!", "i-klingon", "\0", "12")),
        *((plain, "en") for plain in ("en", "EN", " en ", "en_US@euro", "en-US,en;q=0.9", "en-")),
        ("en-US", "en-US"),
        ("pt-BR", "pt-BR"),
        ("zh_TW", "zh-TW"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("de-CH-1996", "de-CH-1996"),
        ("gsw", "gsw"),
        ("en-US-u-mu-celsius", "en"),
        ("ar-EG-u-nu-latn", "ar"),
        ("pt_BR.UTF-8", "pt"),
        ("de_DE.UTF-8@euro", "de"),
        ("ja-JP-u-ca-japanese-x-" + "y" * 10_000, "ja"),
    ],
)
def test_known_languages_are_normalized_and_others_are_none(
    written: str | None, kept: str | None
) -> None:
    assert language_code(written) == kept


TAGS = st.from_regex(
    r"[a-z]{2,3}([-_][A-Za-z0-9]{1,9}){0,5}([.@][A-Za-z0-9-]{0,9})?", fullmatch=True
)


@given(st.one_of(st.text(), TAGS))
def test_any_text_gives_a_tag_or_none(written: str) -> None:
    kept = language_code(written)
    assert kept is None or re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", kept)
    assert language_code(kept) == kept


@given(TAGS.map(lambda tag: "en" + tag[3:] if tag[2:3].isalpha() else "en" + tag[2:]))
def test_text_after_a_known_language_does_not_hide_it(written: str) -> None:
    kept = language_code(written)
    assert kept is not None
    assert kept.partition("-")[0] == "en"
