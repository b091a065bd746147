"""Models in TypeScript: interfaces, and the schemas that a program checks what it receives with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tools.contracts.models.schemas import (
    Contract,
    Field,
    NamedModel,
    Type,
    read_contract,
    type_name,
)

HEADER = "// Generated from docs/contracts by `python -m tools.contracts.models`: do not edit.\n"

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
_CHECKED = ("type", "required", "enum", "const", "minimum", "maxLength")
"""What guests/ts/schema.ts understands, beside what is in other schemas."""

_NAME = re.compile(r"[A-Za-z_]\w*")


def render(contract: Contract) -> str:
    """A module with all types of a contract."""
    return HEADER + "".join(f"\n{_declaration(model)}" for model in contract.models.values())


def render_events(document: Mapping[str, Any], topics: Iterable[str]) -> str:
    """A module for a service that listens to some topics: their types, producers and schemas."""
    schemas = document["components"]["schemas"]
    events = {name: own for topic in sorted(topics) for name, own in _events_of(topic, document)}
    needed = _reachable({"CloudEvent", *events}, schemas)
    models = read_contract("events", {"components": {"schemas": _only(needed, schemas)}}).models
    producers = {own["topic"]: own["source"] for own in events.values()}
    types = {own["type"]: {"schema": name} for name, own in events.items()}
    return "\n".join(
        [
            HEADER,
            'import type { Schemas } from "../../ts/schema.ts";\n',
            *(_declaration(model) for model in models.values()),
            f"export type AnyEvent = {' | '.join(sorted(events))};\n",
            "/** The service that publishes each topic. */",
            f"export const producers: Readonly<Record<string, string>> = {_literal(producers)};\n",
            "/** The schema of each type of event. */",
            "export const events: Readonly<Record<string, { readonly schema: string }>> = "
            f"{_literal(types)};\n",
            f"export const schemas: Schemas = {_literal(_pruned_all(needed, schemas))};\n",
        ]
    )


def _events_of(topic: str, document: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, str]]]:
    schemas = document["components"]["schemas"]
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] != f"#/channels/{topic}":
            continue
        message = schemas[f"{type_name(topic)}Message"]
        items = message["properties"]["data"]["properties"]["events"]["items"]
        for each in items.get("oneOf", [items]):
            name = each["$ref"].rpartition("/")[2]
            own = schemas[name]["properties"]
            source, kind = own["source"]["const"], own["type"]["const"]
            yield name, {"topic": topic, "source": source, "type": kind}


def _reachable(names: Iterable[str], schemas: Mapping[str, Any]) -> list[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
    return sorted(found)


def _only(names: Iterable[str], schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schemas[name] for name in names}


def _pruned_all(names: Iterable[str], schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _pruned(schemas[name]) for name in names}


def _pruned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without what nobody checks."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"].rpartition("/")[2]}
    pruned = {key: schema[key] for key in _CHECKED if key in schema}
    if "properties" in schema:
        properties = schema["properties"].items()
        pruned["properties"] = {name: _pruned(each) for name, each in properties}
    if "items" in schema:
        pruned["items"] = _pruned(schema["items"])
    if "anyOf" in schema:
        pruned["anyOf"] = [_pruned(each) for each in schema["anyOf"]]
    return pruned


def _literal(value: Any) -> str:
    return json.dumps(value, indent=2)


def _declaration(model: NamedModel) -> str:
    about = f"/** {model.about} */\n" if model.about else ""
    if model.alias:
        return f"{about}export type {model.name} = {_type(model.alias)};\n"
    fields = "".join(_field(each) for each in model.fields)
    return f"{about}export interface {model.name} {{\n{fields}}}\n"


def _field(own: Field) -> str:
    name = own.name if _NAME.fullmatch(own.name) else json.dumps(own.name)
    return f"  readonly {name}{'' if own.is_required else '?'}: {_type(own.type)};\n"


def _type(own: Type) -> str:
    return f"{_bare(own)} | null" if own.is_nullable else _bare(own)


def _bare(own: Type) -> str:
    if own.values:
        return " | ".join(json.dumps(value) for value in own.values)
    if own.choices:
        return " | ".join(_bare(each) for each in own.choices)
    if own.kind == "list" and own.item:
        return f"ReadonlyArray<{_type(own.item)}>"
    if own.kind == "map" and own.item:
        return f"Readonly<Record<string, {_type(own.item)}>>"
    return own.name or _SCALARS.get(own.kind, "unknown")
