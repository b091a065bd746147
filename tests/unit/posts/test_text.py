"""What counts as a hashtag, a mention, a language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.posts.domain.text import hashtags, language_code, mentioned, normal_tag

WORDS = st.from_regex(r"[a-zäöüß日本]{1,20}[0-9]{0,3}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,29}", fullmatch=True)
BETWEEN = st.sampled_from([" ", "\n", ", ", ". ", " (", ") ", " / ", "! "])


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#sunrise over #Harbour", ("sunrise", "harbour")),
        ("(#sunrise), #sunrise! #SUNRISE", ("sunrise",)),
        ("#2026 #no1 #1st", ("no1", "1st")),
        ("#日本 #Straße #हिन्दी #café", ("日本", "straße", "हिन्दी", "café")),
        ("#\uff26ull \uff03wide", ("full", "wide")),
        ("a#b https://example.org/#top &#39; ?q=#x ##twice", ()),
        ("# #! #_ #__1", ()),
        ("#snake_case #kebab-case", ("snake_case", "kebab")),
        ("#" + "a" * 100, ("a" * 100,)),
        ("#" + "a" * 101, ()),
    ],
)
def test_hashtags(text: str, tags: tuple[str, ...]) -> None:
    assert hashtags(text) == tags


@given(st.lists(WORDS, max_size=30), BETWEEN)
def test_every_hashtag_between_other_text_is_found_once(words: list[str], between: str) -> None:
    text = "so" + "".join(f"{between}#{word}" for word in words) + between
    assert hashtags(text) == tuple(dict.fromkeys(normal_tag(word) for word in words))


@given(st.text(max_size=300))
def test_hashtags_of_any_text_are_normal(text: str) -> None:
    try:
        tags = hashtags(text)
    except Invalid:
        return
    assert len(set(tags)) == len(tags)
    for tag in tags:
        assert 1 <= len(tag) <= 100
        assert normal_tag(tag) == tag
        assert hashtags(f"#{tag}") in ((tag,), ())  # some may not begin a word


def test_more_than_thirty_hashtags_are_refused() -> None:
    assert len(hashtags(" ".join(f"#tag{n}" for n in range(30)))) == 30
    with pytest.raises(Invalid, match="at most 30 hashtags; this has 31"):
        hashtags(" ".join(f"#tag{n}" for n in range(31)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ann and @Bob, @ann!", ("ann", "bob")),
        ("(@ann) @bob.", ("ann", "bob")),
        ("ann@example.org @ann@example.org https://example.org/@ann", ()),
        ("@ @! @@ann", ()),
        ("@ann.Really @a_b @ann.b@example.org @" + "a" * 31, ("ann", "a_b")),
    ],
)
def test_mentions(text: str, names: tuple[str, ...]) -> None:
    assert mentioned(text) == names


@given(st.lists(NAMES, max_size=50), BETWEEN)
def test_every_mention_between_other_text_is_found_once(names: list[str], between: str) -> None:
    text = "so" + "".join(f"{between}@{name}" for name in names) + between
    assert mentioned(text) == tuple(dict.fromkeys(names))


@given(st.text(max_size=300))
def test_mentions_of_any_text_are_names_in_it(text: str) -> None:
    try:
        names = mentioned(text)
    except Invalid:
        return
    for name in names:
        assert f"@{name}" in text.lower()


def test_more_than_fifty_mentions_are_refused() -> None:
    assert len(mentioned(" ".join(f"@user{n}" for n in range(50)))) == 50
    with pytest.raises(Invalid, match="at most 50 people; this mentions 51"):
        mentioned(" ".join(f"@user{n}" for n in range(51)))


@pytest.mark.parametrize(
    ("code", "kept"),
    [(None, None), ("", None), ("en", "en"), ("EN", "en"), ("pt-BR", "pt-BR"), ("zh_TW", "zh-TW")],
)
def test_language_codes(code: str | None, kept: str | None) -> None:
    assert language_code(code) == kept


@pytest.mark.parametrize("code", ["e", "english", "e1", "en-", "en;drop", "en-waytoolongpart"])
def test_what_is_no_language_code_is_refused(code: str) -> None:
    with pytest.raises(Invalid, match="not a language code"):
        language_code(code)
