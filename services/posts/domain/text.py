"""Hashtags and mentions in the text of a post."""

from __future__ import annotations

from collections.abc import Iterable

from services.chassis.errors import Invalid
from services.contracts import limits
from services.contracts.texts import clean_prose
from services.shared.text import Entity, names_in, tags_in


def clean(text: str) -> str:
    """Return text without control characters, open isolates and surrounding whitespace."""
    return clean_prose(text).strip()


def hashtags(found: Iterable[Entity]) -> tuple[str, ...]:
    """Return the distinct normalized hashtags without their #, in order.

    Raises `Invalid` for too many.
    """
    tags = tags_in(found)
    if len(tags) > limits.MAX_HASHTAGS:
        raise Invalid(
            f"A post can have at most {limits.MAX_HASHTAGS} hashtags. It has {len(tags)}."
        )
    return tags


def mentioned_usernames(found: Iterable[Entity], host: str) -> tuple[str, ...]:
    """Return the distinct lower-case usernames of mentioned users of this instance, in order.

    `host` is the host of this instance. Names of other hosts are plain text. Raises `Invalid` for
    too many.
    """
    names = names_in(found, host)
    if len(names) > limits.MAX_MENTIONS:
        raise Invalid(
            f"A post can mention at most {limits.MAX_MENTIONS} people. It mentions {len(names)}."
        )
    return names
