"""What is in the text of a post: hashtags and mentions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from services.chassis.errors import Invalid
from services.contracts import limits

_HASH = re.compile(r"(?<![\w/&#=])[#\uff03](?=\w)")
_JOINERS = frozenset("_\u00b7\u200c\u30fb")
_MENTION = re.compile(r"(?<![\w/@.])@([A-Za-z0-9_]{1,30})(?![\w@]|[.-][\w.-]*@)")
_LINK = re.compile(r"\bhttps?://[^\s<>\"'`\\]{1,2000}")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})((?:-[a-zA-Z0-9]{2,8}){0,4})")


def tidy(text: str) -> str:
    """Text as it is kept: without NULs (some stores take none), and no space around it."""
    return text.replace("\x00", "").strip()


def length(text: str) -> int:
    """How many characters a text counts as: code points, and each link as one short one."""
    return len(_LINK.sub("x" * limits.LINK_CHARACTERS, text))


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags of a text without their #, normalised, each once, in order.

    What is all digits or too long is no hashtag. Raises `Invalid` for too many.
    """
    found = (normal_tag(raw) for raw in _raw_tags(text))
    tags = tuple(dict.fromkeys(tag for tag in found if tag))
    if len(tags) > limits.HASHTAGS:
        raise Invalid(f"A post can have at most {limits.HASHTAGS} hashtags; this has {len(tags)}.")
    return tags


def normal_tag(raw: str) -> str:
    """The one spelling of a hashtag (NFKC, lower case), or nothing if it is none."""
    tag = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", raw).lower())
    if not tag or len(tag) > limits.HASHTAG_CHARACTERS or not all(map(_in_tag, tag)):
        return ""
    return "" if all(character.isdigit() or character in _JOINERS for character in tag) else tag


def mentioned(text: str) -> tuple[str, ...]:
    """The names that a text mentions, lower-cased, each once, in order.

    Names at other servers (@somebody@example.org) are just text. Raises `Invalid` for too many.
    """
    names = tuple(dict.fromkeys(match[1].lower() for match in _MENTION.finditer(text)))
    if len(names) > limits.MENTIONS:
        raise Invalid(
            f"A post can mention at most {limits.MENTIONS} people; this mentions {len(names)}."
        )
    return names


def language_code(code: str | None) -> str | None:
    """A language code (BCP 47) in its usual spelling. Raises `Invalid` for what cannot be one."""
    if not code:
        return None
    match = _LANGUAGE.fullmatch(code.replace("_", "-"))
    if match is None:
        raise Invalid(f"«{code[:20]}» is not a language code such as «en» or «pt-BR».")
    return match[1].lower() + match[2]


def _raw_tags(text: str) -> Iterator[str]:
    for match in _HASH.finditer(text):
        end = match.end()
        while end < len(text) and _in_tag(text[end]):
            end += 1
        yield text[match.end() : end]


def _in_tag(character: str) -> bool:
    """Letters, digits and what joins them; marks too, without which no Hindi word is whole."""
    return (
        character.isalnum()
        or character in _JOINERS
        or unicodedata.category(character).startswith("M")
    )
