"""Too large, invalid and hostile operations are rejected before they cost anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.graphql import limits
from services.gateway.graphql.budget import RequestBudget
from services.gateway.graphql.engine import GraphqlEngine, GraphqlRequest
from tests.fakes import Response
from tests.services.gateway.deployment import GatewayDeployment
from tests.services.gateway.graphql_client import a_gateway, ask, invocations, send


@pytest.fixture
async def empty() -> AsyncIterator[GatewayDeployment]:
    async with a_gateway() as made:
        yield made


def fragments(spread: str, *, ends: bool) -> str:
    """A chain of fragments that each spread the next one twice: 2^40 in all."""
    chain = [
        f"fragment F{n} on Person {{ {spread.format(n + 1)} {spread.format(n + 1)} }}"
        for n in range(40)
    ]
    last = "fragment F40 on Person { id }" if ends else "fragment F40 on Person { ...F0 }"
    return "{ viewer { person { ...F0 } } }" + " ".join([*chain, last])


def nested(levels: int) -> str:
    return (
        "{ publicPosts "
        + "{ nodes { author { posts " * levels
        + "{ nodes { id } }"
        + (" } } }" * levels + " }")
    )


MANY = " ".join(f'a{n}: person(id: "{n}") {{ id }}' for n in range(limits.MAX_ALIASES + 1))
WIDE = "{ viewer { person { " + "username " * 2_000 + "} } }"
PAGES = "{ publicPosts(first: 40) { nodes { comments(first: 40) { nodes { id text html } } } } }"
TOO_MUCH = {
    "deep": nested(20),
    "deeper than the parser goes": "{ a " * 900 + "}" * 900,
    "brackets": "{ person(id: " + "[" * 900 + "]" * 900 + ") { id } }",
    "wide": WIDE,
    "pages of pages": PAGES,
    "a huge page": "{ publicPosts(first: 999999999999999999999) { nodes { id } } }",
    "a page of a default": (
        "query ($n: Int = 100000) { publicPosts(first: $n) { nodes { id html } } }"
    ),
    "aliases": "{ viewer { " + " ".join(f"a{n}: note" for n in range(31)) + " } }",
    "fields at the top": "{ " + "unreadNotifications " * 21 + "}",
    "aliases at the top": "{ " + MANY + " }",
    "equal names": "{ viewer { person { " + "id " * 11 + "} } }",
    "equal names in fragments": ("{ viewer { person { " + "id ... on Person { id } " * 6 + "} } }"),
    "fragments": "{ viewer { note } }"
    + " ".join(f"fragment F{n} on Person {{ id }}" for n in range(51)),
    "spreads": "{ viewer { person { " + "... { id } ... { url } " * 51 + "} } }",
    "directives": "{ viewer { note " + "@include(if: true) " * 31 + "} }",
    "variables": "query (" + " ".join(f"$v{n}: Int" for n in range(51)) + ") { viewer { note } }",
    "operations": " ".join(f"query Q{n} {{ viewer {{ note }} }}" for n in range(11)),
    "fragments that double": fragments("...F{0}", ends=True).replace("{ id }", "{ id url }"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
async def test_too_large_operations_are_rejected_without_a_call(
    empty: GatewayDeployment, what: str
) -> None:
    name = "Q1" if what == "operations" else ""
    async with invocations(empty) as made:
        answered = await send(empty, query=TOO_MUCH[what], operationName=name)
    assert answered.status == 400
    assert code(answered) == "TOO_COMPLEX"
    assert made == []


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($ids: [ID!]!) { posts(ids: $ids) { id } }", {"ids": [[[]]] * 600}),
        (PAGES.replace("40", "$n").replace("{ p", "query ($n: Int) { p", 1), {"n": 40.0}),
        (
            "query ($ids: [ID!]!) { posts(ids: $ids) { comments { nodes { id text html } } } }",
            {"ids": [str(n) for n in range(80)]},
        ),
    ],
)
async def test_variables_count_in_the_cost(
    empty: GatewayDeployment, query: str, variables: dict[str, Any]
) -> None:
    answered = await send(empty, query=query, variables=variables)
    assert (answered.status, code(answered)) == (400, "TOO_COMPLEX")


def test_the_cache_of_documents_is_bounded() -> None:
    engine = GraphqlEngine(development=False)
    for n in range(300):
        query = f'{{ person(id: "{n}{"x" * 900}") {{ id }} }}'
        engine.prepare(GraphqlRequest(query, {}, None), RequestBudget(lambda: None))
    assert sum(map(len, engine._documents)) <= 128 * 1024
    assert len(engine._documents) > 10


WRONG = {
    "a cycle": ("{ person { ...A } } fragment A on Person { id ...A }", "VALIDATION_FAILED"),
    "a round": (
        "{ person { ...A } } fragment A on Person { ...B } fragment B on Person { ...A }",
        "VALIDATION_FAILED",
    ),
    "a cycle that doubles": (fragments("...F{0}", ends=False), "VALIDATION_FAILED"),
    "no such field": ("{ nothing }", "VALIDATION_FAILED"),
    "no such fragment": ("{ viewer { ...A } }", "VALIDATION_FAILED"),
    "unclosed": ("{ viewer", "PARSE_FAILED"),
    "no words": ('{ viewer { note } } """', "PARSE_FAILED"),
    "the schema": ("{ __schema { types { name } } }", "VALIDATION_FAILED"),
    "a type": ('{ __type(name: "Person") { name } }', "VALIDATION_FAILED"),
    "more money than there is": (
        'mutation { checkout(idempotencyKey: "a", card: "b", currency: "EUR", expectedTotal: '
        + "9" * 30
        + ") { id } }",
        "VALIDATION_FAILED",
    ),
    "a wrong literal": ('{ publicPosts(first: "x") { nodes { id } } }', "VALIDATION_FAILED"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_invalid_documents_are_rejected(empty: GatewayDeployment, what: str) -> None:
    query, expected = WRONG[what]
    answered = await send(empty, query=query)
    assert answered.status == 400
    assert code(answered) == f"GRAPHQL_{expected}"


BAD_INPUT: dict[str, tuple[str, dict[str, Any]]] = {
    "a page of none": ("{ publicPosts(first: 0) { nodes { id } } }", {}),
    "a page of less": ("{ publicPosts(first: -3) { nodes { id } } }", {}),
    "a page of too many": ("{ publicPosts(first: 41) { nodes { id } } }", {}),
    "a wrong cursor": ('{ publicPosts(after: "x") { nodes { id } } }', {}),
    "both ways": ('{ publicPosts(first: 1, before: "1") { nodes { id } } }', {}),
    "back from nowhere": ("{ publicPosts(last: 1) { nodes { id } } }", {}),
    "neither id nor name": ("{ person { id } }", {}),
    "both id and name": ('{ person(id: "1", username: "x") { id } }', {}),
    "too many ids": (
        "query ($ids: [ID!]!) { posts(ids: $ids) { id } }",
        {"ids": [str(n) for n in range(81)]},
    ),
    "a missing variable": ("query ($ids: [ID!]!) { posts(ids: $ids) { id } }", {}),
    "a variable of another type": (
        "query ($ids: [ID!]!) { posts(ids: $ids) { id } }",
        {"ids": {"a": 1}},
    ),
}


@pytest.mark.parametrize("what", BAD_INPUT)
async def test_invalid_input_is_rejected(empty: GatewayDeployment, what: str) -> None:
    query, variables = BAD_INPUT[what]
    answered = await send(empty, query=query, variables=variables)
    assert answered.status == 200
    assert code(answered) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"", 400, "BAD_REQUEST"),
        (b"{", 400, "BAD_REQUEST"),
        (b"[]", 400, "TOO_COMPLEX"),
        (b"[" * 5_000 + b"]" * 5_000, 400, "BAD_REQUEST"),
        (b'"query"', 400, "BAD_REQUEST"),
        (b'{"query": 1}', 400, "BAD_REQUEST"),
        (b'{"query": " "}', 400, "BAD_REQUEST"),
        (b'{"query": "{a}", "variables": []}', 400, "BAD_REQUEST"),
        (b'{"query": "{a}", "operationName": 1}', 400, "BAD_REQUEST"),
        (b'{"query": "{ viewer { note } }", "operationName": "a"}', 400, "BAD_REQUEST"),
        (b'{"query": "fragment A on Person { id }"}', 400, "BAD_REQUEST"),
        (b'{"query": "{a} {b}"}', 400, "BAD_REQUEST"),
        (b'{"query": "' + b" " * limits.MAX_BODY_BYTES + b'"}', 413, "TOO_LARGE"),
        (b"[" + b",".join([b'{"query": "{ a }"}'] * 6) + b"]", 400, "TOO_COMPLEX"),
    ],
)
async def test_malformed_bodies_are_rejected(
    empty: GatewayDeployment, body: bytes, status: int, expected: str
) -> None:
    headers = {"content-type": "application/json"}
    answered = await empty.ask("POST", "/graphql", data=body, headers=headers)
    assert (answered.status, code(answered)) == (status, expected)


@pytest.mark.parametrize(
    "query", ["{ posts(ids: []) { id } }", "query A { posts(ids: []) { id } }"]
)
@pytest.mark.parametrize("name", ["operationName", "variables", "extensions"])
@pytest.mark.parametrize("nothing", ["", None])
async def test_empty_variables_and_operation_names_are_ignored(
    empty: GatewayDeployment, query: str, name: str, nothing: str | None
) -> None:
    request = {"query": query, name: nothing}
    good: Any = {"data": {"posts": []}}
    assert (await empty.ask("POST", "/graphql", json=request)).json() == good
    assert (await empty.ask("POST", "/graphql", json=[request])).json() == [good]


async def test_several_operations_require_an_operation_name(
    empty: GatewayDeployment,
) -> None:
    two = "query A { posts(ids: []) { id } } query B { posts(ids: []) { id } }"
    answered = await send(empty, query=two, operationName="")
    assert (answered.status, code(answered)) == (400, "BAD_REQUEST")


async def test_only_json_by_post_is_accepted(empty: GatewayDeployment) -> None:
    form = await empty.ask("POST", "/graphql", form={"query": "{ viewer { note } }"})
    assert (form.status, code(form)) == (415, "BAD_REQUEST")
    got = await empty.ask("GET", "/graphql?query={viewer{note}}")
    assert (got.status, code(got)) == (405, "BAD_REQUEST")
    assert got.headers["allow"] == "POST"


async def test_a_batch_is_answered_in_order(empty: GatewayDeployment) -> None:
    operations = [
        {"query": "{ posts(ids: []) { id } }"},
        {"query": "{ nothing }"},
        {"query": "query A { people(ids: []) { id } }", "operationName": "A"},
    ]
    answered = await empty.ask("POST", "/graphql", json=operations)
    assert answered.status == 200
    first, second, third = answered.json()
    assert first == {"data": {"posts": []}}
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert third == {"data": {"people": []}}


async def test_each_root_field_is_charged_as_a_request() -> None:
    async with a_gateway(microgram_limit_address=10) as deployment:
        some = "{ a: people(ids: []) { id } b: people(ids: []) { id } c: people(ids: []) { id } }"
        assert (await ask(deployment, some))["c"] == []
        batch = [{"query": some}, {"query": "{ people(ids: []) { id } }"}]
        assert (await deployment.ask("POST", "/graphql", json=batch)).status == 200
        over = await send(deployment, query="{ " + some[1:-1] + " d: people(ids: []) { id } }")
        assert (over.status, code(over)) == (429, "RATE_LIMITED")
        assert int(over.headers["retry-after"]) > 0
        again = await send(deployment, query="{ people(ids: []) { id } }")
        assert (again.status, code(again)) == (429, "RATE_LIMITED")


async def test_a_large_query_is_charged_as_many_requests() -> None:
    async with a_gateway(microgram_limit_address=10) as deployment:
        people = "{ people(ids: []) { id posts(first: %d) { nodes { id html } } } }"
        assert (await ask(deployment, people % 15))["people"] == []  # 431, as five
        over = await send(deployment, query=people % 25)
        assert (over.status, code(over)) == (429, "RATE_LIMITED")


THE_SAME_FIELD = "{ viewer { person { " + "id " * 790 + "} } }"


async def used(deployment: GatewayDeployment) -> int:
    """How many requests were charged before this one, which counts too."""
    answered = await deployment.ask("GET", "/api/v1/custom_emojis")
    return 1000 - int(answered.headers["x-ratelimit-remaining"]) - 1


@pytest.mark.parametrize(
    ("body", "charged"),
    [
        ([{"query": THE_SAME_FIELD}] * 5, 12),
        ({"query": "{ viewer { " + "note " * 800}, 4),
        ({"query": "{ nothing }"}, 1),
        ([{"query": "{ nothing }"}] * 5, 5),
        ([{"query": "{"}] * 6, 6),
        ({"query": "{ people(ids: []) { id } }", "variables": {"a": "a" * 5_000}}, 5),
        ("{" * 3_000, 3),
    ],
)
async def test_a_request_is_charged_by_its_size_though_it_fails(body: Any, charged: int) -> None:
    async with a_gateway(microgram_limit_address=1000) as deployment:
        before = await used(deployment)
        await deployment.ask("POST", "/graphql", json=body)
        assert await used(deployment) - before - 1 == charged


async def test_a_request_that_cannot_be_paid_is_not_parsed() -> None:
    async with a_gateway(microgram_limit_address=3) as deployment:
        over = await send(deployment, query="{" * 4_000)
        assert (over.status, code(over)) == (429, "RATE_LIMITED")


async def test_the_operations_of_a_batch_share_the_tokens_of_one(empty: GatewayDeployment) -> None:
    fields = "id username displayName locked bot url avatarUrl headerUrl createdAt discoverable "
    query = "{ person(id: 1) { " + fields * 4 + "} }"  # 50 tokens each
    many = "{ person(id: 1) { " + " ".join(f"x: {name}" for name in fields.split()) * 8 + "} }"
    batch = [{"query": many}, {"query": query}, {"query": "{" * 900}, {"query": query}]
    answered = (await empty.ask("POST", "/graphql", json=batch)).json()
    codes = [one["errors"][0]["extensions"]["code"] for one in answered]
    assert codes[2:] == ["GRAPHQL_PARSE_FAILED", "TOO_COMPLEX"]
    assert answered[3]["errors"][0]["extensions"]["limit"] == "tokens"


async def test_introspection_is_enabled_in_development() -> None:
    async with a_gateway(microgram_development=True) as deployment:
        found = await ask(deployment, "{ __schema { queryType { name } } }")
        assert found["__schema"]["queryType"]["name"] == "Query"


def code(answered: Response) -> str:
    found: str = answered.json()["errors"][0]["extensions"]["code"]
    return found
