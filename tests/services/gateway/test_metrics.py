"""The metrics of the gateway: ready pages, streams, and who may read them."""

from __future__ import annotations

from tests.fakes import METRICS_TOKEN, SCRAPER, scrape, until
from tests.fakes.streams import stream
from tests.services.gateway.deployment import GatewayDeployment, deploy

DURATION = "http_server_request_duration_seconds_count"
ACTIVE = "http_server_active_requests"
STREAMS = "microgram_streams_open"
CACHE = "microgram_cache_requests_total"
LIMITED = "microgram_rate_limited_total"


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
        seen = await scrape(app)
        assert seen.value(ACTIVE) == 1
        found = {kind: seen.value(STREAMS, kind=kind) for kind in ("sse", "websocket", "graphql")}
        assert found == {"sse": 1, "websocket": 1, "graphql": 0}
    await until(lambda: not len(deployment.hub))
    seen = await scrape(app)
    assert seen.value(STREAMS, kind="sse") == 0
    assert not [s for s in seen.samples if "streaming" in s.labels.get("route", "")]


async def test_what_middleware_refuses_is_one_series(deployment: GatewayDeployment) -> None:
    for number in range(5):
        headers = {"host": f"evil{number}.example"}
        refused = await deployment.gateway.public("GET", f"/nothing/{number}", headers=headers)
        assert refused.status == 421
    seen = await scrape(deployment.gateway.app)
    assert seen.value(DURATION, method="GET", route="unmatched", status="4xx") == 5


async def test_caches_count_hits_and_misses(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    await anna.post("statuses", {"status": "Hello"})
    await deployment.cluster.settle()
    gateway = deployment.gateway
    (feed,) = (each for each in deployment.cluster.running if each.name == "feed")
    for _ in range(2):
        await gateway.public("GET", "/api/v1/timelines/home", token=anna.token)
    seen = await scrape(gateway.app)
    assert seen.value(CACHE, cache="ready_pages", result="hit") == 1
    assert seen.value(CACHE, cache="ready_pages", result="miss") >= 1
    assert seen.value(CACHE, cache="rendered_posts", result="miss") >= 1
    later = "/api/v1/timelines/home?max_id=999999999999999999"
    for _ in range(2):
        await gateway.public("GET", later, token=anna.token)
    more = await scrape(gateway.app)
    for cache in ("timeline_pages", "tokens", "rendered_accounts"):
        name = {"cache": cache, "result": "hit"}
        assert more.value(CACHE, **name) > seen.value(CACHE, **name), cache
    kept = await scrape(feed.app)
    for result in ("hit", "miss"):
        assert kept.value(CACHE, cache="documents", result=result) > 0


async def test_requests_above_a_limit_are_counted_by_the_limit() -> None:
    async with deploy(microgram_limit_address=3) as deployment:
        for _ in range(5):
            await deployment.gateway.public("GET", "/api/v1/instance")
        seen = await scrape(deployment.gateway.app)
    assert seen.value(LIMITED, limit="addresses") == 2
    assert seen.value(LIMITED, limit="users") == 0
    assert seen.value(DURATION, method="GET", route="unmatched", status="4xx") == 2


async def test_events_for_streams_are_counted(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    await anna.post("statuses", {"status": "Hello"})
    await deployment.cluster.settle()
    seen = await scrape(deployment.gateway.app)
    assert seen.value("microgram_events_handled_total", topic="posts", result="ok") >= 1
    assert seen.value("microgram_event_age_seconds_count", topic="posts") >= 1
