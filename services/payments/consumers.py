"""What payments hears: its own payments, of which it makes accounts, and a list of what is open.

Entries are never changed nor taken back, so what is booked is put into lists once, whenever. Only
the news of a payment's newest state is followed: it says all that the ones before did.
"""

from __future__ import annotations

from collections import defaultdict

from services.chassis.consuming.events import CloudEvent
from services.chassis.dapr.state import ABSENT
from services.chassis.service import Service
from services.chassis.storage.bulk_insert import ListRef, insert_read
from services.chassis.storage.window import Row
from services.contracts.events import PAYMENT_CHANGED
from services.payments.application.payment_service import PaymentService
from services.payments.domain.ledger import FEES, HOLDS
from services.payments.domain.payments import PaymentRecord
from services.payments.repository import Repository, account_list, shard


def subscribe(service: Service, store: Repository, till: PaymentService) -> None:
    """Hear the service's own payments."""
    projections = PaymentProjector(store, till)
    service.on_topic(
        PAYMENT_CHANGED.topic, PAYMENT_CHANGED.producer, projections.on_payment_changed
    )


class PaymentProjector:
    """Makes the lists agree with payments."""

    def __init__(self, store: Repository, till: PaymentService) -> None:
        self._store = store
        self._till = till

    async def on_payment_changed(self, event: CloudEvent) -> None:
        """Nothing where a later version is known; else one state call, and two where it books.

        One more for each account that is new, four where a step is open. That a step is open is
        mostly not so any more a moment later: it is worth waiting for.
        """
        if event.type != PAYMENT_CHANGED.name:
            return
        order, store = event.subject, self._store
        if event.data.get("waiting"):
            await self._till.wait_for_settlement(order)
        if store.payments.has_newer_local_commit(order, event.entityversion):
            return
        found = await store.payment_and_lists(order, _affected_accounts(event))
        doc = store.payments.decode(found.get(store.payments.key(order), ABSENT))
        if doc is None or doc.version > event.entityversion:
            return
        await insert_read(store.state, self._list_rows(doc.value), found)
        if not store.is_listed_correctly(doc.value, found):
            await store.update_unsettled(order)

    def _list_rows(self, payment: PaymentRecord) -> dict[ListRef, list[Row]]:
        """Where a payment's lines are kept, and that it has any."""
        if not payment.entries:
            return {}
        statements, ledger = self._store.statements, self._store.ledger
        currency = payment.terms.currency if payment.terms else ""
        rows: defaultdict[ListRef, list[Row]] = defaultdict(list)
        for entry in payment.entries:
            for line in entry.lines:
                where = account_list(line.account, currency, payment.order)
                rows[statements, where].append([entry.id, payment.order, entry.step, line.amount])
        return {**rows, (ledger, shard(payment.order)): [[payment.order]]}


def _affected_accounts(event: CloudEvent) -> list[str]:
    """The places of all accounts that a payment may change, by the news of it."""
    buyer, seller, currency = (str(event.data.get(n)) for n in ("buyer", "seller", "currency"))
    accounts = (f"buyer:{buyer}", f"seller:{seller}", HOLDS, FEES)
    return [account_list(account, currency, event.subject) for account in accounts]
