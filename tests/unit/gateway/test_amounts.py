"""Prices as people type them."""

from __future__ import annotations

import pytest

from services.contracts.limits import MAX_PRICE
from services.gateway.presentation.entities.shop import money
from services.gateway.web.amounts import parse_price


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("24", "EUR", 2400),
        ("24.5", "EUR", 2450),
        (" 24,50 ", "EUR", 2450),
        ("0", "EUR", 0),
        ("24", "JPY", 24),
        ("1.234", "KWD", 1234),
        ("1000000000", "EUR", MAX_PRICE),
    ],
)
def test_a_price_is_read_in_minor_units(text: str, currency: str, amount: int) -> None:
    assert parse_price(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *((text, "EUR") for text in ("", "x", "-1", "1.234", "1,234", "1 000", "1e3", "٣", "1.")),
        ("24.5", "JPY"),
        ("1000000000.01", "EUR"),
        ("9" * 40, "EUR"),
    ],
)
def test_what_is_no_price_is_not_rounded(text: str, currency: str) -> None:
    assert parse_price(text, currency) is None


@pytest.mark.parametrize(
    ("amount", "currency", "decimal"),
    [(-50, "EUR", "-0.50"), (-2450, "EUR", "-24.50"), (-5, "JPY", "-5"), (7, "KWD", "0.007")],
)
def test_amounts_below_zero_have_their_sign(amount: int, currency: str, decimal: str) -> None:
    assert money(amount, currency)["decimal"] == decimal
