"""The index of names: derived from profiles, and queried."""

from __future__ import annotations

from services.chassis.converge import converge
from services.users.domain.name_index import (
    IndexedNames,
    NameBucket,
    NameEntry,
    NameQuery,
    bucket_keys,
    index_entries,
    rank_matches,
)
from services.users.domain.profiles import UsernameOwner
from services.users.repository import Repository, decode_document

_Update = tuple[int, tuple[NameEntry, ...], tuple[NameEntry, ...]]
"""The version of a profile, its entries, and the entries that buckets may contain."""


class NameIndex:
    """Buckets of names by their first letters."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def find(self, query: NameQuery) -> tuple[str, list[str]]:
        """Return the account whose complete username the query is, and all matches, best first.

        One state call.
        """
        repository = self._repository
        name_key = repository.names.key(query.handle)
        keys = [repository.buckets.key(prefix) for prefix in query.buckets]
        rows = await repository.state.get_many([name_key, *keys] if query.handle else keys)
        owner: UsernameOwner | None = decode_document(rows, repository.names, query.handle)
        buckets = {
            prefix: decode_document(rows, repository.buckets, prefix) or NameBucket()
            for prefix in query.buckets
        }
        exact = owner.id if owner else ""
        return exact, rank_matches(query, buckets, exact)

    async def reconcile(self, id: str) -> None:
        """Bring the index in line with a profile.

        Entries are recorded before they are added, so that after a crash none is left behind.
        """
        update = await converge(
            lambda: self._begin_update(id),
            self._update_buckets,
            what=f"The profile of account {id}",
        )
        if update is not None:
            version, wanted, _ = update
            await self._repository.indexed.update(
                id, lambda kept: kept.finish_update(wanted, version) if kept else None
            )

    async def _begin_update(self, id: str) -> _Update | None:
        """Record the entries that the update may leave. None if there is nothing to update."""
        document = await self._repository.users.load(id)
        if document is None:
            return None
        wanted, version = index_entries(document.value), document.version
        indexed = await self._repository.indexed.update(
            id, lambda kept: (kept or IndexedNames()).begin_update(wanted, version)
        )
        if indexed is None or indexed.whole:
            return None
        return version, wanted, indexed.entries

    async def _update_buckets(self, update: _Update) -> None:
        _, wanted, recorded = update
        for entry in recorded:
            await (self._add(entry) if entry in wanted else self._remove(entry))

    async def _add(self, entry: NameEntry) -> None:
        for prefix in bucket_keys(entry.term):
            bucket = await self._repository.buckets.update(
                prefix, lambda kept: (kept or NameBucket()).with_entry(entry)
            )
            if bucket is not None and entry in bucket.entries:
                return

    async def _remove(self, entry: NameEntry) -> None:
        for prefix in bucket_keys(entry.term):
            await self._repository.buckets.update(
                prefix, lambda kept: kept.without(entry) if kept else None
            )
