"""Payments with real sidecars: money moves once, webhooks arrive, the ledger adds up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.chassis.ids import SnowflakeGenerator
from tests.system import LoggedInUser, System, wait_until
from tests.system.streams import mastodon_listener

_ids = SnowflakeGenerator()


@pytest.fixture
def ask(system: System) -> Callable[..., Any]:
    """Calls payments like orders: directly, with the token of its sidecar."""
    address = system.ps()["payments"].address
    headers = {
        "dapr-api-token": system.tokens("payments").app,
        "dapr-caller-app-id": "orders",
    }

    def asking(method: str, path: str, body: Any = None) -> Any:
        url = f"{address}/payments/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    return asking


def wait_for(ask: Callable[..., Any], order: str, state: str, what: str) -> None:
    wait_until(lambda: ask("GET", order)[1]["state"] == state, 60, what)


def terms(card: str, amount: int = 10_000) -> dict[str, Any]:
    return {
        "buyer": _ids.next(),
        "seller": _ids.next(),
        "amount": amount,
        "currency": "EUR",
        "card": card,
    }


def test_every_card_does_what_it_is_for_and_the_ledger_is_zero(
    system: System, ask: Callable[..., Any]
) -> None:
    ends = {
        "tok_ok": "authorized",
        "tok_declined": "declined",
        "tok_slow": "authorized",
        "tok_timeout_after_success": "authorized",
        "tok_duplicate_callback": "authorized",
        "tok_pending": "authorized",
        "tok_pending_declined": "declined",
    }
    orders = {card: _ids.next() for card in ends}
    for card, order in orders.items():
        status, payment = ask("POST", f"{order}/authorize", terms(card))
        assert status == 200, payment
        assert payment["state"] in (ends[card], "pending")
    for card, order in orders.items():
        wait_for(ask, order, ends[card], card)
    for card, order in orders.items():
        if ends[card] == "authorized":
            assert ask("POST", f"{order}/capture")[0] == 200
            wait_for(ask, order, "captured", card)
    status, refunded = ask("POST", f"{orders['tok_ok']}/refund", {"amount": 4_000})
    assert (status, refunded["refunded"]) == (200, 4_000)
    wait_until(lambda: system.command("ledger"), what="the ledger agrees")


def test_what_dies_in_the_middle_is_settled_afterwards(
    system: System, ask: Callable[..., Any]
) -> None:
    order = _ids.next()
    asked = terms("tok_timeout_after_success")
    assert ask("POST", f"{order}/authorize", asked)[1]["state"] == "pending"
    system.kill("payments")

    def settled() -> bool:
        try:
            return bool(ask("GET", order)[1]["state"] == "authorized")
        except requests.RequestException:
            return False

    wait_until(settled, what="settled by the process that came after")


def test_a_seller_is_notified_of_payments_and_unaware_clients_show_nothing(
    ask: Callable[..., Any], anna: LoggedInUser, ben: LoggedInUser
) -> None:
    order = _ids.next()
    with mastodon_listener(anna) as ear:
        ask("POST", f"{order}/authorize", terms("tok_ok") | {"buyer": ben.id, "seller": anna.id})
        ask("POST", f"{order}/capture")
        streamed = ear.received("notification", lambda each: each.type == "payment")
        ben.client.account_follow(anna.id)
        ear.received("notification", lambda each: each.type == "follow")
    assert streamed["order"] == {"id": order, "event": "captured"}
    assert streamed.account.username == ben.name
    (listed,) = anna.client.notifications(types=["payment", "order"])
    assert (listed.id, listed["order"]) == (streamed.id, streamed["order"])
    assert [each.type for each in anna.client.notifications()] == ["follow"]
    assert anna.client.notifications_unread_count().count == 1
    shown = anna.toot("notifications")
    assert "now follows you" in shown
    assert "payment" not in shown


def test_a_webhook_that_nobody_signed_is_refused_at_the_door(system: System) -> None:
    for headers in ({}, {"provider-signature": f"t={int(time.time())},v1={'0' * 64}"}):
        url = f"{system.base}/webhooks/payments"
        answer = requests.post(url, json={"id": "1"}, headers=headers, timeout=60)
        assert answer.status_code == 403
        assert "error" in answer.json()
