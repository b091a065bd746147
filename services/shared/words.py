"""The words of a text, by which it is found: without case and accents.

Between words of some scripts there are no blanks. A run of such a script is one word here, and is
found by any part of it: an index keeps all its single characters and its pairs (as Lucene's
CJKAnalyzer does), and what is found is looked at again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby, pairwise
from unicodedata import category, combining, normalize

from services.contracts import limits

CHARACTERS = 30
"""Of a word, which count."""

PAIRS = 8
"""Of what is looked for, which are looked up: no more are needed to look at few texts."""

_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3035\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U0001aff0-\U0001b16f"
    "\U00020000-\U000323af]"
)
"""Han, Kana and Bopomofo, and the scripts of UAX #14's class SA: Thai, Lao, Myanmar, Khmer, Tai Le,
New Tai Lue, Tai Tham, Tai Viet; Balinese and Javanese, too."""


_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Selectors of how the character before them is drawn."""


def folded(text: str) -> str:
    """Text without case and accents."""
    return "".join(map(_plain, text))


def words(text: str) -> list[str]:
    """The words of a text, folded, each once."""
    runs = ("".join(run) for kind, run in groupby(folded(text)[: limits.TYPED], key=_kind) if kind)
    return list(dict.fromkeys(word if has_no_blanks(word) else word[:CHARACTERS] for word in runs))


def has_no_blanks(word: str) -> bool:
    """Whether a word is a run of a script without blanks: perhaps several words."""
    return _WITHOUT_BLANKS.match(word) is not None


def terms(word: str) -> list[str]:
    """Under what a word is kept in an index of whole terms."""
    return [*word, *_pairs(word)] if has_no_blanks(word) else [word]


def sought(word: str) -> list[str]:
    """The terms that all must be kept for a text that has a word."""
    return _pairs(word)[:PAIRS] or [word] if has_no_blanks(word) else [word]


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """A character by itself: a long row of marks takes `normalize` the square of its length."""
    parts = normalize("NFKD", normalize("NFKD", character).casefold())
    return _VARIANTS.sub("", "".join(part for part in parts if not combining(part)))


@lru_cache(maxsize=4096)
def _kind(character: str) -> int:
    """Of which kind of word it is, if any; marks are, as there is no Hindi word without them."""
    if not (character.isalnum() or character == "_" or category(character) in ("Mc", "Mn")):
        return 0
    return 2 if has_no_blanks(character) else 1


def _pairs(word: str) -> list[str]:
    return [first + second for first, second in pairwise(word)]
