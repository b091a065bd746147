"""The data export of accounts."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis import data_export
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.payments.harness import BUYER, SELLER, PaymentsHarness


def summarize(records: list[dict[str, Any]]) -> list[tuple[str, str, int, str]]:
    return [(one["order"], one["step"], one["amount"], one["currency"]) for one in records]


async def test_both_parties_export_the_changes_of_their_accounts(
    harness: PaymentsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await harness.pay()
    other = await harness.pay(currency="JPY", amount=700)
    await harness.step(first, "refund", amount=4_000)
    await harness.authorize(harness.new_order(), "tok_declined")
    voided = harness.new_order()
    await harness.authorize(voided, amount=50)
    await harness.step(voided, "void")
    await harness.settle()
    for page in (1, 3, 40):
        monkeypatch.setattr(data_export, "PAGE_SIZE", page)
        paid = await belongings(harness.payments, BUYER, "paid")
        assert summarize(paid) == [
            (voided, "void", 50, "EUR"),
            (voided, "authorize", -50, "EUR"),
            (first, "refund:all", 4_000, "EUR"),
            (other, "authorize", -700, "JPY"),
            (first, "authorize", -10_000, "EUR"),
        ]
        earned = await belongings(harness.payments, SELLER, "earned")
        assert summarize(earned) == [
            (first, "refund:all", -3_880, "EUR"),
            (other, "capture", 679, "JPY"),
            (first, "capture", 9_700, "EUR"),
        ]
    assert {one["account"] for one in paid} == {SELLER}
    assert {one["account"] for one in earned} == {BUYER}
    assert paid[-1]["created_at"] <= paid[0]["created_at"]
    assert "tok_" not in str([paid, earned])
    assert await belongings(harness.payments, SELLER, "paid") == []
    assert await belongings(harness.payments, BUYER, "earned") == []


@pytest.mark.parametrize("kind", ["paid", "earned"])
async def test_only_the_export_service_may_read_exports(
    harness: PaymentsHarness, kind: str
) -> None:
    token = harness.cluster.token(BUYER, "read write")
    assert await is_for_the_archivist_alone(harness.payments, BUYER, kind, token)
