"""What every payment provider must do. The suite runs on every provider.

A new one joins by a fixture parameter of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from services.chassis.errors import Conflict, OutcomeUnknown, Unavailable
from services.chassis.storage.collection import Collection
from services.payments.domain.payments import ProviderResult
from services.payments.provider.charges import Charge
from services.payments.provider.port import Provider, ProviderCallback, ProviderOperation
from services.payments.provider.sandbox import SandboxProvider
from tests.fakes import FakeState, until
from tests.services.payments.harness import PaymentsClock

DONE = ProviderResult("done")
ORDER = "116548273934401537"


class ProviderHarness:
    """A provider, its webhooks, and a clock that the test sets."""

    def __init__(self, like: str) -> None:
        self.clock = PaymentsClock()
        self.sent: list[bytes] = []
        self.refuses = 0
        self.state = FakeState(like)
        self.provider = self.another()

    def another(self) -> SandboxProvider:
        """A second process of it, which knows only the stored record."""
        charges = Collection(self.state, "charge", Charge)
        return SandboxProvider(charges, self.send, now=self.clock, pending=0.05, slow=0.05)

    async def send(self, body: bytes) -> None:
        if self.refuses:
            self.refuses -= 1
            raise Unavailable("nobody is there")
        self.sent.append(body)


@pytest.fixture(params=["sqlite", "redis"])
def provider_harness(request: pytest.FixtureRequest) -> ProviderHarness:
    return ProviderHarness(request.param)


@pytest.fixture
def provider(provider_harness: ProviderHarness) -> Provider:
    return provider_harness.provider


def operation(
    kind: str, amount: int = 1_000, *, card: str = "", key: str = ""
) -> ProviderOperation:
    key = f"{ORDER}:{key or kind}"
    return ProviderOperation(kind, ORDER, key, amount, "EUR", card)


def authorize(card: str = "tok_ok", amount: int = 1_000) -> ProviderOperation:
    return operation("authorize", amount, card=card)


# ── every provider ─────────────────────────────────────────────────────────────────────────────


async def test_a_charge_is_authorised_captured_and_refunded(provider: Provider) -> None:
    assert await provider.submit(authorize()) == DONE
    assert await provider.submit(operation("capture")) == DONE
    assert await provider.submit(operation("refund", 400, key="refund:a")) == DONE
    assert await provider.submit(operation("refund", 600, key="refund:b")) == DONE


async def test_the_same_key_performs_once_and_returns_the_same_result(provider: Provider) -> None:
    for _ in range(3):
        assert await provider.submit(authorize()) == DONE
    answers = await asyncio.gather(*(provider.submit(operation("capture")) for _ in range(5)))
    assert answers == [DONE] * 5
    again = await provider.submit(operation("capture", key="once more"))
    assert again == ProviderResult("refused", "not_authorized")


async def test_a_key_is_for_one_operation(provider: Provider) -> None:
    await provider.submit(authorize())
    with pytest.raises(Conflict):
        await provider.submit(authorize(amount=2_000))
    with pytest.raises(Conflict):
        await provider.submit(authorize(card="tok_slow"))
    with pytest.raises(Conflict):
        await provider.submit(replace(authorize(), currency="CHF"))
    with pytest.raises(Conflict):
        await provider.submit(replace(operation("capture"), key=f"{ORDER}:authorize"))


async def test_the_result_of_a_key_can_be_read(provider: Provider) -> None:
    assert await provider.find(ORDER, f"{ORDER}:authorize") is None
    await provider.submit(authorize())
    assert await provider.find(ORDER, f"{ORDER}:authorize") == DONE
    assert await provider.find(ORDER, f"{ORDER}:capture") is None
    await provider.submit(operation("capture", 2_000))
    assert await provider.find(ORDER, f"{ORDER}:capture") == ProviderResult(
        "refused", "not_authorized"
    )


async def test_a_bad_card_is_refused(provider: Provider) -> None:
    assert await provider.submit(authorize("tok_declined")) == ProviderResult("refused", "declined")
    assert await provider.submit(operation("capture")) == ProviderResult(
        "refused", "not_authorized"
    )


async def test_capture_and_void_exclude_each_other(
    provider: Provider,
) -> None:
    await provider.submit(authorize())
    assert await provider.submit(operation("void")) == DONE
    assert await provider.submit(operation("capture")) == ProviderResult("refused", "voided")
    other = "116548273934401538"
    for kind in ("authorize", "capture"):
        card = "tok_ok" if kind == "authorize" else ""
        asked = ProviderOperation(kind, other, f"{other}:{kind}", 5, "EUR", card)
        assert await provider.submit(asked) == DONE
    voided = await provider.submit(ProviderOperation("void", other, f"{other}:void", 5, "EUR"))
    assert voided == ProviderResult("refused", "captured")


async def test_a_void_prevents_later_operations(provider: Provider) -> None:
    assert await provider.submit(operation("void")) == DONE
    assert await provider.submit(authorize()) == ProviderResult("refused", "voided")


async def test_refunds_are_limited_to_the_captured_amount(provider: Provider) -> None:
    await provider.submit(authorize())
    assert (await provider.submit(operation("refund", 1, key="refund:a"))).outcome == "refused"
    await provider.submit(operation("capture"))
    assert await provider.submit(operation("refund", 900, key="refund:b")) == DONE
    much = await provider.submit(operation("refund", 101, key="refund:c"))
    assert much == ProviderResult("refused", "too_much")
    foreign = replace(operation("refund", 1, key="refund:d"), currency="USD")
    assert (await provider.submit(foreign)).outcome == "refused"


# ── the sandbox provider ────────────────────────────────────────────────────────────────────────


async def test_an_operation_with_a_late_answer_was_performed(
    provider_harness: ProviderHarness,
) -> None:
    late = authorize("tok_timeout_after_success")
    with pytest.raises(OutcomeUnknown):
        await provider_harness.provider.submit(late)
    assert await provider_harness.provider.find(ORDER, late.key) == DONE
    assert await provider_harness.another().submit(late) == DONE
    with pytest.raises(OutcomeUnknown):
        await provider_harness.provider.submit(operation("capture"))
    assert await provider_harness.provider.submit(operation("capture")) == DONE


@pytest.mark.parametrize(
    ("card", "final"),
    [("tok_pending", DONE), ("tok_pending_declined", ProviderResult("refused", "declined"))],
)
async def test_a_pending_card_is_decided_later_with_one_callback(
    provider_harness: ProviderHarness, card: str, final: ProviderResult
) -> None:
    async with provider_harness.provider as provider:
        assert await provider.submit(authorize(card)) == ProviderResult("pending")
        assert await provider.submit(operation("capture")) == ProviderResult(
            "refused", "not_authorized"
        )
        assert await provider.find(ORDER, f"{ORDER}:authorize") == ProviderResult("pending")
        await until(lambda: bool(provider_harness.sent))
        callback = ProviderCallback.model_validate_json(provider_harness.sent[0])
        assert (callback.outcome, callback.reason) == (final.outcome, final.reason)
        provider_harness.clock.now += 1.0
        assert await provider.find(ORDER, f"{ORDER}:authorize") == final
    assert len(provider_harness.sent) == 1


async def test_a_voided_pending_charge_is_never_authorized(
    provider_harness: ProviderHarness,
) -> None:
    await provider_harness.provider.submit(authorize("tok_pending"))
    assert await provider_harness.provider.submit(operation("void")) == DONE
    provider_harness.clock.now += 1.0
    known = await provider_harness.provider.find(ORDER, f"{ORDER}:authorize")
    assert known == ProviderResult("refused", "voided")


async def test_one_card_sends_the_same_callback_twice(provider_harness: ProviderHarness) -> None:
    async with provider_harness.provider as provider:
        await provider.submit(authorize("tok_duplicate_callback"))
        await provider.submit(operation("capture"))
        await until(lambda: len(provider_harness.sent) == 4)
    keys = [orjson.loads(body)["id"] for body in provider_harness.sent]
    assert sorted(keys) == sorted([f"{ORDER}:authorize:done", f"{ORDER}:capture:done"] * 2)


async def test_a_refused_callback_is_retried(
    provider_harness: ProviderHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.provider.sandbox._RETRY_INTERVAL", 0.01)
    provider_harness.refuses = 2
    async with provider_harness.provider as provider:
        await provider.submit(authorize("tok_pending"))
        await until(lambda: bool(provider_harness.sent))


async def test_a_slow_card_is_answered_later(provider_harness: ProviderHarness) -> None:
    assert await provider_harness.provider.submit(authorize("tok_slow")) == DONE
