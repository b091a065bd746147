"""Texts as people type them."""

from __future__ import annotations

from services.chassis.errors import Invalid
from services.contracts import limits
from services.shared.text import count, graphemes


def clean(text: str) -> str:
    """A text as it is kept."""
    return text.replace("\x00", "").replace("\r\n", "\n").strip()


def normalize_title(text: str, what: str) -> str:
    """A title or name as it is kept: one line, not empty. Raises `Invalid`."""
    title = " ".join(clean(text).split())
    if not title:
        raise Invalid(f"{what} needs a name.")
    return normalize_name(title, what)


def normalize_name(text: str, what: str) -> str:
    """A name that may be empty, as it is kept. Raises `Invalid`."""
    name = " ".join(clean(text).split())
    characters = graphemes(name)
    if characters > limits.TITLE_CHARACTERS:
        raise Invalid(
            f"The name of {what.lower()} has {characters} characters;"
            f" at most {limits.TITLE_CHARACTERS} are possible."
        )
    return name


def normalize_description(text: str) -> str:
    """A description as it is kept. Raises `Invalid`."""
    text = clean(text)
    characters = count(text)
    if characters > limits.CHARACTERS:
        raise Invalid(
            f"The description has {characters} characters;"
            f" at most {limits.CHARACTERS} are possible."
        )
    return text
