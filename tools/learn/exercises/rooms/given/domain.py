"""The rules of stories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import HTTPException

EDITABLE = timedelta(hours=1)
"""For how long a story may be edited, this time included."""


@dataclass
class Story:
    """A photo with a text."""

    author: str
    text: str
    told_at: datetime


def edit(story: Story, user: str, text: str) -> Story:
    """Change the text of a story."""
    if user != story.author:
        raise HTTPException(403, "This is not your story.")
    if datetime.now(UTC) - story.told_at > EDITABLE:
        raise HTTPException(409, "A story can be edited for an hour.")
    story.text = text
    return story
