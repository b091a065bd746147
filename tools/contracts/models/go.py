"""Models in Go: a package for each contract, with tags for `encoding/json`."""

from __future__ import annotations

import re

from tools.contracts.models.schemas import Contract, Field, NamedModel, Type, type_name

_SCALARS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}


def package_name(contract: Contract) -> str:
    """The name of the package of a contract."""
    return re.sub(r"\W", "", contract.name)


def render(contract: Contract) -> str:
    """The file with all types of a contract."""
    package = package_name(contract)
    about = (
        f"// Package {package} has the types of a contract in docs/contracts.\npackage {package}\n"
    )
    return about + "".join(f"\n{_declaration(model)}" for model in contract.models.values())


def _declaration(model: NamedModel) -> str:
    about = f"// {model.name}: {model.about}\n" if model.about else ""
    if model.alias:
        return f"{about}type {model.name} = {_type(model.alias)}\n"
    fields = "".join(_field(each) for each in model.fields)
    return f"{about}type {model.name} struct {{\n{fields}}}\n"


def _field(own: Field) -> str:
    kind = _type(own.type)
    if not own.is_required and not kind.startswith(("*", "[]", "map[")) and kind != "any":
        kind = f"*{kind}"  # else a field that is left out could not be told from an empty one
    tag = own.name if own.is_required else f"{own.name},omitempty"
    return f'\t{type_name(own.name)} {kind} `json:"{tag}"`\n'


def _type(own: Type) -> str:
    if own.kind == "list" and own.item:
        return f"[]{_type(own.item)}"
    if own.kind == "map" and own.item:
        return f"map[string]{_type(own.item)}"
    bare = own.name or _SCALARS.get(own.kind, "any")
    return f"*{bare}" if own.is_nullable and bare != "any" else bare
