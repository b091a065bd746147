"""The grammar of hashtags: Mastodon's, with the names normalised as Unicode says (NFKC).

A hashtag begins with a letter, a digit or an underscore. Inside it may stand, besides those, marks
(no Hindi word is whole without them) and separators. It ends in no separator, and it is not a
number. The source is `HASHTAG_RE` in Mastodon 4.3's `app/models/tag.rb`; the zero-width joiner is
added, because some words of Sinhala and Malayalam are spelled with it.
"""

from __future__ import annotations

from unicodedata import category, normalize

from services.contracts import limits

SEPARATORS = "\u00b7\u30fb\u200c\u200d"
"""What may stand inside a hashtag only: two middle dots, and the zero-width (non-)joiner."""

_RAW_CHARACTERS = 4 * limits.HASHTAG_CHARACTERS
"""No more become one when they are composed; what is longer is not normalised, which takes time."""


def normal_tag(raw: str) -> str:
    """The one spelling of a hashtag (NFKC, lower case), or nothing if it is none."""
    if len(raw) > _RAW_CHARACTERS:
        return ""
    tag = normalize("NFKC", normalize("NFKC", raw).lower()).rstrip(SEPARATORS)
    if not 1 <= len(tag) <= limits.HASHTAG_CHARACTERS or not all(map(_in_tag, tag)):
        return ""
    return tag if _is_begun(tag) and _is_a_word(tag) else ""


def end_of_tag(text: str, start: int, end: int) -> int:
    """Where the hashtag ends whose first character after the # is at `start`, before `end`."""
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


def _is_begun(tag: str) -> bool:
    return tag[0].isalnum() or tag[0] == "_"


def _is_a_word(tag: str) -> bool:
    """Whether there is a letter in it, or something between two digits: no number is a hashtag."""
    between = tag.strip("_" + SEPARATORS)
    return any(map(str.isalpha, tag)) or any(one in "_" + SEPARATORS for one in between)
