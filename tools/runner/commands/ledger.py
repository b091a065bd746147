"""Adds up the ledger of payments page by page, through the sidecar of payments."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir

_PATH = "ledger"
_ACCOUNTS_PER_REQUEST = 40
"""Keeps the request line below 4 KiB, the default limit of a sidecar."""


def audit_ledger(run: RunDir) -> int:
    """Print the sums of the ledger; return 1 if one is not zero or an account disagrees."""
    books = LedgerTotals(OperatorClient.connect(run, "payments"))
    faults = asyncio.run(books.audit())
    print(
        f"{books.payments} payments, {books.entries} entries, {len(books.accounts)} accounts; "
        f"together {books.format_sums()}"
    )
    for fault in faults:
        print(fault)
    return 1 if faults else 0


class LedgerTotals:
    """The totals of all ledger pages read so far."""

    def __init__(self, client: OperatorClient) -> None:
        self._client = client
        self.payments = 0
        self.entries = 0
        self.accounts: Counter[str] = Counter()
        self.currencies: Counter[str] = Counter()

    def format_sums(self) -> str:
        """Return the sum of all accounts, by currency."""
        named = [f"{amount} {currency}" for currency, amount in sorted(self.currencies.items())]
        return ", ".join(named) or "nothing"

    async def audit(self) -> list[str]:
        """Read the whole ledger; return all faults."""
        faults: list[str] = []
        async for page in self._pages():
            self.payments += page["payments"]
            self.entries += page["entries"]
            self.currencies.update(page["sums"])
            self.accounts.update(page["accounts"])
            faults += page["faults"]
        wrong = [
            f"the accounts in {name} add up to {n}, not to zero"
            for name, n in self.currencies.items()
            if n
        ]
        return [*faults, *wrong, *await self._compare()]

    async def _compare(self) -> list[str]:
        """Return the accounts whose balance differs from their entries."""
        names = sorted(self.accounts)
        kept: dict[str, int] = {}
        for start in range(0, len(names), _ACCOUNTS_PER_REQUEST):
            query = urlencode({"names": ",".join(names[start : start + _ACCOUNTS_PER_REQUEST])})
            kept |= await self._ask(f"{_PATH}/balances?{query}")
        return [
            f"{name} has a balance of {kept.get(name, 0)}, but its entries add up to "
            f"{self.accounts[name]} (repeat this if payments are in progress)"
            for name in names
            if kept.get(name, 0) != self.accounts[name]
        ]

    async def _pages(self) -> AsyncIterator[dict[str, Any]]:
        after = ""
        while True:
            page = await self._ask(f"{_PATH}?{urlencode({'after': after})}")
            yield page
            after = page["next"]
            if not after:
                return

    async def _ask(self, path: str) -> Any:
        _, content = await self._client.call(path)
        return content
