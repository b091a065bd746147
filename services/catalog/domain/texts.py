"""Normalization of the texts of shops and products."""

from __future__ import annotations

from services.chassis.errors import Invalid
from services.contracts import limits
from services.contracts.texts import clean_line, clean_prose
from services.shared.text import count, graphemes


def clean(text: str) -> str:
    """Return the text without control characters, open isolates and surrounding blanks."""
    return clean_prose(text).strip()


def normalize_title(text: str, what: str) -> str:
    """Return a title or name on one line. Raises `Invalid` if it is empty or too long."""
    title = _single_line(text)
    if not title:
        raise Invalid(f"{what} needs a name.")
    return normalize_name(title, what)


def normalize_name(text: str, what: str) -> str:
    """Return a name on one line, which may be empty. Raises `Invalid` if it is too long."""
    name = _single_line(text)
    characters = graphemes(name)
    if characters > limits.MAX_TITLE_CHARACTERS:
        raise Invalid(
            f"The name of {what.lower()} has {characters} characters;"
            f" at most {limits.MAX_TITLE_CHARACTERS} are allowed."
        )
    return name


def normalize_description(text: str) -> str:
    """Return a description. Raises `Invalid` if it is too long."""
    text = clean(text)
    characters = count(text)
    if characters > limits.MAX_POST_CHARACTERS:
        raise Invalid(
            f"The description has {characters} characters;"
            f" at most {limits.MAX_POST_CHARACTERS} are allowed."
        )
    return text


def _single_line(text: str) -> str:
    return " ".join(clean_line(text).split())
