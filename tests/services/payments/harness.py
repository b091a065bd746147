"""Payments with fakes, and helpers to call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from services.chassis.errors import OutcomeUnknown
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.clients.payments import PaymentWebhookClient
from services.payments.adapters.webhooks import SECRET_NAME, WebhookSecret, WebhookSender
from services.payments.app import create_app
from services.payments.application.ledger_audit import LedgerAudit
from services.payments.application.payment_reconciler import PaymentReconciler
from services.payments.application.payment_service import PaymentService
from services.payments.domain.payments import ProviderResult
from services.payments.provider.port import Provider, ProviderOperation
from services.payments.provider.sandbox import SandboxProvider
from services.payments.repository import SHARDS, Repository, account_lists
from tests.fakes import FakeCluster, Response, RunningReplica

WEBHOOK_SECRET = "a secret of the provider and us"
BUYER, SELLER = "100000000000000001", "100000000000000002"
_ids = SnowflakeGenerator()


def payments_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


class PaymentsClock:
    """The clock of the provider."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FaultyProvider:
    """A provider whose requests or answers may be lost."""

    provider: Provider
    down: bool = False
    loses_answers: int = 0
    asked: int = 0

    async def submit(self, operation: ProviderOperation) -> ProviderResult:
        self._check_up()
        self.asked += 1
        answer = await self.provider.submit(operation)
        if self.loses_answers:
            self.loses_answers -= 1
            raise OutcomeUnknown("The answer is lost.")
        return answer

    async def find(self, charge: str, key: str) -> ProviderResult | None:
        self._check_up()
        return await self.provider.find(charge, key)

    def _check_up(self) -> None:
        if self.down:
            raise OutcomeUnknown("The provider does not answer.")


class PaymentsHarness:
    """A running payments service and its provider."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.clock = PaymentsClock()
        self.webhooks: list[bytes] = []
        sidecar = cluster.sidecar("payments")
        service = Service(Settings(app_id="payments", app_port=1), sidecar)
        self.store = Repository(service)
        self.audit = LedgerAudit(self.store)
        self.provider = SandboxProvider(
            self.store.charges, self._send, now=self.clock, pending=60.0, slow=0.0
        )
        self.faulty_provider = FaultyProvider(self.provider)
        self.payments: RunningReplica

    @classmethod
    async def create(cls, cluster: FakeCluster) -> PaymentsHarness:
        cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
        harness = cls(cluster)
        await harness.start()
        return harness

    async def start(self) -> RunningReplica:
        def create(settings: Settings) -> FastAPI:
            return create_app(Service(settings), self.faulty_provider)

        self.payments = await self.cluster.start(create, "payments")
        return self.payments

    async def restart(self) -> None:
        """Restart after a crash."""
        await self.payments.kill()
        await self.cluster.broker.abort()
        await self.start()

    async def _send(self, body: bytes) -> None:
        self.webhooks.append(body)

    # ── asking ──────────────────────────────────────────────────────────────────────────────

    def new_order(self) -> str:
        return _ids.next()

    async def request_step(self, order: str, step: str, **body: Any) -> Response:
        path = f"/payments/{order}/{step}"
        return await self.payments.call("POST", path, caller="orders", json=body)

    async def authorize(self, order: str, card: str = "tok_ok", **terms: Any) -> Response:
        known: dict[str, Any] = {"buyer": BUYER, "seller": SELLER, "card": card}
        known |= {"amount": 10_000, "currency": "EUR"}
        return await self.request_step(order, "authorize", **(known | terms))

    async def step(self, order: str, step: str, **body: Any) -> Any:
        answer = await self.request_step(order, step, **body)
        assert answer.status == 200, answer.text
        return answer.json()

    async def pay(self, order: str = "", **terms: Any) -> str:
        """Pay an order."""
        order = order or self.new_order()
        assert (await self.authorize(order, **terms)).json()["state"] == "authorized"
        assert (await self.step(order, "capture"))["state"] == "captured"
        return order

    async def get(self, order: str) -> Any:
        answer = await self.payments.call("GET", f"/payments/{order}", caller="orders")
        assert answer.status == 200, answer.text
        return answer.json()

    async def webhook(self, body: bytes, signature: str) -> Response:
        headers = {"provider-signature": signature}
        return await self.payments.call("POST", "/webhooks/provider", data=body, headers=headers)

    # ── looking ─────────────────────────────────────────────────────────────────────────────

    async def reconcile(self) -> None:
        """Reconcile all open payments once."""
        payment_service = PaymentService(self.store, self.faulty_provider, ids=_ids.next)
        await PaymentReconciler(self.store, payment_service).reconcile_due()

    async def settle(self) -> None:
        """Settle and project everything."""
        await self.cluster.settle()
        for _ in range(3):
            await self.reconcile()
            await self.cluster.settle()

    async def pages(self) -> list[dict[str, Any]]:
        """The whole ledger, page by page."""
        found, after = [], ""
        while True:
            page = await self.audit.page(after)
            found.append(page)
            after = page["next"]
            if not after:
                return found

    async def check_ledger(self) -> None:
        """Check that nothing is open, all sums are zero, and accounts match the entries."""
        accounts: dict[str, int] = {}
        for page in await self.pages():
            assert page["faults"] == []
            assert not any(page["sums"].values())
            for name, amount in page["accounts"].items():
                accounts[name] = accounts.get(name, 0) + amount
        assert await self.store.balances(accounts) == accounts
        for number in range(SHARDS):
            assert (await self.store.unsettled.head(str(number))).total == 0

    async def balance(self, name: str) -> int:
        account, _, currency = name.rpartition(":")
        return sum((await self.store.balances(account_lists(account, currency))).values())


def webhook_sender(cluster: FakeCluster, app_id: str = "provider") -> WebhookSender:
    """Send webhooks to the gateway as the provider does."""
    sidecar = cluster.sidecar(app_id)
    return WebhookSender(
        PaymentWebhookClient(sidecar), WebhookSecret(lambda: sidecar.secret(SECRET_NAME))
    )
