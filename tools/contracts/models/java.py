"""Models in Java: a class for each contract, with a record for each type."""

from __future__ import annotations

import re

from tools.contracts.models.schemas import Contract, Field, NamedModel, Type, type_name

_SCALARS = {"string": "String", "integer": "Long", "number": "Double", "boolean": "Boolean"}
_WORDS = """
abstract assert boolean break byte case catch char class const continue default do double else enum
extends false final finally float for goto if implements import instanceof int interface long native
new null package private protected public return short static strictfp super switch synchronized
this throw throws transient true try void volatile while
clone finalize getClass hashCode notify notifyAll toString wait
"""
"""Words of the language, and in the last line names that a record may not give a component."""

_TAKEN = frozenset(_WORDS.split())


def class_name(contract: Contract) -> str:
    """The name of the class of a contract: no type in it has that name."""
    return f"{type_name(contract.name)}Contract"


def render(contract: Contract) -> str:
    """The file with all types of a contract."""
    name = class_name(contract)
    records = "".join(
        f"\n{_record(model, contract)}"
        for model in contract.models.values()
        if model.alias is None  # Java has no other names for types
    )
    return f"/** The types of a contract in docs/contracts. */\npublic final class {name} {{\n" + (
        f"    private {name}() {{}}\n{records}}}\n"
    )


def _record(model: NamedModel, contract: Contract) -> str:
    about = model.about.replace("*/", "* /").replace("\\", "/")
    fields = ",\n".join(f"        {_component(each, contract)}" for each in model.fields)
    lines = f"    /** {about} */\n" if about else ""
    return f"{lines}    public record {model.name}(\n{fields}) {{}}\n"


def _component(own: Field, contract: Contract) -> str:
    first, *others = re.split(r"\W+|_", own.name)
    name = first + "".join(each[:1].upper() + each[1:] for each in others)
    return f"{_type(own.type, contract)} {name}{'_' if name in _TAKEN else ''}"


def _type(own: Type, contract: Contract) -> str:
    own = contract.resolved(own)
    if own.kind == "list" and own.item:
        return f"java.util.List<{_type(own.item, contract)}>"
    if own.kind == "map" and own.item:
        return f"java.util.Map<String, {_type(own.item, contract)}>"
    return own.name or _SCALARS.get(own.kind, "Object")
