"""How people are found by name: terms, buckets of terms, and which of those found comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from services.shared.words import has_no_blanks, words
from services.users.domain.profiles import Profile

SHORTEST = 2
LONGEST = 6
MOST_IN_BUCKET = 200
_MOST_WORDS = 6
_MOST_TERM = 30
_MOST_TERMS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A word by which somebody is found; `handle` if it is their username."""

    id: str
    term: str
    handle: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """Entries whose terms begin alike.

    The bucket of the first two letters takes all it can hold, the rest go on to the one of three
    letters, and so on: so every bucket is small, and who types more letters finds more people.
    """

    entries: tuple[Entry, ...] = ()

    def with_entry(self, entry: Entry) -> Bucket:
        """With an entry, if it has room."""
        if entry in self.entries or len(self.entries) >= MOST_IN_BUCKET:
            return self
        return Bucket((*self.entries, entry))

    def without(self, entry: Entry) -> Bucket:
        """Without an entry."""
        return Bucket(tuple(kept for kept in self.entries if kept != entry))


@dataclass(frozen=True, slots=True)
class Indexed:
    """Under which entries somebody may be in the buckets; `whole` if these and no others are."""

    entries: tuple[Entry, ...] = ()
    version: int = 0
    whole: bool = False

    def begin(self, wanted: Iterable[Entry], version: int) -> Indexed:
        """What may be there while the index is brought up to a version of the profile."""
        wanted = tuple(wanted)
        if self.whole and self.entries == wanted:
            return self
        missing = (entry for entry in wanted if entry not in self.entries)
        return Indexed((*self.entries, *missing), max(version, self.version), whole=False)

    def end(self, wanted: Iterable[Entry], version: int) -> Indexed:
        """What is there when that is done, unless a later version has begun meanwhile."""
        if self.version != version or self.whole:
            return self
        return replace(self, entries=tuple(wanted), whole=True)


def entries_of(profile: Profile) -> tuple[Entry, ...]:
    """By what somebody is found: nothing, for those who do not want to be discovered."""
    if profile.is_hidden or not profile.discoverable:
        return ()
    handle = profile.username.lower()
    named = (term for word in words(profile.display_name)[:_MOST_WORDS] for term in _terms(word))
    others = [term for term in dict.fromkeys(named) if term != handle][:_MOST_TERMS]
    return (
        Entry(profile.id, handle, handle=True),
        *(Entry(profile.id, word, handle=False) for word in others),
    )


def _terms(word: str) -> list[str]:
    """A word; where there are no blanks between words, also all that ends as it does."""
    starts = range(len(word)) if has_no_blanks(word) else range(1)
    return [word[start : start + _MOST_TERM] for start in starts]


def keys(term: str) -> list[str]:
    """The buckets in which a term may be, in the order in which they are tried.

    One letter says little, but one character of a script without blanks may be a word.
    """
    longest = min(len(term), LONGEST)
    shortest = 1 if has_no_blanks(term) else min(SHORTEST, longest)
    return [term[:length] for length in range(shortest, longest + 1)]


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for: the words that must all be there, and perhaps a whole handle."""

    words: tuple[str, ...]
    handle: str

    @classmethod
    def of(cls, text: str) -> Query:
        """From what they typed; `@name` is a handle, `@name@host` one too."""
        plain = text.strip()
        handle = plain.removeprefix("@").partition("@")[0].lower()
        sought = [handle] if plain.startswith("@") else words(plain)[:3]
        return cls(tuple(word[:_MOST_TERM] for word in sought if word), handle)

    @property
    def buckets(self) -> list[str]:
        """Every bucket that may hold somebody who matches."""
        return list(dict.fromkeys(key for word in self.words for key in keys(word)))

    def names(self, profile: Profile) -> bool:
        """Whether it is somebody's whole handle."""
        return profile.username.lower() == self.handle


def ranked(query: Query, buckets: Mapping[str, Bucket], exact: str) -> list[str]:
    """The ids of those who match every word: the exact handle, other handles, other names."""
    found = [_matching(word, buckets) for word in query.words]
    best = dict(found[0]) if found else {}
    for others in found[1:]:
        best = {id: max(rank, others[id]) for id, rank in best.items() if id in others}
    best.pop(exact, None)
    return ([exact] if exact else []) + sorted(best, key=lambda id: (best[id], id))


def _matching(word: str, buckets: Mapping[str, Bucket]) -> dict[str, tuple[bool, int]]:
    best: dict[str, tuple[bool, int]] = {}
    for key in keys(word):
        for entry in buckets.get(key, Bucket()).entries:
            rank = (not entry.handle, len(entry.term))
            if entry.term.startswith(word) and rank < best.get(entry.id, (True, _MOST_TERM + 1)):
                best[entry.id] = rank
    return best


def answers(query: Query, profile: Profile) -> bool:
    """Whether a profile, as it is now, is what the query is for; buckets may be a moment behind."""
    if query.names(profile):
        return True
    terms = [entry.term for entry in entries_of(profile)]
    return all(any(term.startswith(word) for term in terms) for word in query.words)
