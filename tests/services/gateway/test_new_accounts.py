"""Somebody acts before the news of their registration has reached users."""

from __future__ import annotations

from typing import Any

from tests.mastodon.schemas import check
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment


async def newcomer(place: GatewayDeployment, name: str) -> str:
    """The token of somebody of whose registration the broker told nobody."""
    place.cluster.broker.loses = lambda event: bool(event["type"] == "login.registered")
    form = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    app = await place.app_token(await place.app())
    form |= {"locale": "de"}
    made = await place.ask("POST", "/api/v1/accounts", app, json={**form, "agreement": True})
    token: str = made.json()["access_token"]
    return token


async def test_who_has_just_registered_may_comment(place: GatewayDeployment) -> None:
    ann = await place.register("ann")
    post = await ann.post("statuses", {"status": "first"})
    token = await newcomer(place, "bob")
    body = {"status": "hello", "in_reply_to_id": post["id"]}
    made = await place.ask("POST", "/api/v1/statuses", token, json=body)
    assert made.status == 200, made.text
    check("Status", made.json())
    assert made.json()["account"]["username"] == "bob"


async def test_who_has_just_registered_posts_in_the_language_that_they_registered_in(
    place: GatewayDeployment,
) -> None:
    token = await newcomer(place, "bob")
    path = "/api/v1/preferences"
    for _ in range(2):
        preferences = (await place.ask("GET", path, token)).json()
        assert preferences["posting:default:language"] == "de"
        await place.cluster.settle()
    body = {"status": "Hallo"}
    made = await place.ask("POST", "/api/v1/statuses", token, json=body)
    assert made.json()["language"] == "de"
    made = await place.ask("POST", "/api/v1/statuses", token, json={**body, "language": "fr"})
    assert made.json()["language"] == "fr"
    chosen = {"source": {"language": "sv"}}
    me = await place.ask("PATCH", "/api/v1/accounts/update_credentials", token, json=chosen)
    assert me.json()["source"]["language"] == "sv"
    preferences = (await place.ask("GET", path, token)).json()
    assert preferences["posting:default:language"] == "sv"


async def test_who_has_just_registered_may_boost_and_be_seen(place: GatewayDeployment) -> None:
    ann = await place.register("ann")
    post = await ann.post("statuses", {"status": "first"})
    token = await newcomer(place, "bob")
    boost = await place.ask("POST", f"/api/v1/statuses/{post['id']}/reblog", token)
    assert boost.status == 200, boost.text
    seen: Any = await ann.get(f"statuses/{boost.json()['id']}")
    assert (seen["account"]["username"], seen["reblog"]["id"]) == ("bob", post["id"])


async def test_where_nobody_can_say_who_somebody_is_they_are_asked_to_try_again(
    place: GatewayDeployment,
) -> None:
    token = await newcomer(place, "bob")
    (auth,) = [running for running in place.cluster.running if running.name == "auth"]
    place.cluster.network.remove("auth", auth.app)
    refused = await place.ask("POST", "/api/v1/statuses", token, json={"status": "hello"})
    assert refused.status == 503, refused.text
    place.cluster.network.add("auth", auth.app)
    made = await place.ask("POST", "/api/v1/statuses", token, json={"status": "hello"})
    assert made.status == 200, made.text


async def test_who_has_just_registered_is_found_by_name(place: GatewayDeployment) -> None:
    ann = await place.register("ann")
    first = await ann.post("statuses", {"status": "first"})
    for name, status in (
        ("bob", {"status": "hello @Bob and @nobody"}),
        ("eve", {"status": "hello @eve", "in_reply_to_id": first["id"]}),
    ):
        await newcomer(place, name)
        made = await ann.post("statuses", status)
        assert [mention["username"] for mention in made["mentions"]] == [name]
        assert "nobody" in made["content"] or name == "eve"
    await newcomer(place, "zoe")
    for path in ("lookup?acct=zoe", "search?q=@zoe"):
        answer = await place.ask("GET", f"/api/v1/accounts/{path}", ann.token)
        assert answer.status == 200
        assert '"username":"zoe"' in answer.text
    await newcomer(place, "yan")
    assert (await place.ask("GET", "/api/v1/accounts/lookup?acct=yan")).status == 200
    assert (await place.ask("GET", "/api/v1/accounts/lookup?acct=nobody")).status == 404
