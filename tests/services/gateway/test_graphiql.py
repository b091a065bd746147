"""GraphiQL: served to browsers if it is enabled, with its own content security policy."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from graphql import get_introspection_query

from tests.fakes import Response
from tests.services.gateway.deployment import GatewayDeployment
from tests.services.gateway.graphql_client import a_gateway, ask

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Outside(HTMLParser):
    """The external scripts of a page: URLs and hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.pins: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("href" if tag == "link" else "src") or ""
        if address and not address.startswith("data:"):
            self.pins[address] = given.get("integrity")


async def get(deployment: GatewayDeployment, headers: dict[str, str]) -> Response:
    return await deployment.ask("GET", "/graphql", headers=headers)


def policy(answered: Response) -> dict[str, list[str]]:
    """The content security policy of a response."""
    parts = [part.split() for part in answered.headers["content-security-policy"].split("; ")]
    return {name: sources for name, *sources in parts}


async def test_browsers_get_a_page_with_a_strict_policy() -> None:
    async with a_gateway(microgram_graphiql=True) as deployment:
        shown = await get(deployment, BROWSER)
        again = await get(deployment, BROWSER)
    assert shown.status == 200
    assert shown.headers["content-type"].startswith("text/html")
    outside = Outside()
    outside.feed(shown.text)
    assert all((pin or "").startswith("sha384-") for pin in outside.pins.values())
    allowed = policy(shown)
    assert allowed["default-src"] == allowed["frame-ancestors"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'"]
    *scripts, inline = allowed["script-src"]
    assert inline.startswith("'sha256-")
    keyword, *sheets = allowed["style-src"]
    assert keyword == "'unsafe-inline'"
    assert {*scripts, *sheets} == set(outside.pins)
    assert (again.text, policy(again)) == (shown.text, allowed)


@pytest.mark.parametrize(
    ("switched_on", "headers"),
    [(True, {}), (True, {"accept": "application/json"}), (False, BROWSER), (False, {})],
)
async def test_other_clients_get_no_page(switched_on: bool, headers: dict[str, str]) -> None:
    async with a_gateway(microgram_graphiql=switched_on) as deployment:
        answered = await get(deployment, headers)
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert answered.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert policy(answered)["default-src"] == ["'none'"]
    assert "script-src" not in policy(answered)


async def test_graphiql_is_refused_where_others_reach_the_gateway() -> None:
    with pytest.raises(ValueError, match="MICROGRAM_GRAPHIQL is for development"):
        async with a_gateway(microgram_graphiql=True, microgram_public_url="https://m.example"):
            pass


async def test_graphiql_enables_introspection() -> None:
    everything = get_introspection_query(input_value_deprecation=True)
    async with a_gateway(microgram_graphiql=True) as deployment:
        found = await ask(deployment, everything)
    assert {"Query", "Mutation", "Subscription"} <= {t["name"] for t in found["__schema"]["types"]}
