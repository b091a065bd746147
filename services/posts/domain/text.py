"""What is in the text of a post: hashtags and mentions."""

from __future__ import annotations

from collections.abc import Iterable

from services.chassis.errors import Invalid
from services.contracts import limits
from services.shared.text import Entity, names_in, tags_in


def clean(text: str) -> str:
    """Text as it is kept: without NULs (some stores take none), and no space around it."""
    return text.replace("\x00", "").strip()


def hashtags(found: Iterable[Entity]) -> tuple[str, ...]:
    """The hashtags of a text without their #, normalised, each once, in order.

    Raises `Invalid` for too many.
    """
    tags = tags_in(found)
    if len(tags) > limits.HASHTAGS:
        raise Invalid(f"A post can have at most {limits.HASHTAGS} hashtags; this has {len(tags)}.")
    return tags


def mentioned_usernames(found: Iterable[Entity], host: str) -> tuple[str, ...]:
    """The names of people here that a text mentions, lower-cased, each once, in order.

    `host` is this place. Names at other servers are just text. Raises `Invalid` for too many.
    """
    names = names_in(found, host)
    if len(names) > limits.MENTIONS:
        raise Invalid(
            f"A post can mention at most {limits.MENTIONS} people; this mentions {len(names)}."
        )
    return names
