"""The index of names: kept in step with profiles, and asked."""

from __future__ import annotations

from services.users.domain.name_index import (
    IndexedNames,
    NameBucket,
    NameEntry,
    NameQuery,
    bucket_keys,
    index_entries,
    rank_matches,
)
from services.users.repository import Repository, UsernameOwner, decode_document


class NameIndex:
    """Buckets of names by their first letters."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def find(self, query: NameQuery) -> tuple[str, list[str]]:
        """Whose whole handle a query is, or empty; and whom the index has, best first.

        One state call.
        """
        repository = self._repository
        name_key = repository.names.key(query.handle)
        wanted = [repository.buckets.key(letters) for letters in query.buckets]
        rows = await repository.state.get_many([name_key, *wanted] if query.handle else wanted)
        name: UsernameOwner | None = decode_document(rows, repository.names, query.handle)
        buckets = {
            letters: decode_document(rows, repository.buckets, letters) or NameBucket()
            for letters in query.buckets
        }
        exact = name.id if name else ""
        return exact, rank_matches(query, buckets, exact)

    async def reconcile(self, id: str) -> None:
        """Make the index say of somebody what their profile says now.

        What may be in the buckets is noted before it is put there, so that a crash leaves nothing
        that is not taken out later.
        """
        while True:
            doc = await self._repository.users.load(id)
            if doc is None:
                return
            wanted, version = index_entries(doc.value), doc.version
            if await self._reconcile_version(id, wanted, version):
                return

    async def _reconcile_version(
        self, id: str, wanted: tuple[NameEntry, ...], version: int
    ) -> bool:
        """One try; says whether the profile stayed the same meanwhile."""
        repository = self._repository
        known = await repository.indexed.update(
            id, lambda kept: (kept or IndexedNames()).begin_update(wanted, version)
        )
        if known is None or known.whole:
            return True
        for entry in known.entries:
            await (self._add(entry) if entry in wanted else self._remove(entry))
        after = await repository.users.load(id)
        if after is None or after.version != version:
            return False
        await repository.indexed.update(
            id, lambda kept: kept.finish_update(wanted, version) if kept else None
        )
        return True

    async def _add(self, entry: NameEntry) -> None:
        for letters in bucket_keys(entry.term):
            bucket = await self._repository.buckets.update(
                letters, lambda kept: (kept or NameBucket()).with_entry(entry)
            )
            if bucket is not None and entry in bucket.entries:
                return

    async def _remove(self, entry: NameEntry) -> None:
        for letters in bucket_keys(entry.term):
            await self._repository.buckets.update(
                letters, lambda kept: kept.without(entry) if kept else None
            )
