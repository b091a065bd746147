"""The schemas of the kinds that deploy/kubernetes uses, from what an API server says of itself.

They are kept beside the tests, so that these need no cluster; `test --kubernetes` compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/"
_KEPT = {
    *("type", "properties", "items", "required", "enum", "format", "pattern", "nullable"),
    *("additionalProperties", "allOf", "anyOf", "oneOf", "minimum", "maximum", "$ref"),
    *("minLength", "maxLength", "minItems", "maxItems"),
}
_OPEN = "x-kubernetes-preserve-unknown-fields"
_FORMATS = {"int-or-string": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}


def kind_of(document: Schema) -> str:
    """Return the key of an object's schema: `apps/v1 Deployment`."""
    return f"{document['apiVersion']} {document['kind']}"


def schemas_of(api_documents: Iterable[Schema], kinds: Iterable[str]) -> Schema:
    """Return one JSON schema with a definition for each kind that the API documents know.

    `api_documents` are those of `/openapi/v3/…`. Unknown fields are errors where Kubernetes drops
    or refuses them.
    """
    definitions: Schema = {}
    for document in api_documents:
        definitions |= document.get("components", {}).get("schemas", {})
    by_kind = {kind: name for name, schema in definitions.items() for kind in _kinds(schema)}
    wanted = {kind: by_kind[kind] for kind in sorted(kinds) if kind in by_kind}
    reached = sorted(_reached(wanted.values(), definitions))
    return {
        "kinds": wanted,
        "definitions": {name: _strict(definitions[name]) for name in reached},
    }


def trigger_schemas(scalers: Iterable[Schema], types: Iterable[str]) -> dict[str, Schema]:
    """Return a JSON schema of the `metadata` of each of these triggers, by its name here.

    `scalers` are those of KEDA's own `scalers-schema.json`: its definition of a ScaledObject takes
    any. A parameter that has a default, or may be in a TriggerAuthentication, is not required.
    """
    wanted = set(types)
    return {
        trigger_name(each["type"]): _trigger(each) for each in scalers if each["type"] in wanted
    }


def trigger_name(type: str) -> str:
    """Return the name of the schema of a trigger."""
    return f"trigger.{type}"


def _trigger(scaler: Schema) -> Schema:
    taken = [
        each
        for each in scaler["parameters"]
        if each.get("metadataVariableReadable") and "deprecated" not in each
    ]
    return {
        "type": "object",
        "properties": {each["name"]: _parameter(each) for each in taken},
        "required": [
            each["name"]
            for each in taken
            if not each.keys() & {"optional", "default", "triggerAuthenticationVariableReadable"}
        ],
        "additionalProperties": False,
    }


def _parameter(parameter: Schema) -> Schema:
    allowed = parameter.get("allowedValue")
    return {"type": "string", "enum": allowed} if allowed else {"type": "string"}


def _kinds(schema: Schema) -> Iterator[str]:
    for each in schema.get("x-kubernetes-group-version-kind", ()):
        group = f"{each['group']}/" if each["group"] else ""
        yield f"{group}{each['version']} {each['kind']}"


def _reached(names: Iterable[str], definitions: Schema) -> set[str]:
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += _references(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_REFERENCE)
        for each in value.values():
            yield from _references(each)
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _strict(schema: Any) -> Any:
    """Return a schema as JSON Schema has it, without texts, that refuses unknown fields."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") in _FORMATS or schema.get("x-kubernetes-int-or-string"):
        return _FORMATS["int-or-string"]
    found = {key: _part(key, each) for key, each in schema.items() if key in _KEPT}
    is_open = schema.get(_OPEN) or "additionalProperties" in schema
    if "properties" in found and not is_open:
        found["additionalProperties"] = False
    if found.pop("nullable", False):
        return {"anyOf": [found, {"type": "null"}]}
    return found


def _part(key: str, value: Any) -> Any:
    if key == "$ref":
        return "#/definitions/" + value.removeprefix(_REFERENCE)
    if key == "properties":
        return {name: _strict(each) for name, each in value.items()}
    return value if key in ("required", "enum") else _strict(value)
