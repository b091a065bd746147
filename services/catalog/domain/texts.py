"""Texts as people type them."""

from __future__ import annotations

from services.chassis.errors import Invalid
from services.contracts import limits
from services.shared.text import count, graphemes


def tidy(text: str) -> str:
    """A text as it is kept."""
    return text.replace("\x00", "").replace("\r\n", "\n").strip()


def titled(text: str, what: str) -> str:
    """A title or name as it is kept: one line, not empty. Raises `Invalid`."""
    title = " ".join(tidy(text).split())
    if not title:
        raise Invalid(f"{what} needs a name.")
    return named(title, what)


def named(text: str, what: str) -> str:
    """A name that may be empty, as it is kept. Raises `Invalid`."""
    name = " ".join(tidy(text).split())
    characters = graphemes(name)
    if characters > limits.TITLE_CHARACTERS:
        raise Invalid(
            f"The name of {what.lower()} has {characters} characters;"
            f" at most {limits.TITLE_CHARACTERS} are possible."
        )
    return name


def described(text: str) -> str:
    """A description as it is kept. Raises `Invalid`."""
    text = tidy(text)
    characters = count(text)
    if characters > limits.CHARACTERS:
        raise Invalid(
            f"The description has {characters} characters;"
            f" at most {limits.CHARACTERS} are possible."
        )
    return text
