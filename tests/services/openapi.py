"""Examples in an OpenAPI document, on the content itself or on the model of its schema."""

from __future__ import annotations

from typing import Any


def has_example(document: dict[str, Any], content: dict[str, Any]) -> bool:
    """Return whether a body has an example, directly or on the model that it consists of."""
    if "example" in content or content.get("examples"):
        return True
    schema = content["schema"]
    for inner in ("items", "additionalProperties", "items"):
        if isinstance(schema.get(inner), dict):
            schema = schema[inner]
    for option in schema.get("anyOf", ()):
        schema = option if "$ref" in option else schema
    name = schema.get("$ref", "").rpartition("/")[2]
    model = document["components"]["schemas"].get(name, {})
    return bool(model.get("examples"))
