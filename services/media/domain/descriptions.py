"""The description and the focal point of a picture."""

from __future__ import annotations

import math

from services.chassis.errors import Invalid
from services.contracts import limits
from services.contracts.texts import clean_prose
from services.shared.text import graphemes

Focus = tuple[float, float]

_INVALID_FOCUS = "The focus must be two numbers from -1 to 1, such as '0.0,0.5'."


def normalize_description(text: str) -> str:
    """Return a description, cleaned and without surrounding blanks. Raises `Invalid`."""
    text = clean_prose(text).strip()
    characters = graphemes(text)
    if characters > limits.MAX_DESCRIPTION_CHARACTERS:
        raise Invalid(
            f"The description has {characters} characters;"
            f" at most {limits.MAX_DESCRIPTION_CHARACTERS} are allowed."
        )
    return text


def check_focus(x: float, y: float) -> Focus:
    """Return the focal point, each coordinate from -1 to 1. Raises `Invalid`."""
    if not all(math.isfinite(part) and -1 <= part <= 1 for part in (x, y)):
        raise Invalid(_INVALID_FOCUS)
    return (x, y)


def parse_focus(text: str) -> Focus:
    """Parse the focal point of a query, the centre if it is empty. Raises `Invalid`."""
    if not text:
        return (0.0, 0.0)
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise Invalid(_INVALID_FOCUS) from None
    return check_focus(x, y)
