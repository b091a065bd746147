"""Orders and payments in notifications and streams."""

from __future__ import annotations

from typing import Any

from services.payments.adapters.webhooks import SECRET_NAME
from tests.fakes import until
from tests.fakes.streams import stream
from tests.services.gateway.deployment import GatewayDeployment
from tests.services.payments.harness import WEBHOOK_SECRET, payments_app

V1, V2 = "/api/v1/notifications", "/api/v2/notifications"
ORDER = "116548273934401537"


async def test_a_payment_is_streamed_and_listed_on_request(deployment: GatewayDeployment) -> None:
    deployment.cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
    payments = await deployment.cluster.start(payments_app, "payments")
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    await deployment.cluster.settle()
    terms: dict[str, Any] = {"buyer": ben.id, "seller": ada.id, "amount": 500, "currency": "EUR"}
    async with stream(deployment.gateway.app, "/api/v1/streaming/user", ada.token) as opened:
        for step, body in (("authorize", terms | {"card": "tok_ok"}), ("capture", {})):
            path = f"/payments/{ORDER}/{step}"
            await payments.call("POST", path, caller="orders", json=body)
        await deployment.cluster.settle()
        await until(lambda: any(event == "notification" for event, _ in opened.events))
        (streamed,) = [data for event, data in opened.events if event == "notification"]
    about = {"id": ORDER, "event": "captured"}
    assert (streamed["type"], streamed["order"], streamed["status"]) == ("payment", about, None)
    assert streamed["account"]["id"] == ben.id
    assert (await ada.ask("GET", V1)).json() == []
    assert (await ada.ask("GET", V2)).json()["notification_groups"] == []
    listed = (await ada.ask("GET", V1, params={"types[]": "payment"})).json()
    assert listed == [streamed]
    (group,) = (await ada.ask("GET", V2, params={"types[]": "payment"})).json()[
        "notification_groups"
    ]
    assert (group["type"], group["order"]) == ("payment", about)
    assert (await ada.ask("GET", f"{V1}/{streamed['id']}")).json() == streamed
    assert (await ben.ask("GET", V1, params={"types[]": "payment"})).json() == []
