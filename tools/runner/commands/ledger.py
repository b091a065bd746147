"""Adds up the ledger of payments, a part at a time, through the service's own sidecar."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service

_PATH = "/v1.0/invoke/payments/method/ledger"
_NAMES = 40
"""Accounts in one question: the sidecar reads 4 KiB of request line and headers."""


def audit_ledger(run: RunDir) -> int:
    """Print what the ledger adds up to; 1 if that is not zero, or an account says otherwise."""
    state = run.read_state()
    row = next((r for r in state["services"] if r["app_id"] == "payments"), None) if state else None
    if not state or row is None:
        raise RunnerError("payments is not running: start it with ./tye-like-run.sh")
    books = LedgerTotals(row["sidecar_port"], state["tokens"][row["service"]]["sidecar"])
    faults = asyncio.run(books.audit())
    print(
        f"{books.payments} payments, {books.entries} entries, {len(books.accounts)} accounts; "
        f"together {books.format_sums()}"
    )
    for fault in faults:
        print(fault)
    return 1 if faults else 0


class LedgerTotals:
    """What was read of the ledger."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.payments = 0
        self.entries = 0
        self.accounts: Counter[str] = Counter()
        self.currencies: Counter[str] = Counter()

    def format_sums(self) -> str:
        """What all accounts hold together, by currency."""
        named = [f"{amount} {currency}" for currency, amount in sorted(self.currencies.items())]
        return ", ".join(named) or "nothing"

    async def audit(self) -> list[str]:
        """Read all of it; returns what is wrong."""
        faults: list[str] = []
        async for page in self._pages():
            self.payments += page["payments"]
            self.entries += page["entries"]
            self.currencies.update(page["sums"])
            self.accounts.update(page["accounts"])
            faults += page["faults"]
        wrong = [f"all accounts in {name} hold {n}" for name, n in self.currencies.items() if n]
        return [*faults, *wrong, *await self._compare()]

    async def _compare(self) -> list[str]:
        """Which accounts are kept otherwise than the entries say."""
        names = sorted(self.accounts)
        kept: dict[str, int] = {}
        for start in range(0, len(names), _NAMES):
            query = urlencode({"names": ",".join(names[start : start + _NAMES])})
            kept |= await self._ask(f"{_PATH}/balances?{query}")
        return [
            f"{name} holds {kept.get(name, 0)}, and its entries are {self.accounts[name]} "
            "(if payments are being made: ask again)"
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
        headers = {"dapr-api-token": self._token}
        _, body = await call_service("payments", self._port, path, headers=headers)
        return json.loads(body)
