"""What every provider of payments must do: the suite runs on each that there is.

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


class Office:
    """A provider with its post room, whose clock we hold."""

    def __init__(self, like: str) -> None:
        self.clock = PaymentsClock()
        self.sent: list[bytes] = []
        self.refuses = 0
        self.state = FakeState(like)
        self.provider = self.another()

    def another(self) -> SandboxProvider:
        """A second process of it: what it knows is in its books alone."""
        charges = Collection(self.state, "charge", Charge)
        return SandboxProvider(charges, self.send, now=self.clock, pending=0.05, slow=0.05)

    async def send(self, body: bytes) -> None:
        if self.refuses:
            self.refuses -= 1
            raise Unavailable("nobody is there")
        self.sent.append(body)


@pytest.fixture(params=["sqlite", "redis"])
def office(request: pytest.FixtureRequest) -> Office:
    return Office(request.param)


@pytest.fixture
def provider(office: Office) -> Provider:
    return office.provider


def operation(
    kind: str, amount: int = 1_000, *, card: str = "", key: str = ""
) -> ProviderOperation:
    key = f"{ORDER}:{key or kind}"
    return ProviderOperation(kind, ORDER, key, amount, "EUR", card)


def authorize(card: str = "tok_ok", amount: int = 1_000) -> ProviderOperation:
    return operation("authorize", amount, card=card)


# ── what every provider does ────────────────────────────────────────────────────────────────────


async def test_a_charge_is_authorised_captured_and_refunded(provider: Provider) -> None:
    assert await provider.submit(authorize()) == DONE
    assert await provider.submit(operation("capture")) == DONE
    assert await provider.submit(operation("refund", 400, key="refund:a")) == DONE
    assert await provider.submit(operation("refund", 600, key="refund:b")) == DONE


async def test_the_same_key_does_it_once_and_says_the_same(provider: Provider) -> None:
    for _ in range(3):
        assert await provider.submit(authorize()) == DONE
    answers = await asyncio.gather(*(provider.submit(operation("capture")) for _ in range(5)))
    assert answers == [DONE] * 5
    again = await provider.submit(operation("capture", key="once more"))
    assert again == ProviderResult("refused", "not_authorized")


async def test_a_key_is_for_one_thing(provider: Provider) -> None:
    await provider.submit(authorize())
    with pytest.raises(Conflict):
        await provider.submit(authorize(amount=2_000))
    with pytest.raises(Conflict):
        await provider.submit(replace(operation("capture"), key=f"{ORDER}:authorize"))


async def test_what_became_of_a_key_can_be_asked(provider: Provider) -> None:
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


async def test_nothing_is_captured_after_a_void_nor_voided_after_a_capture(
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


async def test_a_void_prevents_what_comes_later(provider: Provider) -> None:
    assert await provider.submit(operation("void")) == DONE
    assert await provider.submit(authorize()) == ProviderResult("refused", "voided")


async def test_no_more_is_refunded_than_was_captured(provider: Provider) -> None:
    await provider.submit(authorize())
    assert (await provider.submit(operation("refund", 1, key="refund:a"))).outcome == "refused"
    await provider.submit(operation("capture"))
    assert await provider.submit(operation("refund", 900, key="refund:b")) == DONE
    much = await provider.submit(operation("refund", 101, key="refund:c"))
    assert much == ProviderResult("refused", "too_much")
    foreign = replace(operation("refund", 1, key="refund:d"), currency="USD")
    assert (await provider.submit(foreign)).outcome == "refused"


# ── what the built-in one does on purpose ───────────────────────────────────────────────────────


async def test_a_late_answer_is_of_something_that_was_done(office: Office) -> None:
    late = authorize("tok_timeout_after_success")
    with pytest.raises(OutcomeUnknown):
        await office.provider.submit(late)
    assert await office.provider.find(ORDER, late.key) == DONE
    assert await office.another().submit(late) == DONE
    with pytest.raises(OutcomeUnknown):
        await office.provider.submit(operation("capture"))
    assert await office.provider.submit(operation("capture")) == DONE


@pytest.mark.parametrize(
    ("card", "final"),
    [("tok_pending", DONE), ("tok_pending_declined", ProviderResult("refused", "declined"))],
)
async def test_a_pending_card_is_decided_later_and_called_back_once(
    office: Office, card: str, final: ProviderResult
) -> None:
    async with office.provider as provider:
        assert await provider.submit(authorize(card)) == ProviderResult("pending")
        assert await provider.submit(operation("capture")) == ProviderResult(
            "refused", "not_authorized"
        )
        assert await provider.find(ORDER, f"{ORDER}:authorize") == ProviderResult("pending")
        await until(lambda: bool(office.sent))
        callback = ProviderCallback.model_validate_json(office.sent[0])
        assert (callback.outcome, callback.reason) == (final.outcome, final.reason)
        office.clock.now += 1.0
        assert await provider.find(ORDER, f"{ORDER}:authorize") == final
    assert len(office.sent) == 1


async def test_a_pending_charge_that_is_voided_never_comes_true(office: Office) -> None:
    await office.provider.submit(authorize("tok_pending"))
    assert await office.provider.submit(operation("void")) == DONE
    office.clock.now += 1.0
    known = await office.provider.find(ORDER, f"{ORDER}:authorize")
    assert known == ProviderResult("refused", "voided")


async def test_one_card_is_called_back_for_twice_the_same(office: Office) -> None:
    async with office.provider as provider:
        await provider.submit(authorize("tok_duplicate_callback"))
        await provider.submit(operation("capture"))
        await until(lambda: len(office.sent) == 4)
    keys = [orjson.loads(body)["id"] for body in office.sent]
    assert sorted(keys) == sorted([f"{ORDER}:authorize:done", f"{ORDER}:capture:done"] * 2)


async def test_who_is_not_there_is_called_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.provider.sandbox._RETRY_INTERVAL", 0.01)
    office.refuses = 2
    async with office.provider as provider:
        await provider.submit(authorize("tok_pending"))
        await until(lambda: bool(office.sent))


async def test_a_slow_card_is_answered_for_in_the_end(office: Office) -> None:
    assert await office.provider.submit(authorize("tok_slow")) == DONE
