"""Users act before the event of their registration reaches the users service."""

from __future__ import annotations

from typing import Any

from tests.mastodon.schemas import check
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment


async def register_new_account(deployment: GatewayDeployment, name: str) -> str:
    """The token of a user whose registration event was not delivered."""
    deployment.cluster.broker.loses = lambda event: bool(event["type"] == "login.registered")
    form = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    app = await deployment.app_token(await deployment.app())
    form |= {"locale": "de"}
    made = await deployment.ask("POST", "/api/v1/accounts", app, json={**form, "agreement": True})
    token: str = made.json()["access_token"]
    return token


async def test_a_new_account_may_comment(deployment: GatewayDeployment) -> None:
    ann = await deployment.register("ann")
    post = await ann.post("statuses", {"status": "first"})
    token = await register_new_account(deployment, "bob")
    body = {"status": "hello", "in_reply_to_id": post["id"]}
    made = await deployment.ask("POST", "/api/v1/statuses", token, json=body)
    assert made.status == 200, made.text
    check("Status", made.json())
    assert made.json()["account"]["username"] == "bob"


async def test_a_new_account_posts_in_its_locale(
    deployment: GatewayDeployment,
) -> None:
    token = await register_new_account(deployment, "bob")
    path = "/api/v1/preferences"
    for _ in range(2):
        preferences = (await deployment.ask("GET", path, token)).json()
        assert preferences["posting:default:language"] == "de"
        await deployment.cluster.settle()
    body = {"status": "Hallo"}
    made = await deployment.ask("POST", "/api/v1/statuses", token, json=body)
    assert made.json()["language"] == "de"
    made = await deployment.ask("POST", "/api/v1/statuses", token, json={**body, "language": "fr"})
    assert made.json()["language"] == "fr"
    chosen = {"source": {"language": "sv"}}
    me = await deployment.ask("PATCH", "/api/v1/accounts/update_credentials", token, json=chosen)
    assert me.json()["source"]["language"] == "sv"
    preferences = (await deployment.ask("GET", path, token)).json()
    assert preferences["posting:default:language"] == "sv"


async def test_a_new_account_may_boost(deployment: GatewayDeployment) -> None:
    ann = await deployment.register("ann")
    post = await ann.post("statuses", {"status": "first"})
    token = await register_new_account(deployment, "bob")
    boost = await deployment.ask("POST", f"/api/v1/statuses/{post['id']}/reblog", token)
    assert boost.status == 200, boost.text
    seen: Any = await ann.get(f"statuses/{boost.json()['id']}")
    assert (seen["account"]["username"], seen["reblog"]["id"]) == ("bob", post["id"])


async def test_the_token_of_an_unknown_new_account_must_be_retried(
    deployment: GatewayDeployment,
) -> None:
    token = await register_new_account(deployment, "bob")
    (auth,) = [running for running in deployment.cluster.running if running.name == "auth"]
    deployment.cluster.network.remove("auth", auth.app)
    refused = await deployment.ask("POST", "/api/v1/statuses", token, json={"status": "hello"})
    assert refused.status == 503, refused.text
    deployment.cluster.network.add("auth", auth.app)
    made = await deployment.ask("POST", "/api/v1/statuses", token, json={"status": "hello"})
    assert made.status == 200, made.text


async def test_a_new_account_is_found_by_username(deployment: GatewayDeployment) -> None:
    ann = await deployment.register("ann")
    first = await ann.post("statuses", {"status": "first"})
    for name, status in (
        ("bob", {"status": "hello @Bob and @nobody"}),
        ("eve", {"status": "hello @eve", "in_reply_to_id": first["id"]}),
    ):
        await register_new_account(deployment, name)
        made = await ann.post("statuses", status)
        assert [mention["username"] for mention in made["mentions"]] == [name]
        assert "nobody" in made["content"] or name == "eve"
    await register_new_account(deployment, "zoe")
    for path in ("lookup?acct=zoe", "search?q=@zoe"):
        answer = await deployment.ask("GET", f"/api/v1/accounts/{path}", ann.token)
        assert answer.status == 200
        assert '"username":"zoe"' in answer.text
    await register_new_account(deployment, "yan")
    assert (await deployment.ask("GET", "/api/v1/accounts/lookup?acct=yan")).status == 200
    assert (await deployment.ask("GET", "/api/v1/accounts/lookup?acct=nobody")).status == 404
