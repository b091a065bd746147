"""Updates statements, the ledger and the list of unsettled orders.

Ledger entries never change and are never removed, so their lines are inserted once, at any time.
Only the event of a payment's newest version is projected: it contains what the earlier ones did.
"""

from __future__ import annotations

from collections import defaultdict

from services.chassis.dapr.state import ABSENT
from services.chassis.storage.bulk_insert import BulkInserter, ListRef
from services.chassis.storage.window import Row
from services.payments.domain.payments import PaymentRecord
from services.payments.repository import Repository, account_list, shard


class PaymentProjector:
    """Updates the lists to match payments."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._inserter = BulkInserter(repository.state)

    async def project(self, order: str, version: int) -> None:
        """Update the lists of a payment.

        Nothing if a later version is known; else one state call, and three if it has entries, which
        payments that are projected at the same time share. One more for each new account, four if a
        step is open.
        """
        repository = self._repository
        if repository.payments.has_newer_local_commit(order, version):
            return
        found = await repository.payment_and_unsettled(order)
        doc = repository.payments.decode(found.get(repository.payments.key(order), ABSENT))
        if doc is None or doc.version > version:
            return
        await self._inserter.insert_rows(self._list_rows(doc.value))
        if not repository.is_listed_correctly(doc.value, found):
            await repository.update_unsettled(order)

    def _list_rows(self, payment: PaymentRecord) -> dict[ListRef, list[Row]]:
        """Return the rows of a payment's ledger entries, and of the ledger."""
        if not payment.entries:
            return {}
        statements, ledger = self._repository.statements, self._repository.ledger
        currency = payment.terms.currency if payment.terms else ""
        rows: defaultdict[ListRef, list[Row]] = defaultdict(list)
        for entry in payment.entries:
            for line in entry.lines:
                where = account_list(line.account, currency, payment.order)
                rows[statements, where].append([entry.id, payment.order, entry.step, line.amount])
        return {**rows, (ledger, shard(payment.order)): [[payment.order]]}
