"""The index of names: kept in step with profiles, and asked."""

from __future__ import annotations

from services.users.domain.names import Bucket, Entry, Indexed, Query, entries_of, keys, ranked
from services.users.store import Name, Store, open_in


class Index:
    """Buckets of names by their first letters."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, query: Query) -> tuple[str, list[str]]:
        """Whose whole handle a query is, or empty; and whom the index has, best first.

        One state call.
        """
        store = self._store
        name_key = store.names.key(query.handle)
        wanted = [store.buckets.key(letters) for letters in query.buckets]
        rows = await store.state.get_many([name_key, *wanted] if query.handle else wanted)
        name: Name | None = open_in(rows, store.names, query.handle)
        buckets = {
            letters: open_in(rows, store.buckets, letters) or Bucket() for letters in query.buckets
        }
        exact = name.id if name else ""
        return exact, ranked(query, buckets, exact)

    async def agree(self, id: str) -> None:
        """Make the index say of somebody what their profile says now.

        What may be in the buckets is noted before it is put there, so that a crash leaves nothing
        that is not taken out later.
        """
        while True:
            doc = await self._store.users.load(id)
            if doc is None:
                return
            wanted, version = entries_of(doc.value), doc.version
            if await self._bring_to(id, wanted, version):
                return

    async def _bring_to(self, id: str, wanted: tuple[Entry, ...], version: int) -> bool:
        """One try; says whether the profile stayed the same meanwhile."""
        store = self._store
        known = await store.indexed.update(
            id, lambda kept: (kept or Indexed()).begin(wanted, version)
        )
        if known is None or known.whole:
            return True
        for entry in known.entries:
            await (self._add(entry) if entry in wanted else self._drop(entry))
        after = await store.users.load(id)
        if after is None or after.version != version:
            return False
        await store.indexed.update(id, lambda kept: kept.end(wanted, version) if kept else None)
        return True

    async def _add(self, entry: Entry) -> None:
        for letters in keys(entry.term):
            bucket = await self._store.buckets.update(
                letters, lambda kept: (kept or Bucket()).with_entry(entry)
            )
            if bucket is not None and entry in bucket.entries:
                return

    async def _drop(self, entry: Entry) -> None:
        for letters in keys(entry.term):
            await self._store.buckets.update(
                letters, lambda kept: kept.without(entry) if kept else None
            )
