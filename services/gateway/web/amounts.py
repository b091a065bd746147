"""Amounts of money as people type them."""

from __future__ import annotations

import re

from services.contracts.catalog import EXPONENTS
from services.contracts.limits import MAX_PRICE

_DECIMAL = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?")


def parse_price(text: str, currency: str) -> int | None:
    """A price in minor units, typed as 24, 24.5 or 24,50. `None` if it is no price.

    More decimal places than the currency has are no price either: nothing is rounded.
    """
    match = _DECIMAL.fullmatch(text.strip())
    places = EXPONENTS[currency]
    decimals = (match[2] or "") if match else ""
    if match is None or len(decimals) > places:
        return None
    amount = int(match[1] + decimals.ljust(places, "0"))
    return amount if amount <= MAX_PRICE else None
