"""What payments hears: its own payments, of which it makes accounts, and a list of what is open.

Entries are never changed nor taken back, so what is booked is put into lists once, whenever. Only
the news of a payment's newest state is followed: it says all that the ones before did.
"""

from __future__ import annotations

from collections import defaultdict

from services.chassis.app import Service
from services.chassis.inbox import Event
from services.chassis.paging import Row
from services.contracts.topics import PAYMENT_CHANGED
from services.payments.domain.payments import Payment
from services.payments.store import Store, place, shard


def subscribe(service: Service, store: Store) -> None:
    """Hear the service's own payments."""
    projections = Projections(store)
    service.hear(PAYMENT_CHANGED.topic, PAYMENT_CHANGED.producer, projections.payment_changed)


class Projections:
    """Makes the lists agree with payments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def payment_changed(self, event: Event) -> None:
        """One state call, or five, and two for each line that is new; in the background."""
        if event.type != PAYMENT_CHANGED.name:
            return
        doc = await self._store.payments.load(event.subject)
        if doc is None or doc.version > event.entityversion:
            return
        await self._book(doc.value)
        await self._store.follow(event.subject)

    async def _book(self, payment: Payment) -> None:
        """Put what is booked into the accounts that do not have it yet."""
        if not payment.entries:
            return
        lines = _lines(payment)
        heads = await self._store.statements.heads.get_many(lines)
        for account, rows in lines.items():
            shown = {row[0] for row in heads[account].recent} if account in heads else set()
            missing = [row for row in rows if row[0] not in shown]
            if missing:
                await self._store.statements.insert(account, missing)
        await self._store.ledger.insert(shard(payment.order), [[payment.order]])


def _lines(payment: Payment) -> dict[str, list[Row]]:
    """The rows of a payment by where they are kept."""
    currency = payment.terms.currency if payment.terms else ""
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for entry in payment.entries:
        for line in entry.lines:
            where = place(line.account, currency, payment.order)
            rows[where].append([entry.id, payment.order, entry.step, line.amount])
    return dict(rows)
