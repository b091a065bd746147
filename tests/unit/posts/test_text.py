"""What a post takes of its text: its hashtags, its mentions, and its language."""

from __future__ import annotations

import pytest

from services.chassis.errors import Invalid
from services.posts.domain.text import hashtags, language_code, mentioned
from services.shared.text import entities


def test_more_than_thirty_hashtags_are_refused() -> None:
    assert len(hashtags(entities(" ".join(f"#tag{n}" for n in range(30))))) == 30
    with pytest.raises(Invalid, match="at most 30 hashtags; this has 31"):
        hashtags(entities(" ".join(f"#tag{n}" for n in range(31))))


def test_more_than_fifty_mentions_are_refused() -> None:
    assert len(mentioned(entities(" ".join(f"@user{n}" for n in range(50))), "")) == 50
    with pytest.raises(Invalid, match="at most 50 people; this mentions 51"):
        mentioned(entities(" ".join(f"@user{n}" for n in range(51))), "")


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
