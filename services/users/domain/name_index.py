"""How people are found by name: terms, buckets of terms, and which of those found comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from services.shared.words import has_no_blanks, words
from services.users.domain.profiles import UserProfile

MIN_KEY_CHARACTERS = 2
MAX_KEY_CHARACTERS = 6
MAX_BUCKET_ENTRIES = 200
_MAX_WORDS = 6
_MAX_TERM_CHARACTERS = 30
_MAX_TERMS = 40


@dataclass(frozen=True, slots=True)
class NameEntry:
    """A word by which somebody is found; `handle` if it is their username."""

    id: str
    term: str
    handle: bool


@dataclass(frozen=True, slots=True)
class NameBucket:
    """Entries whose terms begin alike.

    The bucket of the first two letters takes all it can hold, the rest go on to the one of three
    letters, and so on: so every bucket is small, and who types more letters finds more people.
    """

    entries: tuple[NameEntry, ...] = ()

    def with_entry(self, entry: NameEntry) -> NameBucket:
        """With an entry, if it has room."""
        if entry in self.entries or len(self.entries) >= MAX_BUCKET_ENTRIES:
            return self
        return NameBucket((*self.entries, entry))

    def without(self, entry: NameEntry) -> NameBucket:
        """Without an entry."""
        return NameBucket(tuple(kept for kept in self.entries if kept != entry))


@dataclass(frozen=True, slots=True)
class IndexedNames:
    """Under which entries somebody may be in the buckets; `whole` if these and no others are."""

    entries: tuple[NameEntry, ...] = ()
    version: int = 0
    whole: bool = False

    def begin_update(self, wanted: Iterable[NameEntry], version: int) -> IndexedNames:
        """What may be there while the index is brought up to a version of the profile."""
        wanted = tuple(wanted)
        if self.whole and self.entries == wanted:
            return self
        missing = (entry for entry in wanted if entry not in self.entries)
        return IndexedNames((*self.entries, *missing), max(version, self.version), whole=False)

    def finish_update(self, wanted: Iterable[NameEntry], version: int) -> IndexedNames:
        """What is there when that is done, unless a later version has begun meanwhile."""
        if self.version != version or self.whole:
            return self
        return replace(self, entries=tuple(wanted), whole=True)


def index_entries(profile: UserProfile) -> tuple[NameEntry, ...]:
    """By what somebody is found: nothing, for those who do not want to be discovered."""
    if profile.is_hidden or not profile.discoverable:
        return ()
    handle = profile.username.lower()
    named = (term for word in words(profile.display_name)[:_MAX_WORDS] for term in _terms(word))
    others = [term for term in dict.fromkeys(named) if term != handle][:_MAX_TERMS]
    return (
        NameEntry(profile.id, handle, handle=True),
        *(NameEntry(profile.id, word, handle=False) for word in others),
    )


def _terms(word: str) -> list[str]:
    """A word; where there are no blanks between words, also all that ends as it does."""
    starts = range(len(word)) if has_no_blanks(word) else range(1)
    return [word[start : start + _MAX_TERM_CHARACTERS] for start in starts]


def bucket_keys(term: str) -> list[str]:
    """The buckets in which a term may be, in the order in which they are tried.

    One letter says little, but one character of a script without blanks may be a word.
    """
    longest = min(len(term), MAX_KEY_CHARACTERS)
    shortest = 1 if has_no_blanks(term) else min(MIN_KEY_CHARACTERS, longest)
    return [term[:length] for length in range(shortest, longest + 1)]


@dataclass(frozen=True, slots=True)
class NameQuery:
    """What somebody looks for: the words that must all be there, and perhaps a whole handle."""

    words: tuple[str, ...]
    handle: str

    @classmethod
    def parse(cls, text: str) -> NameQuery:
        """From what they typed; `@name` is a handle, `@name@host` one too."""
        plain = text.strip()
        handle = plain.removeprefix("@").partition("@")[0].lower()
        sought = [handle] if plain.startswith("@") else words(plain)[:3]
        return cls(tuple(word[:_MAX_TERM_CHARACTERS] for word in sought if word), handle)

    @property
    def buckets(self) -> list[str]:
        """Every bucket that may hold somebody who matches."""
        return list(dict.fromkeys(key for word in self.words for key in bucket_keys(word)))

    def is_exact_handle(self, profile: UserProfile) -> bool:
        """Whether it is somebody's whole handle."""
        return profile.username.lower() == self.handle


def rank_matches(query: NameQuery, buckets: Mapping[str, NameBucket], exact: str) -> list[str]:
    """The ids of those who match every word: the exact handle, other handles, other names."""
    found = [_matching(word, buckets) for word in query.words]
    best = dict(found[0]) if found else {}
    for others in found[1:]:
        best = {id: max(rank, others[id]) for id, rank in best.items() if id in others}
    best.pop(exact, None)
    return ([exact] if exact else []) + sorted(best, key=lambda id: (best[id], id))


def _matching(word: str, buckets: Mapping[str, NameBucket]) -> dict[str, tuple[bool, int]]:
    best: dict[str, tuple[bool, int]] = {}
    for key in bucket_keys(word):
        for entry in buckets.get(key, NameBucket()).entries:
            rank = (not entry.handle, len(entry.term))
            if entry.term.startswith(word) and rank < best.get(
                entry.id, (True, _MAX_TERM_CHARACTERS + 1)
            ):
                best[entry.id] = rank
    return best


def matches_query(query: NameQuery, profile: UserProfile) -> bool:
    """Whether a profile, as it is now, is what the query is for; buckets may be a moment behind."""
    if query.is_exact_handle(profile):
        return True
    terms = [entry.term for entry in index_entries(profile)]
    return all(any(term.startswith(word) for term in terms) for word in query.words)
