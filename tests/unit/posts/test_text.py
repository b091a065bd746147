"""Hashtags and mentions in the text of a post."""

from __future__ import annotations

import pytest

from services.chassis.errors import Invalid
from services.posts.domain.text import hashtags, mentioned_usernames
from services.shared.text import entities


def test_more_than_thirty_hashtags_are_refused() -> None:
    assert len(hashtags(entities(" ".join(f"#tag{n}" for n in range(30))))) == 30
    with pytest.raises(Invalid, match=r"at most 30 hashtags\. It has 31"):
        hashtags(entities(" ".join(f"#tag{n}" for n in range(31))))


def test_more_than_fifty_mentions_are_refused() -> None:
    assert len(mentioned_usernames(entities(" ".join(f"@user{n}" for n in range(50))), "")) == 50
    with pytest.raises(Invalid, match=r"at most 50 people\. It mentions 51"):
        mentioned_usernames(entities(" ".join(f"@user{n}" for n in range(51))), "")
