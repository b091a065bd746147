"""GraphiQL: for browsers, where the gateway is told to serve it, with a policy of its own."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from graphql import get_introspection_query

from tests.fakes import Response
from tests.services.gateway.deployment import GatewayDeployment
from tests.services.gateway.graphql_client import a_gateway, ask

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Outside(HTMLParser):
    """What a page loads from elsewhere: its address, and the hash that it must have."""

    def __init__(self) -> None:
        super().__init__()
        self.pins: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("href" if tag == "link" else "src") or ""
        if address and not address.startswith("data:"):
            self.pins[address] = given.get("integrity")


async def get(place: GatewayDeployment, headers: dict[str, str]) -> Response:
    return await place.ask("GET", "/graphql", headers=headers)


def policy(answered: Response) -> dict[str, list[str]]:
    """What may come from where, as the answer says."""
    parts = [part.split() for part in answered.headers["content-security-policy"].split("; ")]
    return {name: sources for name, *sources in parts}


async def test_browsers_get_a_page_that_may_load_what_it_names_and_nothing_else() -> None:
    async with a_gateway(microgram_graphiql=True) as place:
        shown = await get(place, BROWSER)
        again = await get(place, BROWSER)
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
async def test_nobody_else_gets_a_page(switched_on: bool, headers: dict[str, str]) -> None:
    async with a_gateway(microgram_graphiql=switched_on) as place:
        answered = await get(place, headers)
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert answered.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "content-security-policy" not in answered.headers


async def test_the_page_may_ask_for_the_schema() -> None:
    everything = get_introspection_query(input_value_deprecation=True)
    async with a_gateway(microgram_graphiql=True) as place:
        found = await ask(place, everything)
    assert {"Query", "Mutation", "Subscription"} <= {t["name"] for t in found["__schema"]["types"]}
