"""Webhooks of the payment provider, authenticated by their signature."""

from __future__ import annotations

import time

import orjson

from services.payments.adapters.webhooks import SECRET_NAME
from services.payments.domain.signatures import sign
from tests.fakes import APP_TOKEN, until
from tests.services.gateway.deployment import GatewayDeployment, deploy
from tests.services.payments.harness import BUYER, SELLER, WEBHOOK_SECRET, payments_app

PATH = "/webhooks/payments"
TERMS = {"buyer": BUYER, "seller": SELLER, "amount": 500, "currency": "EUR"}


def webhook_body(order: str) -> bytes:
    said = {"id": "1", "charge": order, "key": f"{order}:authorize", "outcome": "done"}
    return orjson.dumps(said | {"amount": 500, "currency": "EUR"})


async def test_a_webhook_requires_the_providers_signature(
    deployment: GatewayDeployment,
) -> None:
    deployment.cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
    payments = await deployment.cluster.start(payments_app, "payments")
    order = "116548273934401537"
    path = f"/payments/{order}"
    asked = await payments.call(
        "POST", f"{path}/authorize", caller="orders", json=TERMS | {"card": "tok_pending"}
    )
    assert asked.json()["state"] == "pending"
    body = webhook_body(order)
    forged = {"provider-signature": sign("guessed", body, int(time.time()))}
    refused = await deployment.ask("POST", PATH, data=body, headers=forged)
    assert (refused.status, "error" in refused.json()) == (403, True)
    assert (await deployment.ask("POST", PATH, data=body)).status == 403
    assert (await deployment.ask("POST", PATH, data=b"x" * 70_000)).status == 413
    good = {"provider-signature": sign(WEBHOOK_SECRET, body, int(time.time()))}
    for _ in range(2):
        taken = await deployment.ask("POST", PATH, data=body, headers=good)
        assert (taken.status, taken.json()) == (200, {})
    known = await payments.call("GET", path, caller="orders")
    assert known.json()["state"] == "authorized"


async def test_the_built_in_provider_sends_webhooks_through_the_gateway(
    deployment: GatewayDeployment,
) -> None:
    deployment.cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
    payments = await deployment.cluster.start(payments_app, "payments")
    body = TERMS | {"card": "tok_duplicate_callback"}
    await payments.call("POST", "/payments/11/authorize", caller="orders", json=body)

    def received() -> int:
        calls = [call.about for call in deployment.gateway.sidecar.faults.calls]
        return calls.count(("payments", "payments/webhooks/provider"))

    await until(lambda: received() == 2)


async def test_webhooks_have_their_own_limit() -> None:
    async with deploy(microgram_limit_webhooks=2, microgram_limit_address=500) as deployment:
        for status in (503, 503, 429):
            assert (await deployment.ask("POST", PATH, data=b"{}")).status == status


async def test_requests_with_the_sidecar_token_are_not_limited() -> None:
    async with deploy(microgram_limit_address=2) as deployment:
        vouched = {"dapr-api-token": APP_TOKEN}
        for headers, statuses in (
            (vouched, [200] * 5),
            ({"dapr-api-token": "guessed"}, [200, 200, 429, 429]),
            ({}, [429]),
            (vouched, [200]),
        ):
            for status in statuses:
                answer = await deployment.ask("GET", "/api/v2/instance", headers=headers)
                assert answer.status == status, headers
