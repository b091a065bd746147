"""Texts that people write: free of characters that change what stands around them.

A bidirectional override can make one name or address look like another, and an isolate that is left
open turns the rest of the page. Every text of a contract has one of these types, in requests and in
what services give, so that texts of older rules are clean too where they are read. Marks (LRM, RLM,
ALM) and joiners stay: people write with them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_ISOLATE_ENDS = "\u2069"
_ISOLATES = re.compile("([\u2066-\u2069])")
_MAX_ISOLATES = 16
"""Open at the same time. Unicode allows 125; people write with one or two."""

_NEVER = "\u202a-\u202e\u206a-\u206f\ufffe\uffff\ud800-\udfff"
"""Embeddings and overrides, which isolates replace (UAX #9), deprecated format characters, and what
is no character: halves of pairs, which JSON cannot contain, and two that XML cannot."""

_IN_NO_LINE = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u2066-\u2069{_NEVER}]")
_LINE_BREAKS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]+")
_NOT_IN_LINES = re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u2028\u2029\u2066-\u2069{_NEVER}]")
_PARAGRAPHS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(f"[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f{_NEVER}]")


def clean_line(text: str) -> str:
    """A text on one line, without any character that changes the direction of text."""
    if text.isprintable() or _IN_NO_LINE.search(text) is None:
        return text
    return _IN_NO_LINE.sub("", _LINE_BREAKS.sub(" ", text))


def clean_prose(text: str) -> str:
    """A text of several lines. Isolates stay; those that a line leaves open end with it."""
    if text.isprintable() or _NOT_IN_LINES.search(text) is None:
        return text
    plain = _CONTROLS.sub("", _PARAGRAPHS.sub("\n", text))
    return "\n".join(map(_balanced, plain.split("\n")))


def _balanced(line: str) -> str:
    pieces: list[str] = []
    is_open, dropped = 0, 0
    for piece in _ISOLATES.split(line):
        if piece == _ISOLATE_ENDS:
            if dropped or not is_open:
                dropped = max(0, dropped - 1)
                continue
            is_open -= 1
        elif _ISOLATES.fullmatch(piece):
            if is_open == _MAX_ISOLATES:
                dropped += 1
                continue
            is_open += 1
        pieces.append(piece)
    return "".join(pieces) + _ISOLATE_ENDS * is_open


def _line(given: Any) -> Any:
    return clean_line(given) if isinstance(given, str) else given


def _prose(given: Any) -> Any:
    return clean_prose(given) if isinstance(given, str) else given


Line = Annotated[str, BeforeValidator(_line)]
"""A name, a title or a reason: shown on one line, often among texts of others."""

Prose = Annotated[str, BeforeValidator(_prose)]
"""The text of a post, a description, a note or a message: shown in a block of its own."""
