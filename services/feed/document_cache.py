"""Documents that many pages show, kept in memory for a moment.

A card or a person read by one page serves all pages of the next `DEFAULT_TTL` seconds. What this
process itself changes is forgotten at once; what another replica changes is seen within
`DEFAULT_TTL` seconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from services.chassis.dapr.state import StateStore

DEFAULT_TTL = 2.0
MAX_DOCUMENTS = 10_000
"""Documents; at some 4 KB each, 40 MB."""

Envelope = dict[str, Any]


class DocumentCache:
    """Envelopes by key; the ones that were read longest ago leave first.

    With `absent` it is also remembered what is not there.
    """

    def __init__(
        self,
        state: StateStore,
        fresh: float = DEFAULT_TTL,
        most: int = MAX_DOCUMENTS,
        *,
        absent: bool = False,
    ) -> None:
        self._state = state
        self._fresh = fresh
        self._most = most
        self._absent = absent
        self._kept: OrderedDict[str, tuple[float, Envelope | None]] = OrderedDict()

    async def read(self, keys: Iterable[str], also: Iterable[str] = ()) -> dict[str, Envelope]:
        """The documents under some keys that are there; those under `also` are never kept.

        One state call, or none where all are known.
        """
        oldest = time.monotonic() - self._fresh
        known = {key: kept for key in keys if (kept := self._kept.get(key)) and kept[0] > oldest}
        found = {key: envelope for key, (_, envelope) in known.items() if envelope is not None}
        wanted = [key for key in keys if key not in known]
        beside = list(also)
        if not wanted and not beside:
            return found
        began = time.monotonic()
        rows = await self._state.get_many([*wanted, *beside])
        found |= {key: entry.value for key, entry in rows.items()}
        for key in wanted:
            if self._absent or key in found:
                self._keep(key, began, found.get(key))
        return found

    def forget(self, key: str) -> None:
        """A document was changed."""
        self._kept.pop(key, None)

    def _keep(self, key: str, began: float, envelope: Envelope | None) -> None:
        self._kept[key] = began, envelope
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
