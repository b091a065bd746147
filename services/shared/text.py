"""Finds the links, mentions and hashtags of a plain text, and counts its characters.

Links are found first, then mentions and hashtags in the rest. Notifications, stored tags, links in
HTML and character counts all use the same entities. Every pattern takes linear time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import category

from wcwidth import iter_graphemes

from services.contracts import limits
from services.shared.hashtags import end_of_tag, normal_tag

_NEVER = r"\s\x00-\x20\x7f-\xa0\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
"""Characters that always end a link: blanks, control characters and invisible ones."""

_TAIL = rf"[^{_NEVER}\"<>\\`]"
_LABEL = (
    rf"[^{_NEVER}\x21-\x2c./\x3a-\x40\x5b-\x5e`\x7b-\x7e"
    r"\u2000-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
"""A character of a label of a host name, also an international one; no punctuation."""

_HOST = rf"(?:\[[0-9a-f:.]{{2,45}}\]|(?:{_LABEL}+\.)*(?:[a-z0-9_-]+|{_LABEL}+))"
"""RFC 3986. Text of another script may follow an ASCII top-level domain without a blank."""

_LINK = re.compile(
    r"(?<![a-z0-9])(?:"
    rf"(?P<web>https?://(?:[\w.~%!$&*+;=:-]+@)?(?P<host>{_HOST})(?::\d{{0,5}})?(?:[/?#]{_TAIL}*)?)"
    rf"|[a-z][a-z0-9]*://{_TAIL}*)",
    re.IGNORECASE,
)
"""A web link, or a URL of another scheme, which is skipped."""

_ACCENTED = r"\u00c0-\u02af\u0300-\u036f\u1e00-\u1eff"
_NAME = re.compile(
    r"(?<![\w/&#=)])(?P<hash>[#\uff03])(?=\w)"
    r"|(?<![\w/@=])@(?P<name>[A-Za-z0-9_]++)"
    r"(?:(?P<more>(?:[.-][A-Za-z0-9_]+)*+)@(?P<host>"
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:\w+[.-]+)*(?:[A-Za-z0-9_]+|\w+))(?::\d{1,5}(?!\d))?))?+"
    rf"(?![@{_ACCENTED}]|://)",
)
"""The sign of a hashtag, or a mention as in Mastodon 4.3 (`Account::MENTION_RE`).

One difference: a name has no dots here, so the name in "@ann.Really" is "ann".
"""

_PAIRS = dict(
    zip(")]}\uff09\uff3d\uff5d」』】》〉", "([{\uff08\uff3b\uff5b「『【《〈", strict=True)
)
_BRACKETS = re.compile(f"[{re.escape(''.join([*_PAIRS, *_PAIRS.values()]))}]")
_ENDS_A_SENTENCE = ".,;:!?'*~([{"


@dataclass(frozen=True, slots=True)
class Link:
    """A web link."""

    start: int
    end: int
    url: str


@dataclass(frozen=True, slots=True)
class MentionSpan:
    """A mention; `host` is empty unless it is a full handle."""

    start: int
    end: int
    name: str
    host: str

    def is_at(self, host: str) -> bool:
        """Whether the mentioned user is at this host (with its port, if it has one)."""
        return self.host.lower() in ("", host.lower())


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag; `name` is its normal form, without the #."""

    start: int
    end: int
    name: str


Entity = Link | MentionSpan | Hashtag


def entities(text: str) -> tuple[Entity, ...]:
    """The links, mentions and hashtags of a text, in order; no two overlap."""
    found: list[Entity] = []
    done = 0
    while match := _LINK.search(text, done):
        found += _names(text, done, match.start())
        done = match.end()
        if match["web"]:
            done = _end_of_link(text, match.start(), done)
            if done > match.start("host"):
                found.append(Link(match.start(), done, text[match.start() : done]))
    return (*found, *_names(text, done, len(text)))


def names_in(found: Iterable[Entity], host: str) -> tuple[str, ...]:
    """The mentioned names at a host in lower case, each once, in order."""
    mentions = (e for e in found if isinstance(e, MentionSpan) and e.is_at(host))
    return tuple(dict.fromkeys(mention.name.lower() for mention in mentions))


def tags_in(found: Iterable[Entity]) -> tuple[str, ...]:
    """The names of the hashtags, each once, in order."""
    return tuple(dict.fromkeys(entity.name for entity in found if isinstance(entity, Hashtag)))


def count(text: str, found: Iterable[Entity] | None = None) -> int:
    """The length of a text for limits, as in Mastodon's `StatusLengthValidator`.

    It counts graphemes. A link counts as `LINK_CHARACTERS`, and a full handle without its host.
    """
    pieces: list[str] = []
    done = 0
    for entity in entities(text) if found is None else found:
        if isinstance(entity, Hashtag):
            continue
        short = "x" * limits.LINK_CHARACTERS if isinstance(entity, Link) else f"@{entity.name}"
        pieces += [text[done : entity.start], short]
        done = entity.end
    return graphemes("".join((*pieces, text[done:])))


def graphemes(text: str) -> int:
    """The number of visible characters: extended grapheme clusters (UAX #29)."""
    return sum(1 for _ in iter_graphemes(text))


def _names(text: str, start: int, end: int) -> Iterator[Hashtag | MentionSpan]:
    done = start
    while match := _NAME.search(text, done, end):
        done = match.end()
        if match["hash"]:
            done = end_of_tag(text, done, end)
            if name := normal_tag(text[match.end() : done]):
                yield Hashtag(match.start(), done, name)
        else:
            name = match["name"] + (match["more"] or "")
            yield MentionSpan(match.start(), done, name, match["host"] or "")


def _end_of_link(text: str, start: int, end: int) -> int:
    """The end of a link without punctuation after it, or a bracket that opened before it."""
    opened: Counter[str] = Counter()
    for match in _BRACKETS.finditer(text, start, end):
        if match[0] not in _PAIRS:
            opened[match[0]] += 1
        elif opened[_PAIRS[match[0]]]:
            opened[_PAIRS[match[0]]] -= 1
        else:
            end = match.start()
            break
    while _ends_a_sentence(text[end - 1]):
        end -= 1
    return end


def _ends_a_sentence(character: str) -> bool:
    if character.isascii():
        return character in _ENDS_A_SENTENCE
    kind = category(character)
    return kind.startswith("P") and kind not in ("Pc", "Pd")
