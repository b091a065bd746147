"""The grammar of hashtags: Mastodon's, with names normalized to Unicode NFKC.

A hashtag begins with a letter, a digit or an underscore. It may also contain marks (Hindi words
need them) and separators, but not end with a separator. It is not a number. The source is
`HASHTAG_RE` in `app/models/tag.rb` of Mastodon 4.3. The zero-width joiner is added, because some
words of Sinhala and Malayalam contain it.
"""

from __future__ import annotations

from unicodedata import category, normalize

from services.contracts import limits

SEPARATORS = "\u00b7\u30fb\u200c\u200d"
"""Permitted only inside a hashtag: two middle dots, and the zero-width (non-)joiner."""

_RAW_CHARACTERS = 4 * limits.MAX_HASHTAG_CHARACTERS
"""Longer text is not normalized, which would be slow: at most four characters compose to one."""


def normal_tag(raw: str) -> str:
    """The normal form of a hashtag (NFKC, lower case); empty if the text is no hashtag."""
    if len(raw) > _RAW_CHARACTERS:
        return ""
    tag = normalize("NFKC", normalize("NFKC", raw).lower()).rstrip(SEPARATORS)
    if not 1 <= len(tag) <= limits.MAX_HASHTAG_CHARACTERS or not all(map(_in_tag, tag)):
        return ""
    return tag if _starts_correctly(tag) and _is_not_a_number(tag) else ""


def end_of_tag(text: str, start: int, end: int) -> int:
    """The end of a hashtag, whose name starts at `start`, at most `end`."""
    last = start
    while last < end and _in_tag(text[last]):
        last += 1
    return start + len(text[start:last].rstrip(SEPARATORS))


def _in_tag(character: str) -> bool:
    return (
        character.isalnum()
        or character == "_"
        or character in SEPARATORS
        or category(character).startswith("M")
    )


def _starts_correctly(tag: str) -> bool:
    return tag[0].isalnum() or tag[0] == "_"


def _is_not_a_number(tag: str) -> bool:
    """Whether it has a letter, or a separator or underscore between digits."""
    between = tag.strip("_" + SEPARATORS)
    return any(map(str.isalpha, tag)) or any(character in "_" + SEPARATORS for character in between)
