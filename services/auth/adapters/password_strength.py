"""Refuses passwords that are easy to guess, as zxcvbn estimates it.

zxcvbn knows common passwords, names, words, dates and keyboard patterns, and combinations of them,
where a list knows only itself. `docs/decisions/0036` says why.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from zxcvbn import zxcvbn

MIN_GUESSES = 10**6
"""zxcvbn's bound against guesses at a login that is rate-limited (its score 2)."""

MAX_CHECKED_CHARACTERS = 16
"""The processor time of zxcvbn grows with the square of the length and more: the worst of 15,000
hostile passwords of 16 characters took 43 ms, of 64 characters 2.5 s. If the first characters are
hard to guess, so is the whole."""

_SITE_WORDS = ("microgram",)
_lock = threading.Lock()  # zxcvbn keeps the words of the user in a global dictionary


def weakness(password: str, username: str, email: str) -> str:
    """Return why a password is easy to guess, and what helps; empty if it is not.

    Needs up to 50 ms of processor time, so it does not belong on the event loop.
    """
    own_words = [username, email, *email.partition("@")[::2], *_SITE_WORDS]
    with _lock:
        found = zxcvbn(password[:MAX_CHECKED_CHARACTERS], user_inputs=own_words)
    if found["guesses"] >= MIN_GUESSES:
        return ""
    return f"is too easy to guess ({_advice(found['feedback'])})"


def _advice(feedback: dict[str, str | Sequence[str]]) -> str:
    """Return zxcvbn's sentences as one clause."""
    suggestions = feedback["suggestions"]
    first = suggestions[0] if suggestions else "Add another word or two."
    sentences = f"{feedback['warning']} {first}".strip().removesuffix(".").split(". ")
    return "; ".join(text[:1].lower() + text[1:] for text in sentences)
