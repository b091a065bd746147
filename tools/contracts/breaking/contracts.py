"""Compares all contracts of two releases, and says which change breaks whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import build_schema, find_breaking_changes

from services.chassis.security.access_rules import Access
from tools.contracts.breaking import protos
from tools.contracts.breaking.schemas import Json, SchemaComparison, resolved

PUBLIC = "clients of the public API"

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class BreakingChange:
    """A change, and who relies on what it changes: services, or clients of the public API."""

    where: str
    what: str
    broken: frozenset[str]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. Breaks: {', '.join(sorted(self.broken))}"

    @property
    def key(self) -> str:
        """How it is named in the list of accepted changes."""
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Contracts:
    """All contracts of a release: what services answer, tell, and let others do."""

    openapi: Mapping[str, Json]
    events: Json
    graphql: str
    calls: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """The callers of each route and method of gRPC, by service."""
    subscribers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By topic."""
    grpc: Mapping[str, Json] = field(default_factory=dict)
    """The descriptor of each file in `proto/`."""


def callers_and_subscribers(
    access: Access,
) -> tuple[dict[str, Mapping[str, frozenset[str]]], dict[str, frozenset[str]]]:
    """The callers of each route and method by service, and the subscribers of each topic."""
    topics = {topic for own in access.values() for topic in own.publishes}
    subscribers = {
        topic: frozenset(name for name, own in access.items() if topic in own.subscribes)
        for topic in sorted(topics)
    }
    return {name: {**own.calls, **own.grpc} for name, own in access.items()}, subscribers


def breaking_changes(old: Contracts, new: Contracts) -> list[BreakingChange]:
    """Every change that breaks somebody, sorted."""
    kinds = (_routes, _callers, _events, _graphql, _grpc)
    return sorted({change for kind in kinds for change in kind(old, new)}, key=str)


# ── routes ──────────────────────────────────────────────────────────────────────────────────


def _routes(old: Contracts, new: Contracts) -> Iterator[BreakingChange]:
    for service, document in old.openapi.items():
        others = new.openapi.get(service, {"paths": {}})
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                route = f"{method.upper()} {path}"
                broken = _users_of(service, route, old)
                if not broken:
                    continue  # health, events and the operator's routes
                other = others["paths"].get(path, {}).get(method)
                for what in _operation(operation, other, document, others):
                    yield BreakingChange(f"{service}: {route}", what, broken)


def _users_of(service: str, route: str, contracts: Contracts) -> frozenset[str]:
    callers = contracts.calls.get(service, {}).get(route, frozenset())
    return callers | ({PUBLIC} if service == "gateway" else set())


def _operation(old: Json, new: Json | None, was: Json, now: Json) -> Iterator[str]:
    if new is None:
        yield "the route was removed"
        return
    yield from _security(old, new)
    yield from _parameters(old, new, was, now)
    yield from _body(old, new, was, now)
    yield from _answers(old, new, was, now)


def _security(old: Json, new: Json) -> Iterator[str]:
    """Each way to be let in must still be one. A token with other scopes is refused everywhere."""
    before, after = old.get("security", [{}]), new.get("security", [{}])
    if after == [{}]:
        return  # tokens are not looked at
    for given in before:
        if not any(_is_enough(given, needed) for needed in after):
            wanted = " or ".join(sorted(map(_described, after)))
            yield f"{_described(given)} is not enough any more, it needs {wanted}"


def _is_enough(given: Json, needed: Json) -> bool:
    scopes = all(set(needed[scheme]) <= set(given.get(scheme, ())) for scheme in needed)
    return given.keys() == needed.keys() and scopes


def _described(need: Json) -> str:
    scopes = [scope for each in need.values() for scope in each]
    return f"a token for {' and '.join(scopes)}" if scopes else "a token" if need else "no token"


def _parameters(old: Json, new: Json, was: Json, now: Json) -> Iterator[str]:
    before, after = _named(old), _named(new)
    for place, name in sorted(before.keys() - after.keys()):
        yield f"the {place} parameter {name} was removed"
    for (place, name), own in sorted(after.items()):
        earlier = before.get((place, name))
        if own.get("required") and not (earlier and earlier.get("required")):
            yield f"the {place} parameter {name} is required now"
        if earlier:
            where = f"the {place} parameter {name}"
            comparison = SchemaComparison(was, now, is_input=True)
            yield from comparison.faults(earlier["schema"], own["schema"], where)


def _named(operation: Json) -> dict[tuple[str, str], Json]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", ())}


def _body(old: Json, new: Json, was: Json, now: Json) -> Iterator[str]:
    before, after = old.get("requestBody"), new.get("requestBody")
    if after and after.get("required") and not (before and before.get("required")):
        yield "a body is required now"
    if before and not after:
        yield "the body is not read any more"
    if before and after:
        comparison = SchemaComparison(was, now, is_input=True)
        for media, own in before["content"].items():
            other = after["content"].get(media)
            if other is None:
                yield f"the body may no longer be {media}"
            else:
                faults = comparison.faults(own.get("schema", {}), other.get("schema", {}))
                yield from (f"request: {fault}" for fault in faults)


def _answers(old: Json, new: Json, was: Json, now: Json) -> Iterator[str]:
    for status, answer in old["responses"].items():
        if not status.startswith("2"):
            continue  # errors have one shape, and callers expect them all
        other = new["responses"].get(status)
        if other is None:
            yield f"it no longer answers {status}"
            continue
        given = resolved(answer, was).get("content", {}).get(_JSON, {}).get("schema")
        gives = resolved(other, now).get("content", {}).get(_JSON, {}).get("schema")
        if given is not None:
            comparison = SchemaComparison(was, now, is_input=False)
            faults = comparison.faults(given, gives or {})
            yield from (f"answer {status}: {fault}" for fault in faults)


def _callers(old: Contracts, new: Contracts) -> Iterator[BreakingChange]:
    """Callers that are not let in any more, to routes that are still there."""
    for service, calls in old.calls.items():
        for route, callers in calls.items():
            left = new.calls.get(service, {}).get(route)
            lost = callers - left if left is not None else frozenset()
            if lost:
                where = f"{service}: {route}"
                yield BreakingChange(where, "the caller may not call it any more", lost)


# ── events ──────────────────────────────────────────────────────────────────────────────────


def _events(old: Contracts, new: Contracts) -> Iterator[BreakingChange]:
    for topic in old.events["channels"]:
        broken = old.subscribers.get(topic, frozenset())
        if not broken:
            continue
        if topic not in new.events["channels"]:
            yield BreakingChange(f"topic {topic}", "the topic was removed", broken)
            continue
        known = _types_of(topic, new.events)
        for kind, schema in _types_of(topic, old.events).items():
            for what in _event(schema, known.get(kind), old.events, new.events):
                yield BreakingChange(f"topic {topic}: {kind}", what, broken)
    for topic, names in old.subscribers.items():
        lost = names - new.subscribers.get(topic, names)
        if lost:
            yield BreakingChange(f"topic {topic}", "it is not delivered any more", lost)


def _event(old: Json, new: Json | None, was: Json, now: Json) -> Iterator[str]:
    if new is None:
        yield "the event was removed"
    else:
        yield from SchemaComparison(was, now, is_input=False).faults(old, new)


def _types_of(topic: str, document: Json) -> dict[str, Json]:
    """The schema of each type of event on a topic."""
    found: dict[str, Json] = {}
    for message in document["channels"][topic]["messages"].values():
        payload = resolved(message["payload"], document)
        items = payload["properties"]["data"]["properties"]["events"]["items"]
        for each in items.get("oneOf", [items]):
            schema = resolved(each, document)
            found[schema["properties"]["type"]["const"]] = schema
    return found


# ── GraphQL ─────────────────────────────────────────────────────────────────────────────────


def _graphql(old: Contracts, new: Contracts) -> Iterator[BreakingChange]:
    if old.graphql == new.graphql:
        return
    changes: list[Any] = find_breaking_changes(build_schema(old.graphql), build_schema(new.graphql))
    for change in changes:
        what = str(change.description).rstrip(".")
        yield BreakingChange("GraphQL", what, frozenset({PUBLIC}))


# ── gRPC ────────────────────────────────────────────────────────────────────────────────────


def _grpc(old: Contracts, new: Contracts) -> Iterator[BreakingChange]:
    for name, file in old.grpc.items():
        prefix = protos.method_prefix(file)
        routes = (route for calls in old.calls.values() for route in calls.items())
        users = [callers for route, callers in routes if route.startswith(prefix)]
        for what in protos.faults(file, new.grpc.get(name, {})):
            yield BreakingChange(f"gRPC: {name}.proto", what, frozenset[str]().union(*users))
