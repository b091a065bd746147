"""Finds the links, mentions and hashtags of a plain text, and counts its characters.

Links are found first; mentions and hashtags only in what is left. Who is told, what is stored,
what is linked and what is counted all follow from the same spans. Every pattern is linear in the
length of the text.
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
"""What ends a link in any case: blanks, control characters, and what cannot be seen."""

_TAIL = rf"[^{_NEVER}\"<>\\`]"
_LABEL = (
    rf"[^{_NEVER}\x21-\x2c./\x3a-\x40\x5b-\x5e`\x7b-\x7e"
    r"\u2000-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
"""Of a label of a host name: also of an internationalised one, but no punctuation."""

_HOST = rf"(?:\[[0-9a-f:.]{{2,45}}\]|(?:{_LABEL}+\.)*(?:[a-z0-9_-]+|{_LABEL}+))"
"""RFC 3986. After an ASCII top-level domain, text of another script may follow without a blank."""

_LINK = re.compile(
    r"(?<![a-z0-9])(?:"
    rf"(?P<web>https?://(?:[\w.~%!$&*+;=:-]+@)?(?P<host>{_HOST})(?::\d{{0,5}})?(?:[/?#]{_TAIL}*)?)"
    rf"|[a-z][a-z0-9]*://{_TAIL}*)",
    re.IGNORECASE,
)
"""A link to the web; or anything else that begins as an address, which is left alone."""

_ACCENTED = r"\u00c0-\u02af\u0300-\u036f\u1e00-\u1eff"
_NAMED = re.compile(
    r"(?<![\w/&#=)])(?P<hash>[#\uff03])(?=\w)"
    r"|(?<![\w/@=])@(?P<name>[A-Za-z0-9_]++)"
    r"(?:(?P<more>(?:[.-][A-Za-z0-9_]+)*+)@(?P<host>"
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:\w+[.-]+)*(?:[A-Za-z0-9_]+|\w+))(?::\d{1,5}(?!\d))?))?+"
    rf"(?![@{_ACCENTED}]|://)",
)
"""A hashtag's sign, or a mention as Mastodon 4.3 knows it (`Account::MENTION_RE`).

The one difference: a name here has no dots, so in "@ann.Really" the name is "ann".
"""

_PAIRS = dict(
    zip(")]}\uff09\uff3d\uff5d」』】》〉", "([{\uff08\uff3b\uff5b「『【《〈", strict=True)
)
_BRACKETS = re.compile(f"[{re.escape(''.join([*_PAIRS, *_PAIRS.values()]))}]")
_ENDS_A_SENTENCE = ".,;:!?'*~([{"


@dataclass(frozen=True, slots=True)
class Link:
    """A whole address on the web."""

    start: int
    end: int
    url: str


@dataclass(frozen=True, slots=True)
class MentionSpan:
    """Somebody's name after an @; `host` is empty unless it is a full handle."""

    start: int
    end: int
    name: str
    host: str

    def is_of(self, host: str) -> bool:
        """Whether it names somebody at a host (with its port, if it has one) who is there."""
        return self.host.lower() in ("", host.lower())


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag; `name` is its one spelling, without the #."""

    start: int
    end: int
    name: str


Entity = Link | MentionSpan | Hashtag


def entities(text: str) -> tuple[Entity, ...]:
    """The links, mentions and hashtags of a text, in order; no two overlap."""
    found: list[Entity] = []
    done = 0
    while match := _LINK.search(text, done):
        found += _named(text, done, match.start())
        done = match.end()
        if match["web"]:
            done = _end_of_link(text, match.start(), done)
            if done > match.start("host"):
                found.append(Link(match.start(), done, text[match.start() : done]))
    return (*found, *_named(text, done, len(text)))


def names_in(found: Iterable[Entity], host: str) -> tuple[str, ...]:
    """The names at a host that are mentioned, lower-cased, each once, in order."""
    mentions = (one for one in found if isinstance(one, MentionSpan) and one.is_of(host))
    return tuple(dict.fromkeys(one.name.lower() for one in mentions))


def tags_in(found: Iterable[Entity]) -> tuple[str, ...]:
    """The names of the hashtags, each once, in order."""
    return tuple(dict.fromkeys(one.name for one in found if isinstance(one, Hashtag)))


def count(text: str, found: Iterable[Entity] | None = None) -> int:
    """How many characters a text counts as: as Mastodon's `StatusLengthValidator` says.

    Graphemes; a link is as long as a short one, and a full handle is counted without its host.
    """
    pieces: list[str] = []
    done = 0
    for one in entities(text) if found is None else found:
        if isinstance(one, Hashtag):
            continue
        short = "x" * limits.LINK_CHARACTERS if isinstance(one, Link) else f"@{one.name}"
        pieces += [text[done : one.start], short]
        done = one.end
    return graphemes("".join((*pieces, text[done:])))


def graphemes(text: str) -> int:
    """How many characters people see in a text: extended grapheme clusters (UAX #29)."""
    return sum(1 for _ in iter_graphemes(text))


def _named(text: str, start: int, end: int) -> Iterator[Hashtag | MentionSpan]:
    done = start
    while match := _NAMED.search(text, done, end):
        done = match.end()
        if match["hash"]:
            done = end_of_tag(text, done, end)
            if name := normal_tag(text[match.end() : done]):
                yield Hashtag(match.start(), done, name)
        else:
            name = match["name"] + (match["more"] or "")
            yield MentionSpan(match.start(), done, name, match["host"] or "")


def _end_of_link(text: str, start: int, end: int) -> int:
    """Without the punctuation that ends the sentence, or the bracket that was open before."""
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
