"""The metrics of the gateway: ready pages, streams, and who may read them."""

from __future__ import annotations

from tests.fakes import METRICS_TOKEN, SCRAPER, scrape, until
from tests.fakes.streams import stream
from tests.services.gateway.deployment import GatewayDeployment

DURATION = "http_server_request_duration_seconds_count"
ACTIVE = "http_server_active_requests"


async def test_the_public_face_shows_no_metrics_without_the_token(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
    for token in ("", "wrong", anna.token):
        refused = await deployment.gateway.public("GET", "/metrics", token=token)
        assert refused.status == 401
        assert b"microgram" not in refused.body
    other_host = {**SCRAPER, "host": "10.0.0.1:9090"}
    assert (await deployment.gateway.public("GET", "/metrics", headers=other_host)).status == 200
    assert (await deployment.gateway.public("GET", "/metrics/", token=METRICS_TOKEN)).status == 200


async def test_ready_pages_are_measured_by_their_route(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    paths = {
        "/api/v1/timelines/home": "/api/v1/timelines/home",
        f"/api/v1/accounts/{anna.id}/statuses": "/api/v1/accounts/{id}/statuses",
    }
    for path in paths:
        for _ in range(3):
            read = await deployment.gateway.public("GET", path, token=anna.token)
            assert read.status == 200
    seen = await scrape(deployment.gateway.app)
    for route in paths.values():
        assert seen.value(DURATION, method="GET", route=route, status="2xx") == 3, route


async def test_streams_are_no_requests(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    app = deployment.gateway.app
    async with (
        stream(app, "/api/v1/streaming/user", anna.token) as events,
        stream(app, "/api/v1/streaming", anna.token, socket=True) as socket,
    ):
        await until(lambda: events.status == 200 and socket.status == 101)
        assert (await scrape(app)).value(ACTIVE) == 1
    seen = await scrape(app)
    assert not [s for s in seen.samples if "streaming" in s.labels.get("route", "")]


async def test_what_middleware_refuses_is_one_series(deployment: GatewayDeployment) -> None:
    for number in range(5):
        headers = {"host": f"evil{number}.example"}
        refused = await deployment.gateway.public("GET", f"/nothing/{number}", headers=headers)
        assert refused.status == 421
    seen = await scrape(deployment.gateway.app)
    assert seen.value(DURATION, method="GET", route="unmatched", status="4xx") == 5
