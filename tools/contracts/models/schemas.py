"""Reads the schemas of a contract as types with names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = Mapping[str, Any]

_SCALARS = ("string", "integer", "number", "boolean")


@dataclass(frozen=True, slots=True)
class Type:
    """A type: a scalar, `list` or `map` of `item`, `named`, `union` of `choices`, or `any`.

    `values` are the texts that a string may be, if the contract names them.
    """

    kind: str
    name: str = ""
    item: Type | None = None
    values: tuple[str, ...] = ()
    choices: tuple[Type, ...] = ()
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model, by its name in JSON. One with a default may be left out."""

    name: str
    type: Type
    is_required: bool


@dataclass(frozen=True, slots=True)
class NamedModel:
    """An object with a name, or another type that has got one (`alias`)."""

    name: str
    about: str = ""
    fields: tuple[Field, ...] = ()
    alias: Type | None = None


@dataclass(slots=True)
class Contract:
    """The named types of one document."""

    name: str
    models: dict[str, NamedModel] = field(default_factory=dict)

    def resolved(self, own: Type) -> Type:
        """A type, or what its name stands for, in languages without such names."""
        model = self.models.get(own.name)
        if model is None or model.alias is None:
            return own
        found = self.resolved(model.alias)
        return replace(found, is_nullable=own.is_nullable or found.is_nullable)


def read_contract(name: str, document: Json) -> Contract:
    """The models of all schemas in a document. Raises `ValueError` for two of one name."""
    reader = _Reader(Contract(name))
    for title, schema in document.get("components", {}).get("schemas", {}).items():
        reader.add(type_name(title), schema)
    return reader.contract


def type_name(title: str) -> str:
    """The name of a type, such as `PostChangedEvent`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"\W+|_", title) if part)


class _Reader:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def add(self, name: str, schema: Json) -> None:
        if name in self.contract.models:
            raise ValueError(f"{self.contract.name}: two schemas have the name {name}")
        about = str(schema.get("description", "")).partition("\n")[0]
        if "properties" not in schema:
            alias = self.type_of(schema, f"{name}Value")
            self.contract.models[name] = NamedModel(name, about, alias=alias)
            return
        self.contract.models[name] = NamedModel(name)  # the name is taken before those within
        self.contract.models[name] = NamedModel(name, about, tuple(self._fields(name, schema)))

    def _fields(self, owner: str, schema: Json) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, each in schema["properties"].items():
            yield Field(name, self.type_of(each, owner + type_name(name)), name in required)

    def type_of(self, schema: Json, hint: str) -> Type:
        """The type of a schema. An object without a name gets its title, or `hint`."""
        if "$ref" in schema:
            return Type("named", type_name(schema["$ref"].rpartition("/")[2]))
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            return self._choice(choices, hint)
        if "properties" in schema:
            name = type_name(schema.get("title", "")) or hint
            name = hint if name in self.contract.models else name
            self.add(name, schema)
            return Type("named", name)
        return self._plain(schema, hint)

    def _choice(self, choices: list[Json], hint: str) -> Type:
        real = [each for each in choices if each.get("type") != "null"]
        found = tuple(
            self.type_of(each, f"{hint}{number or ''}") for number, each in enumerate(real)
        )
        own = found[0] if len(set(found)) == 1 else Type("union", choices=found)
        return replace(own, is_nullable=len(real) < len(choices))

    def _plain(self, schema: Json, hint: str) -> Type:
        values = (schema["const"],) if "const" in schema else tuple(schema.get("enum", ()))
        if values and all(isinstance(value, str) for value in values):
            return Type("string", values=values)
        kind = schema.get("type")
        if kind in _SCALARS:
            return Type(kind)
        if kind == "array":
            return Type("list", item=self._item(schema, hint))
        inner = schema.get("additionalProperties")
        if kind == "object" and isinstance(inner, Mapping):
            return Type("map", item=self.type_of(inner, hint + "Value"))
        return Type("map", item=Type("any")) if kind == "object" else Type("any")

    def _item(self, schema: Json, hint: str) -> Type:
        kinds = [self.type_of(each, hint + "Item") for each in schema.get("prefixItems", ())]
        if kinds:
            return kinds[0] if len(set(kinds)) == 1 else Type("any")
        return self.type_of(schema.get("items", {}), hint + "Item")
