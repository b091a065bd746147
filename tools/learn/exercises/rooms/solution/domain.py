"""The rules of stories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.chassis.errors import Conflict, Forbidden

EDITABLE = timedelta(hours=1)
"""For how long a story may be edited, this time included."""


@dataclass(frozen=True)
class Story:
    """A photo with a text."""

    author: str
    text: str
    told_at: datetime


def edit(story: Story, user: str, text: str, now: datetime) -> Story:
    """Return the story with another text. Raises `Forbidden` or `Conflict`."""
    if user != story.author:
        raise Forbidden("This is not your story.")
    if now - story.told_at > EDITABLE:
        raise Conflict("A story can be edited for an hour.")
    return replace(story, text=text)
