"""The index of names: terms, buckets of terms, and the ranking of matches."""

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
    """A term by which an account is found. `handle` marks its username."""

    id: str
    term: str
    handle: bool


@dataclass(frozen=True, slots=True)
class NameBucket:
    """The document `bucket:LETTERS`: entries whose terms have a common prefix.

    The bucket of two letters takes entries until it is full; the others go to buckets of three
    letters, and so on. Every bucket stays small, and longer queries find more accounts.
    """

    entries: tuple[NameEntry, ...] = ()

    def with_entry(self, entry: NameEntry) -> NameBucket:
        """Return the bucket with an entry, unless it is full."""
        if entry in self.entries or len(self.entries) >= MAX_BUCKET_ENTRIES:
            return self
        return NameBucket((*self.entries, entry))

    def without(self, entry: NameEntry) -> NameBucket:
        """Return the bucket without an entry."""
        return NameBucket(tuple(kept for kept in self.entries if kept != entry))


@dataclass(frozen=True, slots=True)
class IndexedNames:
    """The document `indexed:ID`: the entries of an account that buckets may contain.

    `whole` means that they contain exactly these.
    """

    entries: tuple[NameEntry, ...] = ()
    version: int = 0
    whole: bool = False

    def begin_update(self, wanted: Iterable[NameEntry], version: int) -> IndexedNames:
        """Return the entries that may exist during an update to a version of the profile."""
        wanted = tuple(wanted)
        if self.whole and self.entries == wanted:
            return self
        missing = (entry for entry in wanted if entry not in self.entries)
        return IndexedNames((*self.entries, *missing), max(version, self.version), whole=False)

    def finish_update(self, wanted: Iterable[NameEntry], version: int) -> IndexedNames:
        """Return the entries after the update, unless an update to a later version has begun."""
        if self.version != version or self.whole:
            return self
        return replace(self, entries=tuple(wanted), whole=True)


def index_entries(profile: UserProfile) -> tuple[NameEntry, ...]:
    """Return the entries of a profile. An account that is not discoverable has none."""
    if profile.is_hidden or not profile.discoverable:
        return ()
    handle = profile.username.lower()
    terms = (term for word in words(profile.display_name)[:_MAX_WORDS] for term in _terms(word))
    others = [term for term in dict.fromkeys(terms) if term != handle][:_MAX_TERMS]
    return (
        NameEntry(profile.id, handle, handle=True),
        *(NameEntry(profile.id, word, handle=False) for word in others),
    )


def _terms(word: str) -> list[str]:
    """Return a word; in a script without spaces also each of its suffixes."""
    starts = range(len(word)) if has_no_blanks(word) else range(1)
    return [word[start : start + _MAX_TERM_CHARACTERS] for start in starts]


def bucket_keys(term: str) -> list[str]:
    """Return the buckets that may contain a term, in the order in which they are filled.

    A prefix has at least two letters, but one character in a script without spaces.
    """
    longest = min(len(term), MAX_KEY_CHARACTERS)
    shortest = 1 if has_no_blanks(term) else min(MIN_KEY_CHARACTERS, longest)
    return [term[:length] for length in range(shortest, longest + 1)]


@dataclass(frozen=True, slots=True)
class NameQuery:
    """A search for accounts: words that must all match, and the text as a complete username."""

    words: tuple[str, ...]
    handle: str

    @classmethod
    def parse(cls, text: str) -> NameQuery:
        """Parse what a user typed. `@name` and `@name@host` are usernames."""
        plain = text.strip()
        handle = plain.removeprefix("@").partition("@")[0].lower()
        sought = [handle] if plain.startswith("@") else words(plain)[:3]
        return cls(tuple(word[:_MAX_TERM_CHARACTERS] for word in sought if word), handle)

    @property
    def buckets(self) -> list[str]:
        """The buckets that may contain matches."""
        return list(dict.fromkeys(key for word in self.words for key in bucket_keys(word)))

    def is_exact_handle(self, profile: UserProfile) -> bool:
        """Return whether the text is the complete username of a profile."""
        return profile.username.lower() == self.handle


def rank_matches(query: NameQuery, buckets: Mapping[str, NameBucket], exact: str) -> list[str]:
    """Return the ids of matching accounts: the exact username, other usernames, other names."""
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
    """Return whether the present profile matches. Buckets may lag behind."""
    if query.is_exact_handle(profile):
        return True
    terms = [entry.term for entry in index_entries(profile)]
    return all(any(term.startswith(word) for term in terms) for word in query.words)
