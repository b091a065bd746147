"""The gate finds every kind of breaking change, and names whom it breaks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tools.contracts.breaking import __main__ as gate
from tools.contracts.breaking.contracts import (
    PUBLIC,
    BreakingChange,
    Contracts,
    breaking_changes,
)

Document = dict[str, Any]


def test_nothing_breaks_anybody_since_the_last_release() -> None:
    assert list(map(str, gate.unaccepted())) == [], gate.__doc__


def test_all_services_have_a_released_contract() -> None:
    assert gate.released().openapi.keys() <= gate.present().openapi.keys()


# ── planted changes ─────────────────────────────────────────────────────────────────────────


def schema(properties: Document, *required: str) -> Document:
    return {"type": "object", "properties": properties, "required": list(required)}


def route(body: Document, answer: Document) -> Document:
    return {
        "parameters": [
            {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}},
            {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 80}},
        ],
        "security": [{}, {"token": ["read:statuses"]}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
    }


def before() -> Contracts:
    """A service with a route for the gateway, and an event for feed."""
    words = {"type": "array"}
    fields = {"text": {"type": "string"}, "kind": {"enum": ["a", "b"]}, "words": words}
    body = schema(fields, "text")
    post = schema(
        {
            "id": {"type": "string"},
            "state": {"enum": ["open", "closed"]},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Post"}, {"type": "null"}]},
            "lines": {"type": "array", "items": {"type": "integer"}},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "place": schema({"name": {"type": "string"}}),
        },
        "id",
        "lines",
    )
    ref = {"$ref": "#/components/schemas/Post"}
    posts = {
        "paths": {"/posts/{id}": {"put": route(body, ref)}},
        "components": {"schemas": {"Post": post}},
    }
    event = schema({"type": {"const": "post.changed"}, "data": ref}, "type", "data")
    events = schema({"events": {"type": "array", "items": event}}, "events")
    payload = {"payload": schema({"data": events}, "data")}
    asyncapi = {
        "channels": {"posts": {"messages": {"events": payload}}},
        "components": {"schemas": {"Post": copy.deepcopy(post)}},
    }
    return Contracts(
        {"posts": posts},
        asyncapi,
        "type Query { post(id: ID!): String }",
        {"posts": {"PUT /posts/{id}": frozenset({"gateway"})}},
        {"posts": frozenset({"feed", "insights"})},
    )


def operation(now: Contracts) -> Document:
    found: Document = now.openapi["posts"]["paths"]["/posts/{id}"]["put"]
    return found


def body(now: Contracts) -> Document:
    found: Document = operation(now)["requestBody"]["content"]["application/json"]["schema"]
    return found


def answer(now: Contracts) -> Document:
    found: Document = now.openapi["posts"]["components"]["schemas"]["Post"]
    return found


def told(now: Contracts) -> Document:
    found: Document = now.events["components"]["schemas"]["Post"]
    return found


def plant(change: Callable[[Contracts], object]) -> list[BreakingChange]:
    now = copy.deepcopy(before())
    change(now)
    return breaking_changes(before(), now)


OF_A_ROUTE: list[tuple[Callable[[Contracts], object], str]] = [
    (lambda now: now.openapi["posts"]["paths"].clear(), "the route was removed"),
    (
        lambda now: operation(now).update(security=[{"token": []}]),
        "no token is not enough any more",
    ),
    (
        lambda now: operation(now)["security"][1].update(token=["read:posts"]),
        "a token for read:statuses is not enough any more",
    ),
    (lambda now: operation(now)["parameters"].pop(), "the query parameter limit was removed"),
    (
        lambda now: operation(now)["parameters"][1].update(required=True),
        "the query parameter limit is required now",
    ),
    (
        lambda now: operation(now)["parameters"][1]["schema"].update(maximum=40),
        "the query parameter limit has a narrower maximum: 40",
    ),
    (
        lambda now: operation(now)["parameters"].append(
            {"in": "query", "name": "why", "required": True, "schema": {"type": "string"}}
        ),
        "the query parameter why is required now",
    ),
    (lambda now: operation(now).pop("requestBody"), "the body is not read any more"),
    (lambda now: body(now)["properties"].pop("kind"), "request: kind was removed"),
    (lambda now: body(now)["required"].append("kind"), "request: kind is required now"),
    (
        lambda now: body(now).update(
            schema({**body(now)["properties"], "x": {"type": "string"}}, "text", "x")
        ),
        "request: x is required now",
    ),
    (
        lambda now: body(now)["properties"].update(kind={"enum": ["a"]}),
        "request: kind no longer takes: b",
    ),
    (
        lambda now: body(now)["properties"].update(text={"type": "integer"}),
        "request: text may no longer be: string",
    ),
    (
        lambda now: body(now)["properties"].update(text={"type": "string", "maxLength": 5}),
        "request: text has a narrower maxLength: 5",
    ),
    (
        lambda now: body(now)["properties"].update(text={"type": "string", "pattern": "^a$"}),
        "request: text must match another pattern: ^a$",
    ),
    (
        lambda now: operation(now).update(responses={"202": {}}),
        "it no longer answers 200",
    ),
    (lambda now: answer(now)["properties"].pop("state"), "answer 200: state was removed"),
    (lambda now: answer(now)["required"].remove("id"), "answer 200: id may be missing now"),
    (
        lambda now: answer(now)["properties"]["lines"].update(items={"type": "string"}),
        "answer 200: lines[] may now be: string",
    ),
    (
        lambda now: answer(now)["properties"].update(
            id={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        "answer 200: id may now be: null",
    ),
    (
        lambda now: answer(now)["properties"]["state"]["enum"].append("lost"),
        "answer 200: state may now be: lost",
    ),
    (
        lambda now: answer(now)["properties"]["lines"].pop("items"),
        "answer 200: lines[] may now be: array, boolean, null, number, object, string",
    ),
    (
        lambda now: answer(now)["properties"]["counts"].update(additionalProperties=True),
        "answer 200: counts{} may now be: array, boolean, null, number, object, string",
    ),
    (
        lambda now: answer(now)["properties"].update(
            place={"type": "object", "additionalProperties": True}
        ),
        "answer 200: place.name was removed",
    ),
    (
        lambda now: body(now).update(additionalProperties=False),
        "request: it takes no other fields any more",
    ),
    (
        lambda now: body(now)["properties"]["words"].update(items={"type": "string"}),
        "request: words[] may no longer be: array, boolean, integer, null, number, object",
    ),
    (
        lambda now: now.calls["posts"].update({"PUT /posts/{id}": frozenset()}),  # type: ignore[attr-defined]
        "the caller may not call it any more",
    ),
]


@pytest.mark.parametrize(("change", "what"), OF_A_ROUTE, ids=[what for _, what in OF_A_ROUTE])
def test_a_change_of_a_route_breaks_its_callers(
    change: Callable[[Contracts], object], what: str
) -> None:
    (found,) = plant(change)
    assert found.where == "posts: PUT /posts/{id}"
    assert what in found.what
    assert found.broken == {"gateway"}


OF_AN_EVENT: list[tuple[Callable[[Contracts], object], str]] = [
    (lambda now: now.events["channels"].clear(), "the topic was removed"),
    (lambda now: told(now)["properties"].pop("state"), "data.state was removed"),
    (lambda now: told(now)["required"].remove("lines"), "data.lines may be missing now"),
    (
        lambda now: told(now)["properties"].update(id={"type": "integer"}),
        "data.id may now be: integer",
    ),
    (lambda now: told(now)["properties"]["state"]["enum"].append("x"), "data.state may now be: x"),
]


@pytest.mark.parametrize(("change", "what"), OF_AN_EVENT, ids=[what for _, what in OF_AN_EVENT])
def test_a_change_of_an_event_breaks_its_subscribers(
    change: Callable[[Contracts], object], what: str
) -> None:
    (found,) = plant(change)
    assert found.where.startswith("topic posts")
    assert what in found.what
    assert found.broken == {"feed", "insights"}


def test_a_subscriber_that_is_not_served_any_more_is_broken() -> None:
    now = replace(before(), subscribers={"posts": frozenset({"feed"})})
    (found,) = breaking_changes(before(), now)
    assert str(found) == "topic posts: it is not delivered any more. Breaks: insights"


def test_a_removed_field_of_graphql_breaks_clients() -> None:
    now = replace(before(), graphql="type Query { posts(id: ID!): String }")
    (found,) = breaking_changes(before(), now)
    assert "Query.post was removed" in found.what
    assert found.broken == {PUBLIC}


CALLS = {"posts": {"/x.v1.Posts/Get": frozenset({"orders"})}}


def proto() -> Document:
    """A file with a method, a message and an enumeration, as protobuf describes it."""
    text = {"name": "text", "number": 1, "type": "TYPE_STRING", "label": "LABEL_OPTIONAL"}
    get = {"name": "Get", "inputType": ".x.v1.Post", "outputType": ".x.v1.Post"}
    return {
        "package": "x.v1",
        "service": [{"name": "Posts", "method": [get]}],
        "messageType": [{"name": "Post", "nestedType": [{"name": "Line", "field": [text]}]}],
        "enumType": [{"name": "State", "value": [{"name": "OPEN", "number": 0}]}],
    }


def text_of(file: Document) -> Document:
    found: Document = file["messageType"][0]["nestedType"][0]["field"][0]
    return found


OF_GRPC: list[tuple[Callable[[Document], object], str]] = [
    (lambda file: file.clear(), "the method Posts.Get was removed"),
    (lambda file: file["service"][0]["method"].pop(), "the method Posts.Get was removed"),
    (
        lambda file: file["service"][0]["method"][0].update(serverStreaming=True),
        "outputType=.x.v1.Post serverStreaming=True now",
    ),
    (lambda file: file["messageType"].pop(), "the field Post.Line = 1 was removed"),
    (lambda file: text_of(file).update(number=2), "the field Post.Line = 1 was removed"),
    (lambda file: text_of(file).update(name="words"), "is name=words type=TYPE_STRING"),
    (lambda file: text_of(file).update(type="TYPE_INT64"), "type=TYPE_INT64"),
    (lambda file: text_of(file).update(label="LABEL_REPEATED"), "label=LABEL_REPEATED now"),
    (lambda file: file["enumType"][0]["value"].pop(), "the value State = 0 was removed"),
]


@pytest.mark.parametrize(("change", "what"), OF_GRPC)
def test_a_change_of_grpc_breaks_its_callers(
    change: Callable[[Document], object], what: str
) -> None:
    now = proto()
    change(now)
    old = replace(before(), grpc={"posts": proto()}, calls=CALLS)
    found = breaking_changes(old, replace(old, grpc={"posts": now}))
    assert what in " ".join(map(str, found))
    assert {change.broken for change in found} == {frozenset({"orders"})}


def test_an_added_field_and_method_of_grpc_break_nobody() -> None:
    now = proto()
    now["messageType"][0]["field"] = [{"name": "more", "number": 1, "type": "TYPE_STRING"}]
    now["service"][0]["method"].append({"name": "List"})
    old = replace(before(), grpc={"posts": proto()}, calls=CALLS)
    assert breaking_changes(old, replace(old, grpc={"posts": now})) == []


def test_the_gate_compares_every_file_of_grpc() -> None:
    assert gate.released().grpc.keys() == gate.present().grpc.keys() == {"catalog"}
    old = gate.released()
    found = breaking_changes(old, replace(old, grpc={}))
    assert any("the method Catalog.Quote was removed" in change.what for change in found)
    assert {change.broken for change in found} == {frozenset({"gateway", "orders"})}


def test_what_a_service_may_do_breaks_nobody() -> None:
    def change(now: Contracts) -> None:
        operation(now)["parameters"].append({"in": "query", "name": "x", "schema": {}})
        operation(now)["parameters"][1]["schema"]["maximum"] = 100
        body(now)["properties"]["kind"]["enum"].append("c")
        body(now)["properties"]["more"] = {"type": "string"}
        body(now)["required"].clear()
        answer(now)["properties"]["more"] = {"type": "string"}
        answer(now)["properties"]["state"]["enum"].remove("closed")
        answer(now)["required"].append("state")
        told(now)["properties"]["more"] = {"type": "string"}
        now.openapi["posts"]["paths"]["/new"] = {"get": operation(now)}
        now.events["channels"]["new"] = {"messages": {}}

    assert plant(change) == []


def test_a_request_may_become_any_object() -> None:
    def change(now: Contracts) -> None:
        body(now).clear()
        body(now).update(type="object", additionalProperties=True)

    assert plant(change) == []


def test_a_route_that_nobody_calls_may_go() -> None:
    old = replace(before(), calls={"posts": {}})
    now = replace(old, openapi={"posts": {"paths": {}}})
    assert breaking_changes(old, now) == []


def test_a_change_of_the_public_api_breaks_its_clients() -> None:
    old = replace(before(), openapi={"gateway": before().openapi["posts"]}, calls={})
    (found,) = breaking_changes(old, replace(old, openapi={"gateway": {"paths": {}}}))
    assert found.broken == {PUBLIC}


def test_an_accepted_change_is_not_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("released")
    gate.write_released(folder)
    now = gate.present()
    monkeypatch.setattr(gate, "present", lambda: replace(now, graphql=now.graphql + SECOND))
    assert gate.unaccepted(folder) == []
    monkeypatch.setattr(gate, "present", lambda: replace(now, events={"channels": {}}))
    found = gate.unaccepted(folder)
    assert "topic posts: the topic was removed" in {change.key for change in found}
    lines = "".join(f'"{change.key}": its consumers are changed too\n' for change in found)
    (folder / "accepted.yaml").write_text(lines)
    assert gate.unaccepted(folder) == []


SECOND = "\ntype SecondType { x: Int }\n"
