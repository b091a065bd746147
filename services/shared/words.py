"""The words of a text for search, without case and accents.

Some scripts have no blanks between words. A run of such a script is one word here, and any part of
it finds it: the index contains its single characters and pairs (as in Lucene's CJKAnalyzer), and
the search checks each result.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby, pairwise
from unicodedata import category, combining, normalize

from services.contracts import limits

MAX_WORD_CHARACTERS = 30
"""Characters of a word that are indexed."""

MAX_QUERY_PAIRS = 8
"""Pairs of a query that are looked up. That many suffice to leave few results to check."""

_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3035\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U0001aff0-\U0001b16f"
    "\U00020000-\U000323af]"
)
"""Han, Kana and Bopomofo, and the scripts of UAX #14's class SA: Thai, Lao, Myanmar, Khmer, Tai Le,
New Tai Lue, Tai Tham, Tai Viet; Balinese and Javanese, too."""

_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors, which change how the character before them is drawn."""


def folded(text: str) -> str:
    """A text without case and accents."""
    return "".join(map(_fold, text))


def words(text: str) -> list[str]:
    """The words of a text, folded, each once."""
    runs = (
        "".join(run)
        for kind, run in groupby(folded(text)[: limits.MAX_TEXT_CODE_POINTS], key=_kind)
        if kind
    )
    return list(
        dict.fromkeys(word if has_no_blanks(word) else word[:MAX_WORD_CHARACTERS] for word in runs)
    )


def has_no_blanks(word: str) -> bool:
    """Whether a word is of a script without blanks, so that it may be several words."""
    return _WITHOUT_BLANKS.match(word) is not None


def index_terms(word: str) -> list[str]:
    """The terms under which a word is indexed."""
    return [*word, *_pairs(word)] if has_no_blanks(word) else [word]


def query_terms(word: str) -> list[str]:
    """The terms to look up for a word: each text with the word is indexed under all of them."""
    return _pairs(word)[:MAX_QUERY_PAIRS] or [word] if has_no_blanks(word) else [word]


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """Fold a single character: `normalize` takes quadratic time for long runs of marks."""
    parts = normalize("NFKD", normalize("NFKD", character).casefold())
    return _VARIANTS.sub("", "".join(part for part in parts if not combining(part)))


@lru_cache(maxsize=4096)
def _kind(character: str) -> int:
    """The kind of word that a character belongs to; 0 for none. Marks belong to words (Hindi)."""
    if not (character.isalnum() or character == "_" or category(character) in ("Mc", "Mn")):
        return 0
    return 2 if has_no_blanks(character) else 1


def _pairs(word: str) -> list[str]:
    return [first + second for first, second in pairwise(word)]
